#!/usr/bin/env bash
# MNIST, a tenth of the images, imbalance ratio 100, noise ratio 0.1, 40 epochs, runs 0 and 1, with 100 and 1,000 clean
# images: the controls that are strongest on DIGITS, the method and its refit, with 100 images also one that takes over soft
# labels and one with absolute confidence. About three hours of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --dataset MNIST -ir 100 -nr 0.1 -sr 0.1 --epochs 40 --hyper-start 10 --threads 1
    --aug-model SEP --los-model BOTH"
LEARNED=resnet18thin_opt_FIS_est_True_aug_model_SEP_los_model_BOTH_ir_100_sr_0.1_nr_0.1_valid_images_100_hyper_start_10

for run in ${RUNS:-0 1}; do
    for count in 100 1000; do
        $TRAIN -r "run$run" --valid-images $count --train-on both
        alone="--train-on valid"
        ((count > 150)) || alone+=" --batch-size 8" # as in evidence-digits.sh
        $TRAIN -r "run$run" --valid-images $count $alone
        $TRAIN -r "run$run" --valid-images $count --hyper-opt FIS --refit
    done
    few="$TRAIN -r run$run --valid-images 100"
    $few --hyper-opt FIS --refit --rows-use WCS
    $few --train-on both --hyper-opt CON --rows "$LEARNED" --confidence-form absolute --rows-use W
done
$PYTHON get-results.py --dataset MNIST --compare --match 'valid_images_1000?_'
$PYTHON get-results.py --dataset MNIST --all --match 'valid_images_1000?_' --runs-csv "$RUNS_CSV"

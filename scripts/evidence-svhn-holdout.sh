#!/usr/bin/env bash
# SVHN digits that were split by photograph into local_data/SVHN-holdout/{train,test}.npz, imbalance ratio 100, noise ratio
# 0.1, run 0, with 1,000 clean images: the controls that are strongest on DIGITS, the method and its refit. At a size for a
# CPU: a small network, a tenth of the images, 30 epochs; in batches of 32 at ten times the learning rate, since the
# recipe's make too few steps to learn anything. About two hours of one core; what is finished is skipped. With a GPU:
# SIZE="--epochs 200" for WRN-28-10 on all images.
source "$(dirname "$0")/begin.sh"
SIZE=${SIZE:---model wresnet10_2 -sr 0.1 --epochs 30 --hyper-start 8 --batch-size 32 --lr 0.05 --threads 1}
TRAIN="$PYTHON implicit-augment.py --dataset SVHN-holdout --recipe SVHN -ir 100 -nr 0.1 --valid-images 1000 $SIZE
    --aug-model SEP --los-model BOTH"

for run in ${RUNS:-0}; do
    $TRAIN -r "run$run" --train-on both
    $TRAIN -r "run$run" --train-on valid
    $TRAIN -r "run$run" --hyper-opt FIS --refit
done
$PYTHON get-results.py --dataset SVHN-holdout --compare --match valid_images_1000
$PYTHON get-results.py --dataset SVHN-holdout --all --match valid_images_1000 --runs-csv "$RUNS_CSV"

#!/usr/bin/env bash
# MNIST, a tenth of the images, imbalance ratio 100, noise ratio 0.1, 40 epochs, runs 0 and 1, with 100 and 1,000 clean
# images: the controls that are strongest on DIGITS, the method and its refit. About two hours of one core; what is
# finished is skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --dataset MNIST -ir 100 -nr 0.1 -sr 0.1 --epochs 40 --hyper-start 10 --threads 1
    --aug-model SEP --los-model BOTH"

for run in ${RUNS:-0 1}; do
    for count in 100 1000; do
        $TRAIN -r "run$run" --valid-images $count --train-on both
        $TRAIN -r "run$run" --valid-images $count --train-on valid
        $TRAIN -r "run$run" --valid-images $count --hyper-opt FIS --refit
    done
done
$PYTHON -m benchmarks.evidence --dataset MNIST --match 'valid_images_1000?_'

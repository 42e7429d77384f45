#!/usr/bin/env bash
# MNIST, a tenth of the images, imbalance ratio 100, noise ratio 0.1, 40 epochs, run 0: baseline, control and method,
# the learned rows also with the published code's warp. About two hours of one core; what is finished is skipped.
# To use a split file of the published code, put it into local_data/MNIST/run0 first.
set -euo pipefail
(($# == 0)) || { echo "error: unknown argument '$*'; RUNS= names the runs" >&2 && exit 2; }
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
DISTORTION="--dataset MNIST -ir 100 -nr 0.1 -sr 0.1"
SCHEDULE="--epochs 40 --hyper-start 10 --threads 1"

for run in ${RUNS:-0}; do
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION $SCHEDULE
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION $SCHEDULE --aug-model SEP --los-model BOTH
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION $SCHEDULE --aug-model SEP --los-model BOTH --hyper-opt HES
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION $SCHEDULE --aug-model SEP --los-model BOTH --warp original
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION $SCHEDULE --aug-model SEP --los-model BOTH --hyper-opt HES \
        --warp original
done
$PYTHON get-results.py --dataset MNIST --all --plot local_data/MNIST/figures

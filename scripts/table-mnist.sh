#!/usr/bin/env bash
# MNIST, a tenth of the images, imbalance ratio 100, noise ratio 0.1, 40 epochs, runs 0 and 1: baseline, policy, every
# learned method and its control; last the method and the control with the published code's warp. About five hours of one
# core; what is finished is skipped. To use a split file of the published code, put it into local_data/MNIST/run0 first.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --dataset MNIST -ir 100 -nr 0.1 -sr 0.1 --epochs 40 --hyper-start 10 --threads 1"

for run in ${RUNS:-0 1}; do
    $TRAIN -r "run$run" --aug-model NONE
    $TRAIN -r "run$run" --aug-model RAND
    $TRAIN -r "run$run" --aug-model SHA --hyper-opt HES
    $TRAIN -r "run$run" --aug-model SEP --hyper-opt HES
    $TRAIN -r "run$run" --aug-model SEP --los-model WGHT --hyper-opt HES
    $TRAIN -r "run$run" --aug-model SEP --los-model BOTH --hyper-opt FIS
    for warp in paper original; do
        $TRAIN -r "run$run" --aug-model SEP --los-model BOTH --warp "$warp" --hyper-opt HES
        $TRAIN -r "run$run" --aug-model SEP --los-model BOTH --warp "$warp"
    done
done
MATCH='_ir_100_sr_0.1_nr_0.1(_warp_original)?(_hyper_start_10)?$'
$PYTHON get-results.py --dataset MNIST --all --match "$MATCH" --plot local_data/MNIST/figures --runs-csv "$RUNS_CSV"

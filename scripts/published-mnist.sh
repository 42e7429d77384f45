#!/usr/bin/env bash
# MNIST beside the published code: a tenth of the images, imbalance ratio 100, noise ratio 0.1, 40 epochs, runs 0 to 2 on
# one split file of the published code, which goes into local_data/MNIST/run0, run1 and run2 first. The baseline, learned
# weights and the method as published, then the method with the paper's warp. About four hours of one core; what is
# finished is skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --no-cuda --dataset MNIST -ir 100 -nr 0.1 -sr 0.1 --epochs 40 --hyper-start 10 --threads 1"

for run in ${RUNS:-0 1 2}; do
    $TRAIN -r "run$run" --warp original --aug-model NONE
    $TRAIN -r "run$run" --warp original --aug-model SEP --los-model WGHT --hyper-opt HES
    $TRAIN -r "run$run" --warp original --method AutoDO
    $TRAIN -r "run$run" --method AutoDO
done
MATCH='(NONE_los_model_NONE|WGHT|HES_.*BOTH)_ir_100_sr_0.1_nr_0.1_warp_original|HES_.*BOTH_ir_100_sr_0.1_nr_0.1_hyper_start_10$'
$PYTHON get-results.py --dataset MNIST --all --match "$MATCH" --runs-csv "$RUNS_CSV"

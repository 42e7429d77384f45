#!/usr/bin/env bash
# DIGITS, imbalance ratio 10, noise ratio 0.1, runs 0 to 3: SEP/BOTH with one setting of the estimator changed at a time,
# then test errors and how well weights and soft labels tell wrong labels. About ten minutes of one core; what is
# finished is skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --no-cuda --dataset DIGITS -ir 10 -nr 0.1 --aug-model SEP --los-model BOTH"

for run in ${RUNS:-0 1 2 3}; do
    $TRAIN -r "run$run" --hyper-opt HES
    $TRAIN -r "run$run" --hyper-opt FIS
    for setting in "valid full" "valid full --hyper-steps 30"; do
        $TRAIN -r "run$run" --hyper-opt HES --hyper-$setting
    done
    for setting in "steps 0" "steps 100" "damping 0.1" "damping 10"; do
        $TRAIN -r "run$run" --hyper-opt FIS --hyper-$setting
    done
done
MATCH='opt_(HES|FIS)_.*SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1(_hyper_(steps|valid|damping)_[a-z0-9.]+)*$'
$PYTHON get-results.py --compare labels --match "$MATCH"
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"

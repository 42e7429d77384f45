#!/usr/bin/env bash
# DIGITS, imbalance ratio 10, noise ratio 0.1: every method, runs 0 to 3, then the table and its learning curves.
# About 15 minutes of one core; what is finished is skipped. RUNS="0 1" bash scripts/table-digits.sh does fewer.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --no-cuda --dataset DIGITS -ir 10 -nr 0.1"

for run in ${RUNS:-0 1 2 3}; do
    $TRAIN -r "run$run" --aug-model NONE
    $TRAIN -r "run$run" --aug-model RAND
    $TRAIN -r "run$run" --aug-model SHA --hyper-opt HES
    $TRAIN -r "run$run" --aug-model SEP --hyper-opt HES
    $TRAIN -r "run$run" --aug-model SEP --los-model WGHT --hyper-opt HES
    $TRAIN -r "run$run" --aug-model SEP --los-model SOFT --hyper-opt HES
    $TRAIN -r "run$run" --aug-model SEP --los-model BOTH --hyper-opt HES
    $TRAIN -r "run$run" --aug-model SEP --los-model BOTH --hyper-opt FIS
    # The control: the same rows, never trained.
    $TRAIN -r "run$run" --aug-model SEP --los-model BOTH
done
MATCH='_ir_10_sr_1.0_nr_0.1$'
$PYTHON get-results.py --dataset DIGITS --all --match "$MATCH" --plot local_data/DIGITS/figures --runs-csv "$RUNS_CSV"

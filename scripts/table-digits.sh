#!/usr/bin/env bash
# DIGITS, imbalance ratio 10, noise ratio 0.1: every row, runs 0 to 3, then the table and its learning curves.
# About 12 minutes of one core; a row that is finished is skipped. RUNS="0 1" bash scripts/table-digits.sh does fewer.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
DISTORTION="--dataset DIGITS -ir 10 -nr 0.1"

for run in ${RUNS:-0 1 2 3}; do
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION --aug-model NONE
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION --aug-model SHA --hyper-opt HES
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION --aug-model SEP --hyper-opt HES
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION --aug-model SEP --los-model WGHT --hyper-opt HES
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION --aug-model SEP --los-model SOFT --hyper-opt HES
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION --aug-model SEP --los-model BOTH --hyper-opt HES
    # The control: the same rows, never trained.
    $PYTHON implicit-augment.py -r "run$run" $DISTORTION --aug-model SEP --los-model BOTH
done
$PYTHON get-results.py --dataset DIGITS --all --plot local_data/DIGITS/figures

#!/usr/bin/env bash
# SVHN digits that were split by photograph into local_data/SVHN-holdout/{train,test}.npz, imbalance ratio 100, noise
# ratio 0.1, run 0, at a size for a CPU: a small network, a tenth of the images, 30 epochs. The last run is the same
# network on the data without distortion. About three hours of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --dataset SVHN-holdout --recipe SVHN --model wresnet10_2 -sr 0.1 --epochs 30
    --hyper-start 8 --threads 1"

for run in ${RUNS:-0}; do
    $TRAIN -r "run$run" -ir 100 -nr 0.1
    $TRAIN -r "run$run" -ir 100 -nr 0.1 --aug-model SEP --los-model BOTH --hyper-opt HES
    $TRAIN -r "run$run" -ir 100 -nr 0.1 --aug-model RAND
    $TRAIN -r "run$run" -ir 100 -nr 0.1 --aug-model AUTO --policy SVHN
    $TRAIN -r "run$run"
done
MATCH='_sr_0.1_nr_0.[01](_policy_SVHN)?(_hyper_start_8)?$'
$PYTHON get-results.py --dataset SVHN-holdout --all --match "$MATCH" --plot local_data/SVHN-holdout/figures --runs-csv "$RUNS_CSV"

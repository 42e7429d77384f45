#!/usr/bin/env bash
# DABO on MNIST, a tenth of the images, 40 epochs, imbalance ratio 100, noise ratio 0.1, runs 0 and 1, beside no
# augmentation, RAND and AutoDO's rows by FIS. About two hours of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
for run in ${RUNS:-0 1}; do
    for setting in "" "--aug-model RAND" "--aug-model NET --hyper-opt UNR" \
        "--aug-model SEP --los-model BOTH --hyper-opt UNR --hyper-start 10" \
        "--aug-model SEP --los-model BOTH --hyper-opt FIS --hyper-start 10"; do
        $PYTHON implicit-augment.py --no-cuda --threads 1 --dataset MNIST -sr 0.1 --epochs 40 -r "run$run" -ir 100 -nr 0.1 $setting
    done
done
MATCH='model_(NONE|RAND|SEP|NET)_los_model_(NONE|BOTH)_ir_100_sr_0.1_nr_0.1(_hyper_start_10)?$'
$PYTHON get-results.py --dataset MNIST --all --match "$MATCH" --runs-csv "$RUNS_CSV"
$PYTHON get-results.py --dataset MNIST --compare --accuracy last_five --against '^NONE' --match "$MATCH"

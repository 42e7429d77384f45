#!/usr/bin/env bash
# DABO on SVHN digits that were split by photograph into local_data/SVHN-holdout/{train,test}.npz, in the small protocol,
# imbalance ratio 10, noise ratio 0.2, runs 0 and 1, beside no augmentation, RAND and AutoDO's rows by FIS. The rows of UNR
# move in every fourth step, since an exact step costs some seven plain ones. About two hours of one core; what is finished
# is skipped.
source "$(dirname "$0")/begin.sh"
UNR="--hyper-opt UNR --unroll-every 4"
for run in ${RUNS:-0 1}; do
    for setting in "" "--aug-model RAND" "--aug-model NET $UNR" "--aug-model SEP --los-model BOTH $UNR" \
        "--aug-model SEP --los-model BOTH --hyper-opt FIS"; do
        $PYTHON implicit-augment.py --no-cuda --threads 1 --dataset SVHN-holdout --recipe small -sr 0.25 -r "run$run" \
            -ir 10 -nr 0.2 $setting
    done
done
MATCH='model_(NONE|RAND|SEP|NET)_los_model_(NONE|BOTH)_ir_10_sr_0.25_nr_0.2(_unroll_every_4)?$'
$PYTHON get-results.py --dataset SVHN-holdout --all --match "$MATCH" --runs-csv "$RUNS_CSV"
$PYTHON get-results.py --dataset SVHN-holdout --compare --accuracy last_five --against '^NONE' --match "$MATCH"

#!/usr/bin/env bash
# DABO's estimator UNR on DIGITS, imbalance ratio 10, noise ratio 0.1, runs 0 to 7: the network NET and every other part of a
# row, beside untrained controls, policies, HES and FIS. About two hours of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
NET="--aug-model NET"
for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
    for setting in "" "--aug-model RAND" "--aug-model SHA" "--aug-model SEP" "--aug-model SEP --los-model BOTH" \
        "$NET --net-start published" "$NET --hyper-opt UNR" "$NET --hyper-opt FIS" "--aug-model SHA --hyper-opt UNR" \
        "--aug-model SEP --hyper-opt UNR" "--los-model WGHT --hyper-opt UNR" \
        "--aug-model SEP --los-model BOTH --hyper-opt "{UNR,HES,FIS}; do
        $PYTHON implicit-augment.py --no-cuda -r "run$run" -ir 10 -nr 0.1 $setting
    done
done
MATCH='opt_(NONE|UNR|HES|FIS)_.*_model_(NONE|RAND|SHA|SEP|NET)_los_model_(NONE|BOTH|WGHT)_ir_10_sr_1.0_nr_0.1(_net_start_published)?$'
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"
for accuracy in selected_on_validation last_five; do
    $PYTHON get-results.py --compare --accuracy $accuracy --against '^NONE$' --match "$MATCH"
done

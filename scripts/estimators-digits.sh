#!/usr/bin/env bash
# DIGITS, imbalance ratio 10, noise ratio 0.1, runs 0 to 7: the estimators HES and FIS side by side, then how well their
# weights and soft labels tell wrong labels. About 5 minutes of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
SETTING="--dataset DIGITS -ir 10 -nr 0.1 --aug-model SEP --los-model BOTH"

for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
    $PYTHON implicit-augment.py --no-cuda -r "run$run" $SETTING --hyper-opt HES
    $PYTHON implicit-augment.py --no-cuda -r "run$run" $SETTING --hyper-opt FIS
done
$PYTHON get-results.py $SETTING --hyper-opt HES
$PYTHON get-results.py $SETTING --hyper-opt FIS
MATCH='opt_(HES|FIS)_est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1$'
$PYTHON get-results.py --compare labels --match "$MATCH"
for accuracy in selected_on_validation last_epoch; do
    $PYTHON get-results.py --compare --match "$MATCH" --against HES --accuracy $accuracy
done
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"

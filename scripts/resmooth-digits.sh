#!/usr/bin/env bash
# DIGITS, without distortion and with imbalance ratio 10 and noise ratio 0.2, runs 0 to 7: ReSmooth beside the baseline,
# RandAugment with plain cross-entropy and with all labels smoothed alike. About three hours of one core; what is finished
# is skipped.
source "$(dirname "$0")/begin.sh"
STRONG="--aug-model RA --rand 2,28"
SMOOTH="$STRONG --los-model SOFT --hyper-opt GMM --mixture-originals 0"

for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
    for distortion in "-ir 10 -nr 0.2" "-ir 1 -nr 0.0"; do
        for setting in "" "$STRONG" "$SMOOTH --mixture-posterior ood" "$SMOOTH" "$SMOOTH --mixture-form released"; do
            $PYTHON implicit-augment.py --no-cuda -r "run$run" $distortion $setting
        done
    done
done
MATCH='(NONE_los_model_NONE|RA_los_model_(NONE|SOFT))_(ir_10_sr_1.0_nr_0.2|ir_1_sr_1.0_nr_0.0)(_rand_2,28.*)?$'
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"
for accuracy in last_epoch last_five; do
    $PYTHON get-results.py --compare --accuracy $accuracy --against '^RA rand 2,28, on' --match "$MATCH"
done

#!/usr/bin/env bash
# DIGITS with wrong labels, imbalanced and balanced, after 5, 30 and 200 epochs: right and wrong labels that look wrong, of
# the baseline, HES and FIS, runs 1 to 3; and runs 0 and 4, on which the threshold was chosen. About 40 minutes of one core;
# what is finished is skipped.
source "$(dirname "$0")/begin.sh"
METHOD="--aug-model SEP --los-model BOTH"
NOISY='_(ir_10_sr_1.0_nr_0.1|ir_1_sr_1.0_nr_0.3)(_hyper_start_[0-9]+)?$'
MATCH="(opt_NONE_est_True_aug_model_NONE_los_model_NONE|opt_(HES|FIS)_est_True_aug_model_SEP_los_model_BOTH)$NOISY"

for epochs in 5 30 200; do
    data="--data local_data/audit-epochs-$epochs"
    train="$PYTHON implicit-augment.py --no-cuda $data --epochs $epochs"
    start="--hyper-start $((epochs / 4))"
    for run in ${RUNS:-0 1 2 3 4}; do
        for distortion in "-ir 10 -nr 0.1" "-ir 1 -nr 0.3"; do
            $train -r "run$run" $distortion
            $train -r "run$run" $distortion $METHOD --hyper-opt HES $start
            $train -r "run$run" $distortion $METHOD --hyper-opt FIS $start
        done
    done
    for runs in "1 2 3" "0 4"; do
        $PYTHON get-results.py $data --compare audits --match "$MATCH" --only-runs $runs
    done
    $PYTHON get-results.py $data --all --match "$MATCH" --runs-csv "${RUNS_CSV%.csv}-$epochs.csv"
done

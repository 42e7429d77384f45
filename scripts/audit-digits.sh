#!/usr/bin/env bash
# DIGITS with wrong labels, imbalanced and balanced, runs 0 to 3: how well an audit finds them, beside confident learning
# (the package cleanlab: pip install -r benchmarks/requirements.txt). And runs 4 to 7, on which score and threshold were
# chosen. About 25 minutes of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
METHOD="--aug-model SEP --los-model BOTH"

for run in 0 1 2 3 4 5 6 7; do
    for distortion in "-ir 10 -nr 0.1" "-ir 1 -nr 0.3"; do
        $PYTHON implicit-augment.py --no-cuda -r "run$run" $distortion $METHOD --hyper-opt FIS
        if ((run < 4)); then
            $PYTHON implicit-augment.py --no-cuda -r "run$run" $distortion
            $PYTHON implicit-augment.py --no-cuda -r "run$run" $distortion $METHOD --hyper-opt HES
        fi
    done
done
NOISY='(ir_10_sr_1.0_nr_0.1|ir_1_sr_1.0_nr_0.3)$'
MATCH="(opt_NONE_est_True_aug_model_NONE_los_model_NONE|opt_(HES|FIS)_est_True_aug_model_SEP_los_model_BOTH)_$NOISY"
$PYTHON -m benchmarks.audit --no-cuda --match "$MATCH" --runs 0 1 2 3
$PYTHON get-results.py --compare audits --match "$MATCH" --only-runs 0 1 2 3
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"
$PYTHON get-results.py --compare audits --match "opt_FIS_est_True_aug_model_SEP_los_model_BOTH_$NOISY" --only-runs 4 5 6 7

#!/usr/bin/env bash
# DIGITS, imbalance ratio 10, noise ratio 0.1, runs 0 to 3: the policies AUTO and DADA that were searched on SVHN, since
# none was on DIGITS. About two minutes of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"

for run in ${RUNS:-0 1 2 3}; do
    for policy in AUTO DADA; do
        $PYTHON implicit-augment.py --no-cuda -r "run$run" -ir 10 -nr 0.1 --aug-model $policy --policy SVHN
    done
done
$PYTHON get-results.py --all --match 'policy_SVHN' --runs-csv "$RUNS_CSV"

#!/usr/bin/env bash
# How well the posterior of ReSmooth tells wrong labels, beside the audits of FIS and of the baseline and confident learning
# (the package cleanlab: pip install -r benchmarks/requirements.txt): DIGITS, runs 0 to 3, and MNIST, run 0, without
# confident learning. Each with originals smoothed as well or not. About two hours of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
GMM="--aug-model RA --rand 2,28 --los-model SOFT --hyper-opt GMM"
FIS="--aug-model SEP --los-model BOTH --hyper-opt FIS"
MNIST="--dataset MNIST -sr 0.1 --epochs 40 --threads 1"

for run in ${RUNS:-0 1 2 3}; do
    for distortion in "-ir 10 -nr 0.1" "-ir 1 -nr 0.3"; do
        for setting in "" "$FIS" "$GMM" "$GMM --mixture-smooth-originals"; do
            $PYTHON implicit-augment.py --no-cuda -r "run$run" $distortion $setting
        done
    done
done
for distortion in "-ir 10 -nr 0.1" "-ir 1 -nr 0.3"; do
    for setting in "$FIS --hyper-start 10" "$GMM" "$GMM --mixture-smooth-originals"; do
        $PYTHON implicit-augment.py --no-cuda $MNIST $distortion $setting
    done
done
SETTINGS='opt_(NONE_est_True_aug_model_NONE_los_model_NONE|FIS_est_True_aug_model_SEP_los_model_BOTH|GMM_.*_SOFT)'
MATCH="${SETTINGS}_(ir_10_sr_1.0_nr_0.1|ir_1_sr_1.0_nr_0.3)(_rand_2,28(_mixture_smooth_originals_True)?)?$"
$PYTHON -m benchmarks.audit --no-cuda --match "$MATCH" --runs 0 1 2 3
$PYTHON get-results.py --compare audits --match "$MATCH" --only-runs 0 1 2 3
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"
MATCH="${SETTINGS}_(ir_10_sr_0.1_nr_0.1|ir_1_sr_0.1_nr_0.3)(_hyper_start_10|_rand_2,28.*)?$"
$PYTHON get-results.py --dataset MNIST --compare audits --match "$MATCH" --only-runs 0
$PYTHON get-results.py --dataset MNIST --all --match "$MATCH" --runs-csv "${RUNS_CSV%.csv}-mnist.csv"

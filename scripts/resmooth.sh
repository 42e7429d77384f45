# Sourced by the scripts that compare ReSmooth with its controls on a data set, without distortion and with imbalance
# ratio 10 and noise ratio 0.2: the baseline, RandAugment with plain cross-entropy, with all labels smoothed alike,
# and ReSmooth.
#
# They set DATASET, TRAINING (flags of the training), SUBSAMPLE (ratio), RAND (as --rand has it) and SMOOTHING
# (flags), and may use $STRONG, $GMM and $SMOOTH.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"

# train_all RUNS [SETTING ...]: the four settings and further ones at both distortions.
train_all() {
    local runs=$1 run distortion setting
    shift
    for run in $runs; do
        for distortion in "-ir 10 -nr 0.2" "-ir 1 -nr 0.0"; do
            for setting in "" "$STRONG" "$SMOOTH --mixture-posterior ood" "$SMOOTH" "$@"; do
                $PYTHON implicit-augment.py --no-cuda --dataset $DATASET -sr "$SUBSAMPLE" $TRAINING -r "run$run" \
                    $distortion $setting
            done
        done
    done
}

# tabulate [FURTHER]: a table with four accuracies, and comparisons with plain RandAugment; FURTHER settings by their
# names.
tabulate() {
    local accuracy methods="NONE_los_model_NONE|RA_los_model_(NONE|SOFT)${1:+|$1}"
    local match="($methods)_(ir_10_sr_${SUBSAMPLE}_nr_0.2|ir_1_sr_${SUBSAMPLE}_nr_0.0)(_rand_$RAND.*|_mixture.*)?\$"
    $PYTHON get-results.py --dataset $DATASET --all --match "$match" --runs-csv "$RUNS_CSV"
    for accuracy in last_epoch last_five; do
        $PYTHON get-results.py --dataset $DATASET --compare --accuracy $accuracy --against "^RA .*rand $RAND" \
            --match "$match"
    done
}

STRONG="--aug-model RA --rand $RAND"
GMM="--los-model SOFT --hyper-opt GMM"
SMOOTH="$STRONG $GMM --mixture-originals 0 $SMOOTHING"

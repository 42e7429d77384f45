#!/usr/bin/env bash
# The four published systems side by side on the same distorted data: AutoDO (with HES as published, and with FIS), DABO,
# ReSmooth, all with their refits, Efficient Augmentation with half of the images, AutoDO's rows by DABO's estimator, and
# the controls of each. All settings of a run share one split file.
#
#     bash scripts/table-four.sh                                      # DIGITS, four distortions, runs 0 to 7 or 0 to 3
#     DATASET=MNIST bash scripts/table-four.sh                        # the distortions of that data set, runs 0 and 1
#     DATASET=SVHN DISTORTIONS="1 0.0,100 0.1" GPUS="0 1" bash scripts/table-four.sh     # "IR NR" pairs
#
# ROWS has a pattern of the settings to train (all: .), such as 'FIS|--method'. TRAINING has further flags for all of them,
# beside those of the data set; these runs have a list of their own. RUNS=, GPUS= and --print are as in
# scripts/published-settings.sh; without GPUS all runs are on the CPU, one after the other. Every run goes into
# docs/results/table-four-DATASET.csv, or table-four-DATASET-own.csv. About three hours of two cores for DIGITS.
GPUS=${GPUS:-none}
ASKED_RUNS=${RUNS:-}
source "$(dirname "$0")/published-settings.sh"
DATASET=${DATASET:-DIGITS}
require DATASET "$DATASET" '[A-Za-z0-9_-]+' DIGITS
TABLE=table-four-${DATASET,,}

# Of the data sets for which the table has been made: flags, distortions, strength of RandAugment, steps that UNR leaves out.
start="" every="" smooth="" failed=0
case $DATASET in
    DIGITS) training="" distortions="10 0.1,1 0.0,1 0.4,100 0.1" rand=2,28 ;;
    MNIST) training="-sr 0.1 --epochs 40 --threads 1" distortions="100 0.1" start="--hyper-start 10" rand=2,28 ;;
    SVHN-holdout) training="-sr 0.25 --recipe small --threads 1" distortions="10 0.2" rand=3,28 every="--unroll-every 4" smooth="--mixture-smooth 0.3" ;;
    CIFAR-10N) training="-sr 0.42 --recipe small --threads 1 --labels local_data/CIFAR-10N/worst.npy" distortions="1 0.0" rand=2,28 every="--unroll-every 4" ;;
    *) training="" distortions="1 0.0" rand=2,28 ;;
esac
if [[ -n ${TRAINING:-} ]]; then
    TABLE+=-own # other settings than those of the pages, in a list of their own
fi
TRAINING="$training ${TRAINING:-}"
DISTORTIONS=${DISTORTIONS:-$distortions}
require DISTORTIONS "$DISTORTIONS" '[0-9]+ [0-9]+(\.[0-9]+)?(,[0-9]+ [0-9]+(\.[0-9]+)?)*' "1 0.0,10 0.1"
IFS=, read -ra DISTORTIONS <<<"$DISTORTIONS"
BOTH="--aug-model SEP --los-model BOTH"
LEARNT="$BOTH $start --hyper-opt"
RA="--rand $rand"
# As their --method, without the trainings that it brings on data of its paper: here all have one training.
DABO="--aug-model NET --hyper-opt UNR"
RESMOOTH="--aug-model RA --los-model SOFT --hyper-opt GMM"
EFFAUG="--method EffAug --augmented 50%"
METHODS=(
    "--aug-model NONE"
    "--aug-model RAND"
    "$LEARNT HES --refit"
    "$LEARNT FIS --refit"
    "$BOTH"
    "$BOTH --train-on both"
    "$BOTH --train-on valid"
    "$DABO $every --refit"
    "--aug-model NET --net-start published"
    "$LEARNT UNR $every"
    "$RESMOOTH $RA $smooth --mixture-originals 0 --refit"
    "--aug-model RA $RA"
    "$EFFAUG"
    "$EFFAUG --select-order random"
    "--aug-model TRANSLATE"
)
chosen=()
for method in "${METHODS[@]}"; do
    read -ra words <<<"$method"
    method=${words[*]} # with single spaces, as --print shows it
    [[ ! $method =~ ${ROWS:-.} ]] || chosen+=("$method")
done
if ((${#chosen[@]} == 0)); then
    echo "error: no setting matches ROWS='$ROWS', a regular expression; they are:" "${METHODS[@]/#/$'\n'}" >&2
    exit 2
fi
METHODS=("${chosen[@]}")

# No other settings of these run folders.
D='ir_[0-9]+_sr_[0-9.]+_nr_[0-9.]+(_labels_worst)?'
PLAIN="(NONE|RAND|TRANSLATE)_los_model_NONE_$D|RA_los_model_NONE_${D}_rand_$rand|NET_los_model_NONE_${D}_net_start_published"
MATCH="(NONE_est_True_aug_model_($PLAIN)|_SEP_los_model_BOTH_$D(_train_on_(both|valid))?"
MATCH+="|UNR_est_True_aug_model_NET_los_model_NONE_$D|SEL_est_True_aug_model_TRANSLATE_los_model_NONE_$D(_augmented_50%)?"
MATCH+="|GMM_est_True_aug_model_RA_los_model_SOFT_${D}_rand_$rand(_mixture_smooth_0.3)?_mixture_originals_0.0)"
MATCH+='(_hyper_start_10|_unroll_every_4|_select_order_random|_refit_(WC|A|S))*$'
[[ $TABLE != *-own ]] || MATCH=.

for distortion in "${DISTORTIONS[@]}"; do
    case $DATASET,$distortion in
        "DIGITS,10 0.1" | "DIGITS,1 0.0") RUNS=${ASKED_RUNS:-0 1 2 3 4 5 6 7} ;;
        DIGITS,*) RUNS=${ASKED_RUNS:-0 1 2 3} ;;
        *) RUNS=${ASKED_RUNS:-0 1} ;;
    esac
    train_settings "$DATASET" "$distortion" || failed=1
done
tabulate_settings "$DATASET"
exit "$failed"

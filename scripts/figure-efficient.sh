#!/usr/bin/env bash
# The published experiments of Efficient Augmentation: two classes, the first 1,000 images, three kinds of copies, twelve
# selections by influence and the support vectors, runs 0 to 4. MNIST: LeNet on the 1,000 images. CIFAR10, smallNORB: features
# of a network of all classes, which is trained first. A few minutes of one core per data set, and the training of that network.
# DATASETS="MNIST" and COPIES="TRANSLATE" name some of them. --print, RUNS= and GPUS= as scripts/published-settings.sh says;
# `--print | .venv/bin/python scripts/in-process.py` runs them in one process.
RUNS=${RUNS:-0 1 2 3 4}
source "$(dirname "$0")/published-settings.sh"
UPDATE=--select-update DOWN=--select-downweight
SELECTIONS=("--select-order random")
for modifiers in "" "$UPDATE" "$DOWN" "$UPDATE $DOWN"; do
    SELECTIONS+=("--select-order proportional $modifiers" "--select-order top $modifiers")
done
SELECTIONS+=("--select-order inverse" "--select-order bottom" "--select-order bottom $UPDATE")
SELECTIONS+=("--select-score support --select-order top --select-budgets support")

# figure DATASET FLAGS FEATURES
figure() {
    local dataset=$1 flags=$2 features=$3 copies selection
    [[ " ${DATASETS:-MNIST CIFAR10 smallNORB} " == *" $dataset "* ]] || return 0
    METHODS=()
    [[ -z $features ]] || METHODS+=("$features")
    for copies in ${COPIES:-TRANSLATE ROTATE CROP}; do
        for selection in "${SELECTIONS[@]}"; do
            METHODS+=("$flags --method EffAug --select-scale raw --aug-model $copies $selection")
        done
    done
    MATCH='opt_SEL_.*_first_images_1000'
    TABLE=figure-efficient-${dataset,,} FIGURES=${FIGURES:-figures}
    published_settings "$dataset" "1 0.0"
}

NAME=resnet18small_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0
figure MNIST "--classes 3,8 --first-images 1000 --model lenet --epochs 40 --batch-size 500" ""
for dataset in CIFAR10 smallNORB; do
    figure "$dataset" "--classes 0,1 --first-images 1000 --model resnet18small --features-of $NAME" \
        "--model resnet18small"
done

#!/usr/bin/env bash
# The settings of DABO's published code, 16 of them, and of its paper's data sets: no learned augmentation, an affine one,
# an affine one with colour, and a spatial transformer on the CIFARs; ImageNet without the baseline; 1 run.
# --print, RUNS= and GPUS= as scripts/published-settings.sh says.
RUNS=${RUNS:-0}
source "$(dirname "$0")/published-settings.sh"
BASELINE="--method DABO --aug-model NONE --hyper-opt NONE"
AFFINE="--method DABO --net-kind affine"
COLOUR="--method DABO --net-kind affine-colour"
TRANSFORMER="--method DABO --aug-model STN --hyper-opt NONE"

# dabo DATASET MATCH SETTING [SETTING ...]
dabo() {
    MATCH=$2
    METHODS=("${@:3}")
    TABLE=table-dabo-${1,,}
    published_settings "$1" "1 0.0"
}

dabo CIFAR10 _method_DABO "$BASELINE" "$AFFINE" "$COLOUR" "$TRANSFORMER"
dabo CIFAR100 _method_DABO "$BASELINE" "$AFFINE" "$COLOUR" "$TRANSFORMER"
dabo TinyImageNet . "$BASELINE" "$AFFINE" "$COLOUR"
dabo BACH . "$BASELINE" "$AFFINE" "$COLOUR"
dabo ImageNet _method_DABO "$AFFINE" "$COLOUR --weight-decay 5e-4"

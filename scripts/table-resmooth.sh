#!/usr/bin/env bash
# The published settings of ReSmooth, 20 of them: baseline and RandAugment on CIFAR10, CIFAR100 and SVHN, jigsaw and
# quarter turns on the CIFARs, all with ResNet-18 and WRN-28-10; 1 run. RandAugment starts from the baseline's network.
# --print, RUNS= and GPUS= as scripts/published-settings.sh says.
RUNS=${RUNS:-0}
source "$(dirname "$0")/published-settings.sh"
MATCH=_method_ReSmooth
BASELINE="--method ReSmooth --aug-model NONE --los-model NONE --hyper-opt NONE"
RA="--method ReSmooth"
STRANGE="--method ReSmooth --mixture-posterior ood --mixture-originals 0.6 --mixture-smooth"
WIDE="--model wrn28_10"

# resmooth DATASET [SMOOTHING OF JIGSAW WITH RESNET-18] [WITH WRN-28-10]
resmooth() {
    METHODS=("$BASELINE" "$BASELINE $WIDE" "$RA" "$RA $WIDE --cutout 16")
    if (($# > 1)); then
        METHODS+=("$STRANGE $2 --aug-model JIGSAW" "$STRANGE $3 --aug-model JIGSAW $WIDE --cutout 16")
        METHODS+=("$STRANGE 0.5 --aug-model QUARTER" "$STRANGE 0.5 --aug-model QUARTER $WIDE --cutout 16")
    fi
    TABLE=table-resmooth-${1,,}
    published_settings "$1" "1 0.0"
}

resmooth CIFAR10 0.2 0.3
resmooth CIFAR100 0.4 0.4
resmooth SVHN

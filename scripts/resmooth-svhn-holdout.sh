#!/usr/bin/env bash
# ReSmooth on SVHN digits that were split by photograph into local_data/SVHN-holdout/{train,test}.npz, in the small
# protocol, runs 0 and 1; without distortion also jigsaw and quarter turns, with 60 % original images as published,
# with plain cross-entropy and smoothed. About six hours of one core; what is finished is skipped.
DATASET=SVHN-holdout TRAINING="--recipe small --threads 1" SUBSAMPLE=0.25 RAND=3,28
SMOOTHING="--mixture-smooth 0.3"
source "$(dirname "$0")/resmooth.sh"

train_all "${RUNS:-0 1}"
for run in ${RUNS:-0 1}; do
    for setting in "JIGSAW --mixture-smooth "{0,0.2} "QUARTER --mixture-smooth "{0,0.5}; do
        $PYTHON implicit-augment.py --no-cuda --dataset $DATASET -sr "$SUBSAMPLE" $TRAINING -r "run$run" $GMM \
            --mixture-posterior ood --mixture-originals 0.6 --aug-model $setting
    done
done
tabulate "(JIGSAW|QUARTER)_los_model_SOFT"

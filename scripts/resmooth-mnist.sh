#!/usr/bin/env bash
# ReSmooth on MNIST, a tenth of the images, 40 epochs, runs 0 and 1. About five hours of one core; what is finished is
# skipped.
DATASET=MNIST TRAINING="--epochs 40 --threads 1" SUBSAMPLE=0.1 RAND=2,28 SMOOTHING=""
source "$(dirname "$0")/resmooth.sh"

train_all "${RUNS:-0 1}"
tabulate

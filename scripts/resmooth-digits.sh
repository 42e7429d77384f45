#!/usr/bin/env bash
# ReSmooth on DIGITS, runs 0 to 7, also in its released form. About three hours of one core; what is finished is
# skipped.
DATASET=DIGITS TRAINING="" SUBSAMPLE=1.0 RAND=2,28 SMOOTHING=""
source "$(dirname "$0")/resmooth.sh"

train_all "${RUNS:-0 1 2 3 4 5 6 7}" "$SMOOTH --mixture-form released"
tabulate

#!/usr/bin/env bash
# Beside the rows of scripts/table-digits.sh: policies that were searched on SVHN, since none was on DIGITS; and what the
# clean validation images are worth, trained on alone and with the distorted ones: all 314 of them, 150, and 50, where
# the method is given as few. Runs 0 to 3, about 25 minutes of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --no-cuda --dataset DIGITS -ir 10 -nr 0.1"

for run in ${RUNS:-0 1 2 3}; do
    $TRAIN -r "run$run" --aug-model AUTO --policy SVHN
    $TRAIN -r "run$run" --aug-model DADA --policy SVHN
    for count in "" "--valid-images 50" "--valid-images 150"; do
        $TRAIN -r "run$run" $count --aug-model SEP --los-model BOTH --hyper-opt HES
        $TRAIN -r "run$run" $count --aug-model SEP --los-model BOTH --hyper-opt FIS
        for set in valid both; do
            $TRAIN -r "run$run" $count --train-on "$set" --aug-model SHA
            $TRAIN -r "run$run" $count --train-on "$set" --aug-model SEP --los-model BOTH
        done
    done
done
$PYTHON get-results.py --dataset DIGITS --all

#!/usr/bin/env bash
# DIGITS, imbalance ratio 10, noise ratio 0.1, runs 0 to 7, with 20 to 314 clean images: every control that trains on them,
# the method, and refits with the parts of the rows that it learned. About three hours of one core; what is finished is
# skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --no-cuda -ir 10 -nr 0.1"
METHOD="--aug-model SEP --los-model BOTH"

for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
    for count in 20 50 150 314; do
        some="--valid-images $count" alone=""
        [[ $count != 314 ]] || some="" # all there are
        [[ $count != 20 ]] || alone="--batch-size 20"
        for row in "--aug-model SHA" "$METHOD"; do
            $TRAIN -r "run$run" $some $row --train-on valid $alone
            $TRAIN -r "run$run" $some $row --train-on both
        done
        for estimator in HES FIS; do
            for use in W WS WSA; do
                $TRAIN -r "run$run" $some $METHOD --hyper-opt $estimator --refit --rows-use $use
            done
        done
    done
done
$PYTHON -m benchmarks.evidence --match ir_10_sr_1.0_nr_0.1 --plot local_data/DIGITS/evidence.png

#!/usr/bin/env bash
# What are the clean validation images worth? The method against training on them, with 50 and 150 of the 314 clean
# images, runs 0 to 3; scripts/table-digits.sh has the rows with all 314. About 15 minutes of one core.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
TRAIN="$PYTHON implicit-augment.py --no-cuda --dataset DIGITS -ir 10 -nr 0.1"

for run in ${RUNS:-0 1 2 3}; do
    for images in 50 150; do
        $TRAIN -r "run$run" --valid-images "$images" --aug-model SEP --los-model BOTH --hyper-opt HES
        for set in valid both; do
            $TRAIN -r "run$run" --valid-images "$images" --train-on "$set" --aug-model SHA
            $TRAIN -r "run$run" --valid-images "$images" --train-on "$set" --aug-model SEP --los-model BOTH
        done
    done
done
$PYTHON get-results.py --dataset DIGITS --all

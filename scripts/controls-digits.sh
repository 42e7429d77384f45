#!/usr/bin/env bash
# How strong the controls of evidence-digits.sh are, DIGITS, imbalance ratio 10, noise ratio 0.1, runs 0 to 7: those on the
# clean images alone in batches of the other size; and those with 400 epochs, as many as a refit has in its two trainings.
# About half an hour of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"

for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
    for count in 20 50 150 314; do
        control="$PYTHON implicit-augment.py --no-cuda -r run$run -ir 10 -nr 0.1 --aug-model SEP --los-model BOTH
            --valid-images $count"
        usual="--batch-size 8" other="--batch-size $((count < 32 ? count : 32))"
        ((count <= 150)) || other=$usual usual=""
        $control --train-on valid $other --data local_data/other-batches
        if ((count == 50 || count == 314)); then
            $control --train-on valid $usual --epochs 400 --data local_data/epochs-400
            $control --train-on both --epochs 400 --data local_data/epochs-400
        fi
    done
done
for data in other-batches epochs-400; do
    $PYTHON get-results.py --data "local_data/$data" --compare
    $PYTHON get-results.py --data "local_data/$data" --all --runs-csv "${RUNS_CSV%.csv}-$data.csv"
done

#!/usr/bin/env bash
# DIGITS with 20 to 314 clean images: every control that trains on them, the method, and its refit. Imbalance ratio 10 with
# noise ratio 0.1, runs 0 to 7; other distortions, runs 0 to 3. About four hours of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
METHOD="--aug-model SEP --los-model BOTH"

# compare "DISTORTION" "RUNS" "NUMBERS OF CLEAN IMAGES"
compare() {
    for run in $2; do
        for count in $3; do
            train="$PYTHON implicit-augment.py --no-cuda -r run$run $1 --valid-images $count"
            alone="--train-on valid"
            ((count > 150)) || alone+=" --batch-size 8" # all are full: of 32 there are four at most
            for method in "--aug-model SHA" "$METHOD"; do
                $train $method $alone
                $train $method --train-on both
            done
            $train $METHOD --hyper-opt HES --refit
            $train $METHOD --hyper-opt FIS --refit
        done
    done
}

compare "-ir 10 -nr 0.1" "${RUNS:-0 1 2 3 4 5 6 7}" "20 50 150 314"
for distortion in "-ir 100 -nr 0.1" "-ir 1 -nr 0.4" "-ir 10 -nr 0.0"; do
    compare "$distortion" "${RUNS:-0 1 2 3}" "50 314"
done
METHODS='^smallnet_opt_(NONE|HES|FIS)_est_True_aug_model_(SHA_los_model_NONE|SEP_los_model_BOTH)'
END='(_valid_images_[0-9]+)?(_train_on_[a-z]+|_refit_WC)?$'
FIRST="${METHODS}_ir_10_sr_1.0_nr_0.1$END"
$PYTHON get-results.py --compare --match "$FIRST" --plot local_data/DIGITS/evidence
$PYTHON get-results.py --compare --match "$FIRST" --against 'BOTH, untrained rows, on both'
EVERY="${METHODS}_ir_[0-9]+_sr_1.0_nr_[0-9.]+$END"
$PYTHON get-results.py --compare --match "$EVERY" --plot local_data/DIGITS/distortions
$PYTHON get-results.py --all --match "$EVERY" --runs-csv "$RUNS_CSV"

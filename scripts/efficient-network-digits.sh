#!/usr/bin/env bash
# Whole networks on DIGITS with a tenth, a quarter and half of the images augmented (RandAugment), by influence and at random,
# runs 0 to 7, undistorted and at imbalance ratio 10, noise ratio 0.2; there also without the labels that look wrong, and by
# the doubt about a label. About two hours of one core; what is finished is skipped.
source "$(dirname "$0")/begin.sh"
RA="--aug-model RA --rand 2,28"
ORDERS=("--select-order top" "--select-order random")
NOISY=("--select-order top --select-suspects last" "--select-order random --select-suspects last" \
    "--select-order top --select-score quality")
for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
    for distortion in "-ir 1 -nr 0.0" "-ir 10 -nr 0.2"; do
        begin="implicit-augment.py --no-cuda -r run$run $distortion"
        echo "$begin"
        echo "$begin $RA"
        orders=("${ORDERS[@]}")
        [[ $distortion == *0.0 ]] || orders+=("${NOISY[@]}")
        for order in "${orders[@]}"; do
            for share in 10% 25% 50%; do
                echo "$begin $RA --hyper-opt SEL $order --augmented $share"
            done
        done
    done
done | $PYTHON scripts/in-process.py
MATCH='_(NONE|RA)_los_model_NONE_ir_(1|10)_sr_1.0_nr_0.[02](_rand_2,28(_augmented_[0-9]+%.*)?)?$'
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"
for accuracy in best_on_test selected_on_validation last_epoch last_five; do
    $PYTHON get-results.py --compare --accuracy $accuracy --against '^NONE, on|^NONE$' --match "$MATCH"
done

#!/usr/bin/env bash
# Whole networks on SVHN digits that were split by photograph into local_data/SVHN-holdout/{train,test}.npz, in the small
# protocol, with a quarter of the images augmented (RAND), by influence and at random, runs 0 and 1, undistorted and at
# imbalance ratio 10, noise ratio 0.2; there also without the labels that look wrong. Some four hours of one core; what is
# finished is skipped.
source "$(dirname "$0")/begin.sh"
for run in ${RUNS:-0 1}; do
    for distortion in "-ir 1 -nr 0.0" "-ir 10 -nr 0.2"; do
        begin="--no-cuda --threads 1 --dataset SVHN-holdout --recipe small -sr 0.25 -r run$run $distortion"
        settings=("" "--aug-model RAND" "--aug-model RAND --hyper-opt SEL --augmented 25% "--select-order\ {top,random})
        [[ $distortion == *0.0 ]] || settings+=("--aug-model RAND --hyper-opt SEL --augmented 25% --select-order top --select-suspects last")
        for setting in "${settings[@]}"; do
            $PYTHON implicit-augment.py $begin $setting
        done
    done
done
MATCH='_(NONE|RAND)_los_model_NONE_ir_(1|10)_sr_0.25_nr_0.[02](_augmented_25%.*)?$'
$PYTHON get-results.py --dataset SVHN-holdout --all --match "$MATCH" --runs-csv "$RUNS_CSV"
$PYTHON get-results.py --dataset SVHN-holdout --compare --accuracy last_five --match "$MATCH"

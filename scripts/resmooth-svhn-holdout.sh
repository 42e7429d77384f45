#!/usr/bin/env bash
# SVHN digits that were split by photograph into local_data/SVHN-holdout/{train,test}.npz, in the small protocol, without
# distortion and with imbalance ratio 10 and noise ratio 0.2, runs 0 and 1: ReSmooth beside the baseline, RandAugment with
# plain cross-entropy and with all labels smoothed alike; without distortion also jigsaw and quarter turns, with 60 %
# original images as published, with plain cross-entropy and smoothed. About six hours of one core; what is finished is
# skipped.
source "$(dirname "$0")/begin.sh"
STRONG="--aug-model RA --rand 3,28"
GMM="--los-model SOFT --hyper-opt GMM"
SMOOTH="$STRONG $GMM --mixture-originals 0 --mixture-smooth 0.3"
TRAIN="$PYTHON implicit-augment.py --dataset SVHN-holdout --recipe small -sr 0.25 --threads 1 --no-cuda"

for run in ${RUNS:-0 1}; do
    for distortion in "-ir 10 -nr 0.2" "-ir 1 -nr 0.0"; do
        for setting in "" "$STRONG" "$SMOOTH --mixture-posterior ood" "$SMOOTH"; do
            $TRAIN -r "run$run" $distortion $setting
        done
    done
    for policy in "JIGSAW 0.2" "QUARTER 0.5"; do
        read -r name smooth <<<"$policy"
        for amount in 0 "$smooth"; do
            $TRAIN -r "run$run" --aug-model $name $GMM --mixture-posterior ood --mixture-originals 0.6 \
                --mixture-smooth $amount
        done
    done
done
MATCH='resnet18thin_.*_(ir_10_sr_0.25_nr_0.2|ir_1_sr_0.25_nr_0.0)(_rand_3,28.*|_mixture.*)?$'
$PYTHON get-results.py --dataset SVHN-holdout --all --match "$MATCH" --runs-csv "$RUNS_CSV"
for accuracy in last_epoch last_five; do
    $PYTHON get-results.py --dataset SVHN-holdout --compare --accuracy $accuracy --against '^RA rand 3,28, on' \
        --match "$MATCH"
done

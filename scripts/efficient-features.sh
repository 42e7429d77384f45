#!/usr/bin/env bash
# Efficient Augmentation on the features of one network: MNIST, a tenth of the images, and SVHN digits that were split by
# photograph into local_data/SVHN-holdout/{train,test}.npz, in the small protocol. Eight draws (runs 0 to 7) on the baseline
# of run 0 and its split. Half an hour of one core after the baselines, whose training takes a quarter of an hour each.
source "$(dirname "$0")/begin.sh"
SETTINGS=("--select-order random")
for score in influence loss confidence; do
    SETTINGS+=("--select-score $score "--select-order\ {proportional,top})
done
SETTINGS+=("--select-score margin "--select-order\ {inverse,bottom,proportional,top})

# draws DATASET SPLIT FLAGS
draws() {
    local folder=local_data/$1 run setting
    $PYTHON implicit-augment.py --no-cuda --threads 1 --dataset "$1" -r run0 $3
    for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
        if [[ ! -e $folder/run$run/$2 ]]; then
            mkdir -p "$folder/run$run"
            cp "$folder/run0/$2" "$folder/run$run/$2"
        fi
        [[ -e $folder/run$run/$2 ]] || continue # --print copies nothing, and a draw would make a split of its own
        for setting in "${SETTINGS[@]}"; do
            echo "implicit-augment.py --no-cuda --threads 1 --dataset $1 $3 -r run$run --method EffAug --features-of run0 $setting"
        done
    done | $PYTHON scripts/in-process.py
    $PYTHON get-results.py --dataset "$1" --compare curves --match opt_SEL_.*features_of_run0 --runs-csv "${RUNS_CSV%.csv}-${1,,}.csv"
}

for dataset in ${DATASETS:-MNIST SVHN-holdout}; do
    case $dataset in
        MNIST) draws MNIST data_ir_1_sr_0.1_nr_0.0.pt "-sr 0.1 --epochs 40" ;;
        *) draws "$dataset" data_ir_1_sr_0.25_nr_0.0.pt "--recipe small -sr 0.25" ;;
    esac
done

#!/usr/bin/env bash
# CIFAR-10 pictures with the labels that people gave (CIFAR-10N): local_data/CIFAR-10N/{train,test}.npz with the true labels,
# and beside them {worst,aggregate}.npy with the given ones, in the order of train.npz. A network is trained on the given
# labels of a third of the pictures; its features of all pictures, frozen, are then a data set: how well an audit on them
# finds the wrong labels, beside confident learning on the same features (the package cleanlab:
# pip install -r benchmarks/requirements.txt).
source "$(dirname "$0")/begin.sh"
for labels in ${LABELS:-worst aggregate}; do
    given="--no-cuda --labels local_data/CIFAR-10N/$labels.npy"
    network="--dataset CIFAR-10N --recipe small -sr 0.4 --epochs 12 --threads 1 $given"
    features="--dataset CIFAR-10N-$labels --recipe features --valid-images 1000 $given"
    $PYTHON implicit-augment.py $network -r run0
    if [[ ! -e local_data/CIFAR-10N-$labels/test.npz ]]; then
        name=resnet18thin_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_0.4_nr_0.0_labels_$labels
        $PYTHON scripts/features-of-run.py local_data/CIFAR-10N/run0 "local_data/CIFAR-10N-$labels" --name "$name"
    fi
    for run in ${RUNS:-0 1}; do
        $PYTHON implicit-augment.py $features -r "run$run"
        for estimator in FIS HES; do
            $PYTHON implicit-augment.py $features --los-model BOTH --hyper-opt $estimator -r "run$run"
        done
    done
    $PYTHON -m benchmarks.audit --no-cuda --dataset "CIFAR-10N-$labels"
    $PYTHON get-results.py --dataset "CIFAR-10N-$labels" --all --runs-csv "${RUNS_CSV%.csv}-$labels.csv"
done

#!/usr/bin/env bash
# Efficient Augmentation on MNIST, 3 against 8, the first 1,000 images, with a network that is better than the published LeNet:
# a thin ResNet-18 on the same images, runs 0 to 4. A quarter of an hour of one core.
source "$(dirname "$0")/begin.sh"
for run in ${RUNS:-0 1 2 3 4}; do
    for order in random proportional top; do
        echo "implicit-augment.py --no-cuda --threads 1 --dataset MNIST --classes 3,8 --first-images 1000 --epochs 40 -r run$run" \
            "--method EffAug --select-order $order"
    done
done | $PYTHON scripts/in-process.py
$PYTHON get-results.py --dataset MNIST --compare curves --match 'resnet18thin_opt_SEL_.*_first_images_1000' --runs-csv "$RUNS_CSV"

#!/usr/bin/env bash
# MNIST, a tenth of the images, with wrong labels, imbalanced and balanced: how well an audit finds them, beside confident
# learning (the package cleanlab: pip install -r benchmarks/requirements.txt). About 80 minutes of one core.
source "$(dirname "$0")/begin.sh"
METHOD="--aug-model SEP --los-model BOTH --hyper-opt FIS"

for run in ${RUNS:-0}; do
    for distortion in "-ir 100 -nr 0.1" "-ir 1 -nr 0.3"; do
        $PYTHON implicit-augment.py --dataset MNIST -r "run$run" -sr 0.1 $distortion --epochs 40 --hyper-start 10 $METHOD
    done
done
MATCH='opt_FIS_.*BOTH_(ir_100_sr_0.1_nr_0.1|ir_1_sr_0.1_nr_0.3)_hyper_start_10$'
$PYTHON -m benchmarks.audit --dataset MNIST --match "$MATCH"
$PYTHON get-results.py --dataset MNIST --compare audits --match "$MATCH"
$PYTHON get-results.py --dataset MNIST --all --match "$MATCH" --runs-csv "$RUNS_CSV"

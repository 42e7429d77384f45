#!/usr/bin/env bash
# What a refit should take over: DIGITS, imbalance ratio 10, noise ratio 0.1, runs 0 to 7, 50 and 314 clean images. All parts
# of the rows from both estimators; the network's confidence as a factor and by a threshold, also that of a control that
# takes no hypergradient; rows that were learned in fewer epochs. Then differences to other rows than the strongest control,
# and runs 0 to 3, on which the refit's parts were chosen, apart from the others. About five hours of one core; what is
# finished is skipped.
source "$(dirname "$0")/begin.sh"
METHOD="--aug-model SEP --los-model BOTH"

for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
    for count in 50 314; do
        train="$PYTHON implicit-augment.py --no-cuda -r run$run -ir 10 -nr 0.1 --valid-images $count $METHOD"
        end="est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1"
        [[ $count == 314 ]] || end+="_valid_images_$count" # 314 are all there are
        alone="--train-on valid"
        ((count > 150)) || alone+=" --batch-size 8" # as in evidence-digits.sh
        both="$train --train-on both --rows"
        made="local_data/DIGITS/rows/run$run-$count"
        for estimator in FIS HES; do
            for use in W C WC S A WS WA SA WSA WCS; do
                $train --hyper-opt $estimator --refit --rows-use $use
            done
        done

        learned="local_data/DIGITS/run$run/rows_smallnet_opt"
        $PYTHON scripts/confidence-rows.py "${learned}_FIS_$end.npz" "$made"
        $both "$made/absolute.npz"
        $both "$made/kept.npz"
        $both "$made/relabelled.npz"

        $train $alone
        $train --train-on both
        $PYTHON scripts/confidence-rows.py "${learned}_NONE_${end}_train_on_both.npz" "$made/control"
        cp "${learned}_NONE_${end}_train_on_both.npz" "$made/control.npz"
        mv "$made/control/kept.npz" "$made/control-kept.npz"
        $both "$made/control.npz" --rows-use C
        $both "$made/control-kept.npz"

        for epochs in 60 100; do
            $train --hyper-opt FIS --epochs $epochs --data "local_data/epochs-$epochs"
            cp "local_data/epochs-$epochs/DIGITS/run$run/rows_smallnet_opt_FIS_$end.npz" "$made/learned-$epochs.npz"
            $both "$made/learned-$epochs.npz" --rows-use WC
        done
    done
done
MATCH='^smallnet_opt_.*_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1(_valid_images_50)?(_refit_.*|_train_on_.*)?$'
$PYTHON -m benchmarks.evidence --match "$MATCH"
$PYTHON -m benchmarks.evidence --match "$MATCH" --against 'rows control-kept'
for other in "FIS refit W$" "FIS refit C$" "HES refit WC$"; do
    $PYTHON -m benchmarks.evidence --match "$MATCH" --against "$other"
done
for runs in "0 1 2 3" "4 5 6 7"; do
    $PYTHON -m benchmarks.evidence --match "$MATCH" --runs $runs
done
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"

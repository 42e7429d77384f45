#!/usr/bin/env bash
# What a refit should take over: DIGITS, imbalance ratio 10, noise ratio 0.1, runs 0 to 7, 50 and 314 clean images. All parts
# of the rows from both estimators; the network's confidence as a factor and by a threshold, also that of a control that
# takes no hypergradient; rows that were learned in fewer epochs. Then differences to other settings than the strongest control,
# and runs 0 to 3, on which the refit's parts were chosen, apart from the others. About five hours of one core; what is
# finished is skipped.
source "$(dirname "$0")/begin.sh"
METHOD="--aug-model SEP --los-model BOTH"
THRESHOLD="--confidence-threshold 0.4"

# take RUN "END OF A SETTING'S NAME" FOLDER NAME [DATA]: copy rows and predictions, under a name that is alike for all runs
take() {
    from="${5:-local_data}/DIGITS/run$1"
    cp "$from/rows_smallnet_opt_$2.npz" "$3/$4.npz"
    cp "$from/predictions_smallnet_opt_$2.npz" "$3/predictions_$4.npz"
}

for run in ${RUNS:-0 1 2 3 4 5 6 7}; do
    for count in 50 314; do
        train="$PYTHON implicit-augment.py --no-cuda -r run$run -ir 10 -nr 0.1 --valid-images $count $METHOD"
        end="est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1"
        [[ $count == 314 ]] || end+="_valid_images_$count" # 314 are all there are
        alone="--train-on valid"
        ((count > 150)) || alone+=" --batch-size 8" # as in evidence-digits.sh
        both="$train --train-on both --rows"
        made="local_data/DIGITS/rows/run$run-$count"
        mkdir -p "$made"
        for estimator in FIS HES; do
            for use in W C WC S A WS WA SA WSA WCS; do
                $train --hyper-opt $estimator --refit --rows-use $use
            done
        done

        take "$run" "FIS_$end" "$made" learned
        confidence="$both $made/learned.npz --hyper-opt CON"
        $confidence --confidence-form absolute --rows-use W
        $confidence --confidence-form threshold $THRESHOLD
        $confidence --confidence-fills S $THRESHOLD

        $train $alone
        $train --train-on both
        take "$run" "NONE_${end}_train_on_both" "$made" control
        confidence="$both $made/control.npz --hyper-opt CON"
        $confidence
        $confidence --confidence-form threshold $THRESHOLD

        for epochs in 60 100; do
            $train --hyper-opt FIS --epochs $epochs --data "local_data/epochs-$epochs"
            take "$run" "FIS_$end" "$made" "learned-$epochs" "local_data/epochs-$epochs"
            $both "$made/learned-$epochs.npz" --rows-use WC
        done
    done
done
MATCH='^smallnet_opt_.*_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1(_valid_images_50)?(_refit_.*|_train_on_.*)?$'
$PYTHON get-results.py --compare --match "$MATCH"
for other in "threshold .* rows control$" "FIS refit W$" "FIS refit C$" "HES refit WC$"; do
    $PYTHON get-results.py --compare --match "$MATCH" --against "$other"
done
for runs in "0 1 2 3" "4 5 6 7"; do
    $PYTHON get-results.py --compare --match "$MATCH" --only-runs $runs
done
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"

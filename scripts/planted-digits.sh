#!/usr/bin/env bash
# Does DABO's network find a transformation that is planted in the clean and test images? DIGITS: a turn by 45 degrees in runs
# 0 to 4, beside no augmentation, RAND and the untrained network; a shift and zooms in run 0. The learning rate of the network
# is the best of a few on clean images of run 8; for the shift, both that were near. About 30 minutes of one core; what is
# finished is skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --no-cuda"
NET="--aug-model NET --net-kind"
LEARN="--hyper-opt UNR --unroll-decay 0 --unroll-lr"
for run in ${RUNS:-0 1 2 3 4}; do
    for setting in "" "--aug-model RAND" "$NET rotation --net-start published" "$NET rotation $LEARN 0.02"; do
        $TRAIN -r "run$run" --view-valid rotation $setting
    done
done
for rate in 0.02 0.005; do
    $TRAIN --view-valid translation $NET translation $LEARN $rate
done
$TRAIN --view-valid zoomin $NET scale $LEARN 0.02
$TRAIN --view-valid zoomout $NET scale $LEARN 0.02
MATCH='view_valid_(rotation|translation|zoomin|zoomout)(_net_kind.*)?$'
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"
$PYTHON get-results.py --compare --accuracy last_five --against UNR --match 'view_valid_rotation(_net_kind.*)?$'

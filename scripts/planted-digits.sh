#!/usr/bin/env bash
# Does DABO's network find a transformation that is planted in the clean and test images? DIGITS: a turn by 45 degrees in runs
# 0 to 4, a shift and a zoom in run 0, beside no augmentation, RAND and the untrained network. About 40 minutes of one core;
# what is finished is skipped.
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --no-cuda"
NET="--aug-model NET --net-kind"
LEARN="--hyper-opt UNR --unroll-lr 0.02 --unroll-decay 0" # as a trial with run 8 has it
for run in ${RUNS:-0 1 2 3 4}; do
    for setting in "" "--aug-model RAND" "$NET rotation --net-start published" "$NET rotation $LEARN"; do
        $TRAIN -r "run$run" --view-valid rotation $setting
    done
done
$TRAIN --view-valid translation $NET translation $LEARN
$TRAIN --view-valid zoomin $NET scale $LEARN
$TRAIN --view-valid zoomout $NET scale $LEARN
MATCH='view_valid_(rotation|translation|zoomin|zoomout)(_net_kind.*)?$'
$PYTHON get-results.py --all --match "$MATCH" --runs-csv "$RUNS_CSV"
$PYTHON get-results.py --compare --accuracy last_five --against UNR --match 'view_valid_rotation(_net_kind.*)?$'

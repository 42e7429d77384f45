#!/usr/bin/env bash
# The published table of ImageNet: ResNet-18, eight rows, 2 distortions (imbalance and noise ratio), 1 run.
# --print, RUNS= and GPUS= as scripts/published-rows.sh says.
RUNS=${RUNS:-0}
source "$(dirname "$0")/published-rows.sh"
published_rows ImageNet "10 0.0" "10 0.1" -- "$@"

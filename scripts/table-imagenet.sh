#!/usr/bin/env bash
# The published table of ImageNet: ResNet-18, eight methods, 2 distortions (imbalance and noise ratio), 1 run.
# --print, RUNS= and GPUS= as scripts/published-settings.sh says.
RUNS=${RUNS:-0}
source "$(dirname "$0")/published-settings.sh"
published_settings ImageNet "10 0.0" "10 0.1"

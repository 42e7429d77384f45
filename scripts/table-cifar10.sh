#!/usr/bin/env bash
# The published table of CIFAR10: WRN-28-10, eight methods, 4 distortions (imbalance and noise ratio), 4 runs.
# --print, RUNS= and GPUS= as scripts/published-settings.sh says.
RUNS=${RUNS:-0 1 2 3}
source "$(dirname "$0")/published-settings.sh"
published_settings CIFAR10 "1 0.0" "10 0.0" "1 0.1" "10 0.1"

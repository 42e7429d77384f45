#!/usr/bin/env bash
# Figure 1 of the paper: SVHN, imbalance ratio 100, noise ratio 0.1: the method from four hyper starts beside the
# baseline and Fast AutoAugment, 4 runs. --print, RUNS= and GPUS= as scripts/published-settings.sh says.
RUNS=${RUNS:-0 1 2 3}
source "$(dirname "$0")/published-settings.sh"
METHODS=("--aug-model NONE" "--aug-model AUTO")
for start in 10 50 150 190; do
    METHODS+=("--aug-model SEP --los-model BOTH --hyper-opt HES --hyper-start $start")
done
MATCH='^wresnet28_10_(opt_NONE_.*_(NONE|AUTO)_los_model_NONE|opt_HES_.*_SEP_los_model_BOTH)_ir_100_sr_1.0_nr_0.1(_hyper_start_[0-9]+)?$'
FIGURES=local_data/SVHN/figure1
published_settings SVHN "100 0.1"

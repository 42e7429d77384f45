#!/usr/bin/env bash
# Efficient Augmentation on DIGITS, ten classes and 3 against 8, runs 0 to 7: every score, order and modifier, copies moved by
# one pixel. About half an hour of one core with `--print | .venv/bin/python scripts/in-process.py`, else twice as long.
# --print and RUNS= as scripts/published-settings.sh says.
RUNS=${RUNS:-0 1 2 3 4 5 6 7}
source "$(dirname "$0")/published-settings.sh"
METHODS=()
for classes in "" "--classes 3,8"; do
    begin="$classes --method EffAug"
    METHODS+=("$begin --select-order random" "$begin --select-order dpp-plain" "$begin --select-order dpp"
        "$begin --select-score support --select-order top --select-budgets support")
    for score in influence loss alo gradient margin forgetting confidence quality; do
        METHODS+=("$begin --select-score $score "--select-order\ {proportional,top})
    done
    METHODS+=("$begin "--select-order\ {inverse,bottom} "$begin --select-score margin "--select-order\ {inverse,bottom})
    for modifiers in --select-update --select-downweight "--select-update --select-downweight" "--select-clusters 50"; do
        METHODS+=("$begin $modifiers")
    done
done
MATCH=opt_SEL
published_settings DIGITS "1 0.0"

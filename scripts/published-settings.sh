# Sourced by the scripts of the published tables: every setting at every distortion for every run.
#
#     published_settings DATASET "IR NR" ["IR NR" ...]
#
# trains them (train_settings) and makes their table (tabulate_settings). A script can set METHODS, TRAINING (further flags of
# all commands), FIGURES (folder) and TABLE (the name of its file in docs/results) in between, and MATCH to show only the
# settings of its figure.
# RUNS="0 1 2 3" names the runs, GPUS="0 1" the GPUs of this machine that share them: each works on its runs one after the
# other; GPUS=none is the CPU. What is finished is skipped. --print lists the commands, as begin.sh says.
source "$(dirname "${BASH_SOURCE[0]}")/begin.sh"
RUNS=${RUNS:-0 1 2 3}
GPUS=${GPUS:-0}

# require NAME VALUE PATTERN EXAMPLE: stop if the value does not match.
require() {
    [[ $2 =~ ^$3$ ]] || {
        echo "error: $1='$2' cannot be read; write $1='$4'" >&2
        exit 2
    }
}
require RUNS "$RUNS" '(0|[1-9][0-9]*)( (0|[1-9][0-9]*))*' "0 1 2"
require GPUS "$GPUS" '(none|[0-9]+( [0-9]+)*)' "0 1"
TRAINING=${TRAINING:-}
MATCH=.
METHODS=(
    "--aug-model NONE"
    "--aug-model RAND"
    "--aug-model AUTO"
    "--aug-model DADA"
    "--aug-model SHA --los-model NONE --hyper-opt HES"
    "--aug-model SEP --los-model NONE --hyper-opt HES"
    "--aug-model SEP --los-model WGHT --hyper-opt HES"
    "--aug-model SEP --los-model BOTH --hyper-opt HES"
)

# The commands of one GPU: those of every run whose place among the runs falls to it.
commands() {
    local gpu_place=$1 device="--gpu $2" gpus=$3 dataset=$4 place=0 run method
    [[ $2 != none ]] || device=--no-cuda
    shift 4
    for run in $RUNS; do
        if ((place++ % gpus == gpu_place)); then
            for distortion in "$@"; do
                read -r ir nr <<<"$distortion"
                for method in "${METHODS[@]}"; do
                    echo "$PYTHON implicit-augment.py -r run$run $device -nr $nr -ir $ir --dataset $dataset${TRAINING:+ $TRAINING} $method"
                done
            done
        fi
    done
}

run_all() {
    local status failed=0
    while read -r command; do
        status=0
        $command </dev/null || status=$?
        # A signal means all of them, a mistake only this one.
        ((status < 128)) || return "$status"
        ((status == 0)) || failed=1
    done
    return "$failed"
}

train_settings() {
    local dataset=$1 place=0 gpu gpus jobs=() job status failed=0
    shift
    read -ra gpus <<<"$GPUS"
    for gpu in "${gpus[@]}"; do
        if [[ $PYTHON == list_training ]]; then # the lists of the GPUs follow one another
            run_all < <(commands "$place" "$gpu" "${#gpus[@]}" "$dataset" "$@")
        else
            run_all < <(commands "$place" "$gpu" "${#gpus[@]}" "$dataset" "$@") &
            jobs+=($!)
        fi
        place=$((place + 1))
    done
    # The trainings that run go on to their end, and no other one begins.
    trap 'kill "${jobs[@]}" 2>/dev/null || true; exit 143' TERM INT HUP
    for job in "${jobs[@]}"; do
        status=0
        wait "$job" || status=$?
        ((status < 128)) || exit "$status"
        ((status == 0)) || failed=1
    done
    trap - TERM INT HUP
    return "$failed"
}

tabulate_settings() {
    $PYTHON get-results.py --dataset "$1" --all --match "$MATCH" --plot "${FIGURES:-local_data/$1/figures}" \
        --runs-csv "docs/results/${TABLE:-$(basename "$0" .sh)}.csv"
}

published_settings() {
    local failed=0
    train_settings "$@" || failed=1
    tabulate_settings "$1"
    return "$failed"
}

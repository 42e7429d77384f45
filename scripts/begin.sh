# Sourced by the other scripts, which are run from the repository's root with PYTHON and stop at the first mistake.
#
# --print lists their training commands, one per line, and does nothing else: for a cluster's queue (slurm-table.sh), or
# for in-process.py.
set -euo pipefail
if (($# > 1)) || [[ ${1---print} != --print ]]; then
    echo "error: unknown argument '$*'; --print lists the commands, RUNS= names the runs" >&2
    exit 2
fi
CDPATH="" cd -- "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-.venv/bin/python}
# One line per run that a script's tables are made of, which is committed with them.
RUNS_CSV=docs/results/$(basename "$0" .sh).csv

# Stands for python in a listing: a training command is printed, also one that in-process.py would read.
list_training() {
    local line
    case $1 in
        implicit-augment.py) echo "$LISTED $*" ;;
        scripts/in-process.py) while read -r line; do echo "$LISTED $line"; done ;;
    esac
}

if (($#)); then
    LISTED=$PYTHON PYTHON=list_training
    # What a script does between its trainings is left out.
    cp() { :; }
    mkdir() { :; }
else
    command -v "$PYTHON" >/dev/null || {
        echo "error: there is no $PYTHON; make demo sets it up, or set PYTHON=python3" >&2
        exit 2
    }
    mkdir -p docs/results
fi

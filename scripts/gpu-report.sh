#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: tests, speed of the passes and policies, agreement with the CPU, then one table of all.
#
#     bash scripts/gpu-report.sh [tests] [epoch] [transforms] [devices] [--folder FOLDER]
#
# Without names all of them, which takes eight minutes on an H100 besides the tests (an estimate). A part that fails does
# not stop the others. What they have found stays in local_data/gpu-report, so that they can be run one by one; the table
# is of all that is there. `cuda-tests` are those tests alone that need a GPU. PYTHON= names another Python than .venv's.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
command -v "$PYTHON" > /dev/null || { echo "error: there is no $PYTHON; run make test, or give PYTHON=" >&2 && exit 2; }
exec "$PYTHON" -m benchmarks.gpu_report "$@"

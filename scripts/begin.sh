# Sourced by the scripts that take no arguments: from the repository's root, with PYTHON, stopping at the first mistake.
set -euo pipefail
(($# == 0)) || { echo "error: unknown argument '$*'; RUNS= names the runs" >&2 && exit 2; }
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON=${PYTHON:-.venv/bin/python}
# One line per run that a script's tables are made of, which is committed with them.
RUNS_CSV=docs/results/$(basename "$0" .sh).csv
mkdir -p docs/results

#!/usr/bin/env bash
#SBATCH --job-name=autodo --requeue --open-mode=append --signal=B:USR1@120
# A task of the array that slurm-table.sh submits: the line of its number in a list of training commands. Flags of sbatch
# replace those above.
#
# Two minutes before the time limit SLURM signals this shell. The training then ends between two steps, and the task asks
# for another turn, in which the same command goes on after its last epoch. SLURM itself starts a task again that it
# preempts. --wait: tasks may share a baseline.
set -uo pipefail
command=$(sed -n "${SLURM_ARRAY_TASK_ID}p" "$1")
log=$(readlink "/proc/$$/fd/1")
STOPPED=$((128 + $(kill -l USR1)))
MOST=3 # turns in a row that end before an epoch does

# The turns in the log since the last epoch. A turn that has waited for another task counts as one with an epoch.
idle_turns() {
    awk '/^turn [0-9]/ {turns++} /^(epoch [0-9]|note: waiting)/ {turns = 0} END {print turns + 0}' "$log"
}

echo "turn $((${SLURM_RESTART_COUNT:-0} + 1)) on $(uname -n): $command"
trap 'kill -s USR1 "$training"' USR1
trap : TERM # which SLURM sends to the training as well
eval "exec env $command --wait" </dev/null &
training=$!
while kill -0 "$training" 2>/dev/null; do
    wait "$training" # ends early when this shell gets a signal
done
wait "$training"
status=$?
if ((status == STOPPED)); then
    if [[ -f $log ]] && (($(idle_turns) >= MOST)); then
        echo "error: $MOST turns have ended before an epoch did; submit the line again with a longer --time" >&2
    else
        scontrol requeue "$SLURM_JOB_ID"
    fi
fi
exit "$status"

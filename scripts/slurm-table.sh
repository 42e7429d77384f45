#!/usr/bin/env bash
# Queue training commands, one per line of stdin, on a SLURM cluster: an array job with a task for each line.
#
#     bash scripts/table-svhn.sh --print | bash scripts/slurm-table.sh --time=4:00:00 --gres=gpu:1 --cpus-per-task=6
#     sbatch --dependency=afterok:JOB --wrap "bash scripts/table-svhn.sh"   # makes the table when all tasks have ended
#
# All arguments are flags of sbatch; with --print as the first one its call is printed, and nothing is submitted. The list
# is kept in a new folder in local_data/queue, with the output of the tasks beside it, and the job's number is printed.
# Task N is line N; at its time limit it is requeued, and goes on (slurm-task.sh). docs/clusters.md says more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
    echo "error: $*" >&2
    exit 2
}

show=
if [[ ${1:-} == --print ]]; then
    show=1
    shift
fi
[[ ! -t 0 ]] || fail "no list on stdin; try: bash scripts/table-digits.sh --print | bash scripts/slurm-table.sh"
mapfile -t commands
count=${#commands[@]}
((count)) || fail "the list is empty; see what the command before the | prints"
for ((line = 1; line <= count; line++)); do
    case " ${commands[line - 1]} " in
        *" --fresh "*) fail "line $line has --fresh: it would start over whenever it should go on; leave it out" ;;
        *torchrun*) fail "line $line starts several processes, which the queue cannot stop in time; submit it by sbatch --wrap" ;;
        *implicit-augment.py\ *) ;;
        *) fail "line $line is no training command: '${commands[line - 1]}'" ;;
    esac
done

folder=local_data/queue/$(date +%Y-%m-%d-%H%M%S)-$$
call=(sbatch --parsable --array="1-$count" --output="$folder/%a.out" "$@" scripts/slurm-task.sh "$folder/commands.txt")
if [[ $show ]]; then
    printf '%q ' "${call[@]}"
    echo
    exit
fi
command -v sbatch >/dev/null || fail "there is no sbatch here; take a machine from which jobs are submitted"
largest=$(scontrol show config 2>/dev/null | sed -n 's/^MaxArraySize *= *//p') || largest=
((count < ${largest:-count + 1})) ||
    fail "the list has $count lines, and an array here $((largest - 1)) tasks; cut it with sed -n 1,$((largest - 1))p"
mkdir -p local_data/queue
mkdir "$folder"
printf '%s\n' "${commands[@]}" >"$folder/commands.txt"
job=$("${call[@]}") || { rm -r "$folder" && exit 2; }
echo "$job"
echo "the tasks are the lines of $folder/commands.txt, their output is beside it" >&2

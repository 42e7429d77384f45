"""The queue on a real SLURM, which the tests set up, start and stop: slurmctld, and slurmd as the only node.

`make test-slurm` runs them, where `slurmctld`, `slurmd` and `sbatch` are installed (Debian: apt-get install slurm-wlm).
It needs no root, no munge, no control groups and no accounting, and leaves an installed configuration alone.
"""

import csv
import getpass
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest
import torch
from test_queue import make_checkout

from utils.fingerprint import fingerprint

PATH = f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin"  # where daemons are
MISSING = [name for name in ("slurmctld", "slurmd", "sbatch") if not shutil.which(name, path=PATH)]
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(bool(MISSING), reason=f"no {', '.join(MISSING)} here: apt-get install slurm-wlm"),
]

CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
MaxArraySize=21
MinJobAge=86400
NodeName=localhost NodeAddr=127.0.0.1 CPUs=2
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE
"""
DAEMONS = {"slurmctld": ("-D", "-i"), "slurmd": ("-D", "-N", "localhost")}
TIMED = {"seconds", "date", "commit"}  # columns of a table's runs
PATIENCE = 900  # seconds, on a busy machine

# Three rows, two of which share a baseline, and two runs.
TABLE = """
source "$(dirname "$0")/begin.sh"
TRAIN="$PYTHON implicit-augment.py --no-cuda -ir 10 -nr 0.1 --epochs 30"
for run in 0 1; do
    $TRAIN -r "run$run"
    $TRAIN -r "run$run" --aug-model RA --rand 2,28 --los-model SOFT --hyper-opt GMM
    $TRAIN -r "run$run" --aug-model SEP --los-model BOTH --hyper-opt FIS --hyper-start 5
done
$PYTHON get-results.py --all --runs-csv "$RUNS_CSV"
"""


def wait_for(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A cluster of one node with two CPUs: slurm(*words) runs a command there and returns its output."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("spool", "state"):
        (folder / name).mkdir()
    configuration = folder / "slurm.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, user=getpass.getuser(), ports=free_ports(2)))
    environment = os.environ | {"PATH": PATH, "SLURM_CONF": str(configuration), "PYTHON": sys.executable}

    def run(*words, cwd=folder, check=True, **more):
        done = subprocess.run(words, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, **more)
        assert done.returncode == 0 or not check, words
        return done.stdout

    daemons = []
    try:
        for name, flags in DAEMONS.items():
            with (folder / f"{name}.log").open("w") as log:
                started = subprocess.Popen([name, *flags], env=environment, stdout=log, stderr=log)
            daemons.append(started)
        wait_for(lambda: run("sinfo", "--noheader", "--format=%T", check=False).strip() == "idle", 60)
        yield run
        run("scancel", f"--user={getpass.getuser()}")
        wait_for(lambda: not run("squeue", "--noheader"), 60)
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()


def facts(slurm, job):
    """What SLURM knows of a job: JobState, Restarts, ExitCode, ..."""
    line = slurm("scontrol", "--oneliner", "show", "job", job)
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def submit(slurm, dependency, command, cwd):
    """Submit a job that starts after others, whose output is table.out; returns its number."""
    flags = ("--parsable", f"--dependency={dependency}", "--output=table.out", "--wrap")
    return slurm("sbatch", *flags, command, cwd=cwd).strip()


class Array:
    """An array job of a checkout's queue."""

    def __init__(self, slurm, checkout, commands, *flags):
        before = set(checkout.glob("local_data/queue/*"))
        self.slurm, self.tasks = slurm, range(1, len(commands.splitlines()) + 1)
        self.number = slurm("bash", "scripts/slurm-table.sh", *flags, cwd=checkout, input=commands).strip()
        (self.folder,) = set(checkout.glob("local_data/queue/*")) - before

    def log(self, task):
        path = self.folder / f"{task}.out"
        return path.read_text() if path.exists() else ""

    def of(self, task, fact):
        return facts(self.slurm, f"{self.number}_{task}")[fact]

    def tell(self, *words, task):
        self.slurm(*words, f"{self.number}_{task}")

    def wait_for(self, task, said):
        wait_for(lambda: re.search(said, self.log(task)))

    def hasten(self, task):
        """Start a requeued task now: SLURM lets two minutes pass."""
        if self.of(task, "Reason") == "BeginTime":
            self.slurm("scontrol", "update", f"JobId={self.number}_{task}", "StartTime=now")

    def is_over(self):
        for task in self.tasks:
            self.hasten(task)
        return all(self.of(task, "JobState") in ("COMPLETED", "FAILED", "CANCELLED") for task in self.tasks)


@pytest.fixture
def checkout(tmp_path):
    made = make_checkout(tmp_path / "queued")
    (made / "scripts/table-three.sh").write_text(TABLE)
    return made


def weights(path):
    """The fingerprint of a checkpoint's networks, optimisers, rows and random numbers."""
    content = torch.load(path, weights_only=True)
    return fingerprint({name: value for name, value in content.items() if name not in ("epochs", "log", "versions")})


def outcome(checkout):
    """Weights, rows, predictions and the table's accuracies of every run."""
    found = {
        path.relative_to(checkout): weights(path) if path.name.startswith("last_") else path.read_bytes()
        for path in checkout.glob("local_data/DIGITS/run*/*")
        if re.match("(last|rows|predictions)_", path.name)
    }
    with (checkout / "docs/results/table-three.csv").open() as file:
        lines = [{name: cell for name, cell in line.items() if name not in TIMED} for line in csv.DictReader(file)]
    return found, lines


def test_table_of_an_array_with_requeued_tasks_is_that_without_slurm(slurm, checkout, tmp_path):
    table = ("bash", "scripts/table-three.sh")
    plain = make_checkout(tmp_path / "plain")
    shutil.copy(checkout / "scripts/table-three.sh", plain / "scripts")
    slurm(*table, cwd=plain)

    array = Array(slurm, checkout, slurm(*table, "--print", cwd=checkout))
    array.wait_for(3, "epoch 8/")
    array.tell("scontrol", "requeue", task=3)
    array.wait_for(5, "epoch 3/.* posterior")  # its second stage
    array.tell("scancel", "--batch", "--signal=USR1", task=5)  # as before the end of its time
    array.wait_for(6, "epoch 8/")
    array.tell("scancel", task=6)
    wait_for(lambda: array.of(6, "JobState") == "CANCELLED")
    array.tell("scontrol", "requeue", task=6)
    # Not afterok: a task that has been cancelled once counts as one that failed.
    last = submit(slurm, f"afterany:{array.number}", " ".join(table), cwd=checkout)
    wait_for(array.is_over)

    assert [array.of(task, "JobState") for task in array.tasks] == ["COMPLETED"] * 6
    turns = {task: re.split("^turn ", array.log(task), flags=re.MULTILINE)[1:] for task in array.tasks}
    assert {task: len(turns[task]) for task in array.tasks} == {1: 1, 2: 1, 3: 2, 4: 1, 5: 2, 6: 2}
    assert all("note: going on after epoch" in turns[task][1] for task in (3, 5, 6))
    assert "note: waiting for another process" in array.log(1) + array.log(2)  # both train the baseline of run0
    wait_for(lambda: facts(slurm, last)["JobState"] == "COMPLETED")
    assert (checkout / "table.out").read_text().count("finished already") == 6 + 2  # nothing was left to train
    found, lines = outcome(checkout)
    assert (len(found), len(lines)) == (20, 6)  # a baseline has no rows
    assert (found, lines) == outcome(plain)


def test_task_asks_for_another_turn_before_its_time_is_over(slurm, checkout):
    line = f"{sys.executable} implicit-augment.py --no-cuda -ir 10 -nr 0.1 --epochs 100000\n"
    array = Array(slurm, checkout, line, "--time=2", "--signal=B:USR1@10")
    wait_for(lambda: array.hasten(1) or "going on after epoch" in array.log(1))
    assert "stopped by SIGUSR1 after epoch" in array.log(1)
    array.tell("scancel", task=1)


def test_job_that_depends_on_an_array_starts_after_the_last_turn(slurm, checkout):
    (checkout / "quick").mkdir()
    (checkout / "quick/implicit-augment.py").write_text("[[ ${SLURM_RESTART_COUNT:-} ]] || exit 138; echo done > made")
    array = Array(slurm, checkout, "bash quick/implicit-augment.py\n")
    last = submit(slurm, f"afterok:{array.number}", "cat made", cwd=checkout)
    wait_for(array.is_over)
    wait_for(lambda: facts(slurm, last)["JobState"] == "COMPLETED")
    assert (array.of(1, "Restarts"), (checkout / "table.out").read_text()) == ("1", "done\n")


def test_mistake_of_the_user_is_not_tried_again(slurm, checkout):
    array = Array(slurm, checkout, f"{sys.executable} implicit-augment.py --no-cuda --dataset nowhere\n")
    wait_for(array.is_over)
    assert [array.of(1, fact) for fact in ("JobState", "ExitCode", "Restarts")] == ["FAILED", "2:0", "0"]
    assert array.log(1).splitlines()[-1].startswith("error: ")


def test_longest_array_of_the_cluster_is_known(slurm, checkout):
    line = f"{sys.executable} implicit-augment.py --no-cuda --dataset nowhere\n"
    command = ("bash", "scripts/slurm-table.sh")
    refused = slurm(*command, cwd=checkout, input=21 * line, check=False, stderr=subprocess.STDOUT)
    assert refused.startswith("error: the list has 21 lines, and an array here 20 tasks")
    held = Array(slurm, checkout, 20 * line, "--hold")
    assert facts(slurm, held.number)["ArrayTaskId"] == "1-20"
    some = Array(slurm, checkout, 20 * line, "--hold", "--array=2-5%1")
    assert facts(slurm, some.number)["ArrayTaskId"] == "2-5%1"

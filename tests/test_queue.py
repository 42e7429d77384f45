"""Lists of commands as array jobs, without SLURM: the tests call what it would call. test_slurm.py has a real one."""

import os
import shlex
import shutil
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest
from conftest import ROOT

LIST = ["python3 implicit-augment.py -r run0", "python3 implicit-augment.py -r run1 --data 'my data'"]
TOOLS = ("awk", "bash", "date", "dirname", "env", "mkdir", "readlink", "rm", "sed", "sleep", "uname")


def make_checkout(folder):
    """A folder with the scripts of this checkout and with data and results of its own."""
    (folder / "scripts").mkdir(parents=True)
    for path in [*ROOT.glob("scripts/*"), ROOT / "implicit-augment.py", ROOT / "get-results.py"]:
        if path.is_file():
            (folder / path.relative_to(ROOT)).symlink_to(path)
    return folder


@pytest.fixture
def cluster(tmp_path):
    """A checkout, and a search path on which there is nothing but shell tools and what `tool` puts there."""
    checkout, tools = make_checkout(tmp_path / "checkout"), tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(shutil.which(name))

    def tool(name, *lines):
        (tools / name).write_text("\n".join(["#!/usr/bin/env bash", *lines, ""]))
        (tools / name).chmod(0o755)

    def submit(commands, *flags):
        return subprocess.run(
            ["bash", checkout / "scripts/slurm-table.sh", *flags],
            input="".join(f"{command}\n" for command in commands),
            env={"PATH": str(tools)},
            capture_output=True,
            text=True,
        )

    tool("sbatch", f'printf "%s\\n" "$@" > {tmp_path}/submitted', "echo 7")
    tool("scontrol", '[[ $1 != show ]] || { echo "MaxArraySize = 1001"; exit; }', f'echo "$*" >> {tmp_path}/told')
    return SimpleNamespace(checkout=checkout, tools=tools, tool=tool, submit=submit, folder=tmp_path)


def queued(cluster):
    return sorted(cluster.checkout.glob("local_data/queue/*"))


def test_list_is_one_array_with_a_task_per_line(cluster):
    done = cluster.submit(LIST, "--time=2:00:00", "--comment=two words")
    assert (done.returncode, done.stdout) == (0, "7\n")
    (folder,) = queued(cluster)
    assert (folder / "commands.txt").read_text().splitlines() == LIST
    name = f"local_data/queue/{folder.name}"
    assert name in done.stderr
    own = ["--parsable", "--array=1-2", f"--output={name}/%a.out"]
    given = ["--time=2:00:00", "--comment=two words", "scripts/slurm-task.sh", f"{name}/commands.txt"]
    assert (cluster.folder / "submitted").read_text().splitlines() == own + given


def test_second_list_leaves_the_first_as_it_is(cluster):
    cluster.submit(LIST)
    cluster.submit(LIST[:1])
    lists = [(folder / "commands.txt").read_text().splitlines() for folder in queued(cluster)]
    assert sorted(lists, key=len) == [LIST[:1], LIST]


def test_call_is_printed_also_without_slurm(cluster):
    for name in ("sbatch", "scontrol"):
        (cluster.tools / name).unlink()
    done = cluster.submit(LIST, "--print", "--comment=two words")
    assert (done.returncode, done.stderr) == (0, "")
    words = shlex.split(done.stdout)
    assert words[:3] == ["sbatch", "--parsable", "--array=1-2"]
    assert words[4:6] == ["--comment=two words", "scripts/slurm-task.sh"]
    assert queued(cluster) == []


@pytest.mark.parametrize(
    ("commands", "culprit"),
    [
        ([], "the list is empty"),
        ([*LIST, ""], "line 3 is no training command: ''"),
        (["python3 get-results.py --all", *LIST], "line 1 is no training command: 'python3 get-results.py --all'"),
        ([*LIST, f"{LIST[0]} --fresh"], "line 3 has --fresh"),
        ([LIST[0]] * 1001, "the list has 1001 lines, and an array here 1000 tasks; cut it with sed -n 1,1000p"),
    ],
)
def test_list_that_cannot_be_queued_is_refused(cluster, commands, culprit):
    done = cluster.submit(commands)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("error: ")
    assert culprit in done.stderr
    assert not (cluster.folder / "submitted").exists()
    assert queued(cluster) == []


def test_longest_array_is_submitted(cluster):
    assert cluster.submit([LIST[0]] * 1000).returncode == 0
    (cluster.tools / "scontrol").unlink()  # then sbatch has to refuse a longer one
    assert cluster.submit([LIST[0]] * 1001).returncode == 0


def test_machine_without_slurm_is_refused(cluster):
    (cluster.tools / "sbatch").unlink()
    done = cluster.submit(LIST)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert "there is no sbatch here" in done.stderr
    assert queued(cluster) == []


def test_list_that_slurm_refuses_leaves_nothing(cluster):
    cluster.tool("sbatch", "echo 'sbatch: error: invalid partition' >&2", "exit 1")
    done = cluster.submit(LIST)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "sbatch: error: invalid partition\n")
    assert queued(cluster) == []


def test_without_a_list_it_does_not_wait_for_the_keyboard(cluster):
    keyboard, terminal = os.openpty()
    command = ["bash", cluster.checkout / "scripts/slurm-table.sh"]
    done = subprocess.run(command, stdin=terminal, capture_output=True, text=True, timeout=60)
    os.close(keyboard)
    os.close(terminal)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("error: no list on stdin")


def start(cluster, number, **environment):
    """Start a task as SLURM does: its output goes to the end of its log."""
    (folder,) = queued(cluster)
    environment = {"PATH": str(cluster.tools), "SLURM_ARRAY_TASK_ID": str(number), "SLURM_JOB_ID": "7"} | environment
    commands = (folder / "commands.txt").relative_to(cluster.checkout)
    with (folder / f"{number}.out").open("a") as log:
        return subprocess.Popen(
            ["bash", cluster.checkout / "scripts/slurm-task.sh", commands],
            cwd=cluster.checkout,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def told(cluster):
    """What scontrol was told."""
    path = cluster.folder / "told"
    return path.read_text().splitlines() if path.exists() else []


def log_of(cluster, number):
    return (queued(cluster)[0] / f"{number}.out").read_text()


def test_task_runs_its_own_line_and_waits_for_others(cluster):
    cluster.tool("python3", f'printf "%s\\n" "$@" "$NUMBER" > {cluster.folder}/"$3"')
    cluster.submit([LIST[0], f"NUMBER=3 {LIST[1]}"])
    assert [start(cluster, number).wait() for number in (1, 2)] == [0, 0]
    runs = [(cluster.folder / f"run{number}").read_text().splitlines() for number in (0, 1)]
    assert runs[0] == ["implicit-augment.py", "-r", "run0", "--wait", ""]
    assert runs[1] == ["implicit-augment.py", "-r", "run1", "--data", "my data", "--wait", "3"]


USR1 = 128 + signal.SIGUSR1


@pytest.mark.parametrize(("status", "requeued"), [(0, False), (2, False), (128 + signal.SIGTERM, False), (USR1, True)])
def test_only_a_task_that_was_told_to_stop_is_requeued(cluster, status, requeued):
    """One that SLURM preempts is requeued by SLURM."""
    cluster.tool("python3", f"exit {status}")
    cluster.submit(LIST)
    assert start(cluster, 1).wait() == status
    assert told(cluster) == ["requeue 7"] * requeued


@pytest.mark.parametrize("advance", ["epoch 1/3  train loss 1", "note: waiting for another process, which trains x"])
def test_task_whose_time_is_too_short_for_an_epoch_is_not_requeued_for_ever(cluster, advance):
    cluster.tool("python3", f'[[ $SLURM_RESTART_COUNT != 2 ]] || echo "{advance}"', f"exit {USR1}")
    cluster.submit(LIST)
    requeued = []
    for restarts in range(6):
        before = len(told(cluster))
        assert start(cluster, 1, SLURM_RESTART_COUNT=str(restarts)).wait() == USR1
        requeued.append(len(told(cluster)) > before)
    assert requeued == [True, True, True, True, True, False]  # three without an epoch follow the third
    assert log_of(cluster, 1).splitlines()[-1].startswith("error: 3 turns have ended before an epoch did")


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


STOPS_LATER = (
    "trap 'echo \"signal $?\"; sleep 0.3; echo ended; exit {status}' {name}",
    'echo "epoch 1/3"',
    "while :; do sleep 0.05; done",
)


@pytest.mark.parametrize(("name", "requeued"), [("USR1", True), ("TERM", False)])
def test_training_ends_by_itself_before_its_task_does(cluster, name, requeued):
    """SLURM sends SIGUSR1 to the shell alone, and SIGTERM to the training as well."""
    number = getattr(signal, f"SIG{name}")
    cluster.tool("python3", *(line.format(name=name, status=128 + number) for line in STOPS_LATER))
    cluster.submit(LIST)
    task = start(cluster, 1)
    wait_for(lambda: "epoch 1/3" in log_of(cluster, 1))
    (os.kill if name == "USR1" else os.killpg)(task.pid, number)
    assert task.wait() == 128 + number
    assert log_of(cluster, 1).count("signal") == 1
    assert "ended" in log_of(cluster, 1)
    assert told(cluster) == ["requeue 7"] * requeued

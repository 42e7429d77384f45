"""The shell scripts behind the published tables."""

import dataclasses
import importlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter

import pytest
from conftest import ROOT

from custom_datasets.names import BUILT_IN
from hyperopt.options.resolve import resolve
from hyperopt.report.check_flags import check_flags
from hyperopt.runs.stages import stages

SCRIPTS = ROOT / "scripts"
SOURCED = {"begin", "published-settings", "resmooth"}  # by the others
NO_TABLES = ("slurm-", "gpu-")  # of the queue, and of what a GPU is measured by
TABLES_AND_FIGURES = sorted(
    path.stem for path in SCRIPTS.glob("*.sh") if path.stem not in SOURCED and not path.stem.startswith(NO_TABLES)
)
# Commands of a script: methods x distortions x runs.
PUBLISHED = {
    "table-svhn": 8 * 4 * 4,
    "table-cifar10": 8 * 4 * 4,
    "table-cifar100": 8 * 4 * 4,
    "table-imagenet": 8 * 2 * 1,
    "figure1-svhn": 6 * 4,
}


def printed(name, **environment):
    done = subprocess.run(
        ["bash", SCRIPTS / f"{name}.sh", "--print"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return [shlex.split(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_command_is_understood_and_of_its_own(scripts, name):
    script = scripts["implicit-augment"]
    commands = printed(name)
    assert len(commands) == PUBLISHED[name]
    runs = set()
    for _, file, *flags in commands:
        assert file == "implicit-augment.py"
        options = resolve(script.parse_options(script.RunOptions, "", flags))
        assert options.dataset.lower() == name.partition("-")[2]
        runs.add((options.run_folder, options.name))
    assert len(runs) == len(commands)


def test_resmooths_published_commands_are_six_six_and_eight():
    commands = [" ".join(flags) for _, _, *flags in printed("table-resmooth")]
    assert len(set(commands)) == len(commands) == 20
    for data, count in (("CIFAR10", 8), ("CIFAR100", 8), ("SVHN", 4)):
        assert sum(f"--dataset {data} --method ReSmooth" in command for command in commands) == count
    assert sum("--hyper-opt NONE" in command for command in commands) == 6
    assert sum(command.endswith(("ReSmooth", "ReSmooth --model wrn28_10 --cutout 16")) for command in commands) == 6
    assert sum(command.count("--cutout 16") for command in commands) == 3 + 4  # but for the baselines
    smoothed = Counter(command.split("--mixture-smooth ")[1].split()[0] for command in commands if "smooth " in command)
    assert smoothed == {"0.5": 4, "0.4": 2, "0.3": 1, "0.2": 1}


def test_resmooths_published_commands_are_understood(scripts):
    script = scripts["implicit-augment"]
    chains = []
    for _, _, *flags in printed("table-resmooth"):
        options = resolve(script.parse_options(script.RunOptions, "", flags))
        chains.append([(stage.run.dataset, stage.run.name) for stage in stages(options)])
    names = {chain[-1] for chain in chains}
    assert len(names) == 20
    assert all("_method_ReSmooth" in name for _, name in names)
    # RandAugment starts from a baseline of the table; jigsaw and quarter turns from nothing.
    assert Counter(map(len, chains)) == {1: 14, 2: 6}
    assert all(chain[0] in names for chain in chains)


# DABO's commands by data set.
DABO = {"CIFAR10": 4, "CIFAR100": 4, "TinyImageNet": 3, "BACH": 3, "ImageNet": 2}


def test_dabos_published_commands_are_understood(scripts):
    script, names = scripts["implicit-augment"], []
    commands = printed("table-dabo")
    assert Counter(flags[flags.index("--dataset") + 1] for flags in commands) == DABO
    for _, _, *flags in commands:
        options = resolve(script.parse_options(script.RunOptions, "", flags))
        names.append((options.dataset, options.name))
        assert options.model == ("resnet18small" if options.dataset in [*DABO][:3] else "resnet18")
        assert ("_method_DABO" in options.name) is (options.dataset not in ("TinyImageNet", "BACH"))
    assert len(set(names)) == len(names) == sum(DABO.values())


def test_figure_1_shows_its_own_settings_of_the_run_folders(scripts):
    match = re.search("MATCH='(.*)'", (SCRIPTS / "figure1-svhn.sh").read_text())[1]
    script = scripts["implicit-augment"]

    def names(name):
        flags = (flags for _, _, *flags in printed(name, RUNS="0"))
        return {resolve(script.parse_options(script.RunOptions, "", flags)).name for flags in flags}

    figure, table = names("figure1-svhn"), names("table-svhn")
    assert {name for name in figure | table if re.search(match, name)} == figure
    assert len(figure & table) == 3


FOUR = {"DIGITS": (8 + 8 + 4 + 4, 4), "MNIST": (2, 1), "SVHN-holdout": (2, 1), "CIFAR-10N": (2, 1), "SVHN": (2, 1)}


@pytest.mark.parametrize("dataset", FOUR)
def test_table_of_the_four_systems_shows_every_setting_that_it_trains(scripts, runs_tables, tmp_path, dataset):
    """The lines of the pages' tables, too, which docs/tables.json names."""
    script = scripts["implicit-augment"]
    asked = asked_of("table-four", tmp_path, DATASET=dataset)
    commands = [flags for file, *flags in asked if file == "implicit-augment.py"]
    if dataset not in BUILT_IN:
        commands = [[*flags, "--recipe", "CIFAR10"] for flags in commands]  # the settings of data that are not here
    options = [resolve(script.parse_options(script.RunOptions, "", flags)) for flags in commands]
    runs, distortions = FOUR[dataset]
    assert len({(one.run_folder, one.name) for one in options}) == len(commands) == 15 * runs
    assert len({(one.imbalance_ratio, one.noise_ratio) for one in options}) == distortions
    (table,) = (flags for file, *flags in asked if file == "get-results.py")
    match = table[table.index("--match") + 1]
    names = {stage.run.name for one in options for stage in stages(one)}
    assert [name for name in names if not re.search(match, name)] == []
    assert not re.search(match, options[0].name + "_warp_original")
    described = json.loads((ROOT / "docs/tables.json").read_text())
    tables = (spec for name, spec in described["tables"].items() if name.startswith("four-"))
    shown = [runs_tables.Table(spec, described["settings"]).names for spec in tables if spec["dataset"] == dataset]
    if shown:
        assert set().union(*shown) == {name.partition("_opt_")[2] for name in names}


@pytest.mark.parametrize(
    "mistake",
    [
        "DISTORTIONS=10",
        "DISTORTIONS=1 0.0;10 0.1",
        "RUNS=0,1",
        "RUNS=-1",
        "GPUS=all",
        "ROWS=nothing",
        "DATASET=a b",
        "DISTORTIONS=10 1.0.0",
        "RUNS=00",
    ],
)
@pytest.mark.parametrize("printing", [True, False])
def test_mistake_in_a_variable_trains_and_writes_nothing(tmp_path, mistake, printing):
    name, _, value = mistake.partition("=")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\n")
    python.chmod(0o755)
    command = ["bash", SCRIPTS / "table-four.sh", *(["--print"] if printing else [])]
    environment = os.environ | {"PYTHON": str(python), name: value}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert f"{name}='{value}'" in done.stderr
    assert not (tmp_path / "asked").exists()


def test_rows_of_the_four_systems_can_be_chosen():
    commands = [" ".join(flags) for flags in printed("table-four", ROWS="FIS|EffAug", RUNS="2", DISTORTIONS="1 0.2")]
    assert len(commands) == 3
    assert all("-r run2 --no-cuda -nr 0.2 -ir 1 " in command for command in commands)


def test_runs_are_spread_over_gpus():
    commands = printed("table-svhn", RUNS="0 1 2", GPUS="0 3")
    spread = Counter((flags[flags.index("-r") + 1], flags[flags.index("--gpu") + 1]) for flags in commands)
    assert spread == {("run0", "0"): 32, ("run1", "3"): 32, ("run2", "0"): 32}


@pytest.fixture
def run_table(tmp_path):
    """run_table(python, **environment) -> (status, what a stand-in for python was asked for)."""

    def run(then="", **environment):
        stand_in = tmp_path / "python"
        stand_in.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\n{then}\n')
        stand_in.chmod(0o755)
        environment = os.environ | {"PYTHON": str(stand_in)} | environment
        done = subprocess.run(["bash", SCRIPTS / "table-imagenet.sh"], check=False, env=environment)
        return done.returncode, (tmp_path / "asked").read_text().splitlines()

    return run


def test_every_run_is_made_once_however_many_gpus(run_table):
    status, asked = run_table(RUNS="0 1 2", GPUS="0 1")
    assert status == 0
    assert asked[-1].startswith("get-results.py --dataset ImageNet --all")
    assert len(set(asked)) == len(asked) == 8 * 2 * 3 + 1
    spread = Counter(tuple(line.split()[2:5:2]) for line in asked[:-1])
    assert spread == {("run0", "0"): 16, ("run1", "1"): 16, ("run2", "0"): 16}


def test_failing_run_fails_the_table_and_stops_no_other(run_table):
    status, asked = run_table('case "$*" in *AUTO*) exit 2;; esac')
    assert status != 0
    assert len(asked) == 8 * 2 + 1


@pytest.mark.parametrize("script", TABLES_AND_FIGURES)
@pytest.mark.parametrize("arguments", [["--prnt"], ["--print", "--prnt"]], ids=" ".join)
def test_unknown_argument_is_an_error(script, arguments):
    done = subprocess.run(["bash", SCRIPTS / f"{script}.sh", *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--prnt" in done.stderr


def asked_of(name, tmp_path, **environment):
    """What a script asks of python, flag by flag, and the commands that in-process.py reads."""
    # A function of the shell that stands for python: a process for each command would take long.
    python = """() {
        (printf "%s\\t" "$@" && echo) >> "$ASKED"
        [[ $1 != scripts/in-process.py ]] || while read -r line; do python $line; done
    }"""
    environment = {"PYTHON": "python", "BASH_FUNC_python%%": python, "ASKED": str(tmp_path / "asked")} | environment
    subprocess.run(["bash", SCRIPTS / f"{name}.sh"], check=True, env=os.environ | environment)
    return [line.rstrip("\t").split("\t") for line in (tmp_path / "asked").read_text().splitlines()]


def stand_ins(folder, line, *tools):
    """The search path with tools that do this instead of their work."""
    for tool in tools:
        (folder / tool).write_text(f"#!/bin/sh\n{line}\n")
        (folder / tool).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.parametrize("name", TABLES_AND_FIGURES)
def test_print_lists_what_is_trained_without_it_and_does_nothing(name, tmp_path):
    runs = "0 3"
    asked = asked_of(name, tmp_path, RUNS=runs, PATH=stand_ins(tmp_path, "", "cp", "mkdir"))
    trained = [command for command in asked if command[0] == "implicit-augment.py"]
    listed = printed(name, RUNS=runs, PYTHON="python3", PATH=stand_ins(tmp_path, "exit 9", "cp", "mkdir", "python3"))
    assert trained
    assert listed == [["python3", *command] for command in trained]


def see_that_tables_are_understood(asked, scripts):
    """The commands of the results script."""
    script = scripts["get-results"]
    tables = [flags for file, *flags in asked if file == "get-results.py"]
    for flags in tables:
        options = script.parse_options(script.ResultOptions, "", flags)
        check_flags(dataclasses.replace(options, runs_csv=None))  # whose folder is there where the script runs
    assert tables


def trained_by(name, scripts, folder):
    """Names of the settings that a script trains, by data set and run folder, and the last --match of its tables."""
    folder.mkdir()
    asked = asked_of(name, folder)
    see_that_tables_are_understood(asked, scripts)
    script = scripts["implicit-augment"]
    trained = [flags for file, *flags in asked if file == "implicit-augment.py"]
    options = [resolve(script.parse_options(script.RunOptions, "", flags)) for flags in trained]
    matches = [command[command.index("--match") + 1] for command in asked if "--match" in command]
    return {(one.dataset, stage.run.name) for one in options for stage in stages(one)}, matches


TABLES = {
    "table-digits": 9,
    "table-mnist": 10,
    "table-svhn-holdout": 5,
    "policies-digits": 2,
    "estimators-digits": 2,
    "sweep-digits": 8,
    "audit-digits": 6,
    "audit-mnist": 2,
}


def test_tables_show_what_their_script_trains_and_nothing_of_others(scripts, tmp_path):
    """However many of the scripts have been run in one folder."""
    found = {
        name: trained_by(name, scripts, tmp_path / name) for name in (*TABLES, "evidence-digits", "evidence-mnist")
    }
    every = set.union(*(settings for settings, _ in found.values()))
    for name, count in TABLES.items():
        settings, matches = found[name]
        datasets = {dataset for dataset, _ in settings}
        shown = {
            (dataset, setting) for dataset, setting in every if dataset in datasets and re.search(matches[0], setting)
        }
        assert (settings, len(settings)) == (shown, count), name


@pytest.mark.parametrize(
    ("name", "count"),
    [("evidence-digits", 8 * 4 * 6 + 4 * 3 * 2 * 6), ("evidence-mnist", 2 * (2 * 3 + 2)), ("evidence-svhn-holdout", 3)],
)
def test_every_setting_of_the_evidence_is_understood_of_its_own_and_shown(scripts, tmp_path, name, count):
    script = scripts["implicit-augment"]
    *commands, last = asked = asked_of(name, tmp_path)
    see_that_tables_are_understood(asked, scripts)
    trained = [flags for file, *flags in commands if file == "implicit-augment.py"]
    options = [resolve(script.parse_options(script.RunOptions, "", flags)) for flags in trained]
    assert len({(one.run_folder, one.name) for one in options}) == len(trained) == count
    names = [stage.run.name for one in options for stage in stages(one)]
    assert all(re.search(last[last.index("--match") + 1], name) for name in names)


def test_other_controls_differ_from_those_of_the_evidence(scripts, tmp_path):
    """In the batch size or in the number of epochs, and are in folders of their own."""

    def controls(name):
        (tmp_path / name).mkdir()
        trained = [flags for file, *flags in asked_of(name, tmp_path / name) if file == "implicit-augment.py"]
        options = [resolve(script.parse_options(script.RunOptions, "", flags)) for flags in trained]
        return {
            (str(one.data), one.run_folder, one.name): (one.batch_size, one.epochs)
            for one in options
            if one.hyper_opt == "NONE"
        }

    script = scripts["implicit-augment"]
    usual, others = controls("evidence-digits"), controls("controls-digits")
    assert len(others) == 8 * (4 + 2 * 2)
    for (data, run, name), (batch_size, epochs) in others.items():
        batch_of_usual, epochs_of_usual = usual["local_data", run, name]
        if data == "local_data/other-batches":
            assert batch_size != batch_of_usual
            assert epochs == epochs_of_usual
        else:
            assert (batch_size, epochs) == (batch_of_usual, 2 * epochs_of_usual)


@pytest.mark.slow
def test_every_row_of_the_refits_is_understood_of_its_own_and_shown(scripts, tmp_path):
    """Rows and predictions are copied on the way, by stand-ins here."""
    asked = asked_of("refit-digits", tmp_path, PATH=stand_ins(tmp_path, "", "cp", "mkdir"))
    see_that_tables_are_understood(asked, scripts)
    commands, tables = asked[:-8], asked[-8:]
    script = scripts["implicit-augment"]
    trained = [flags for file, *flags in commands if file == "implicit-augment.py"]
    options = [resolve(script.parse_options(script.RunOptions, "", flags)) for flags in trained]
    assert len({(one.data, one.run_folder, one.name) for one in options}) == 8 * 2 * (2 * 10 + 3 + 2 + 2 + 2 * 2)
    for table in tables:
        match = table[table.index("--match") + 1]
        assert all(re.search(match, stage.run.name) for one in options for stage in stages(one))
        assert not re.search(match, options[0].name.replace("ir_10_", "ir_100_"))


SELECTED = {"figure-efficient": 3 * 5 * 39 + 2 * 5, "figure-efficient-digits": 2 * 28 * 8}


@pytest.mark.parametrize("name", SELECTED)
def test_every_selection_is_understood_and_of_its_own(scripts, name):
    """Twelve selections and the support vectors, of three kinds of copies, and the networks of all classes."""
    script, runs, commands = scripts["implicit-augment"], set(), printed(name)
    for _, file, *flags in commands:
        assert file == "implicit-augment.py"
        options = resolve(script.parse_options(script.RunOptions, "", flags))
        runs.add((options.dataset, options.run_folder, options.name))
        if options.hyper_opt == "SEL" and options.dataset != "DIGITS":
            assert (options.first_images, options.estimator.select_scale) == (1000, "raw")
    assert len(runs) == len(commands) == SELECTED[name]


NO_COMMANDS = {
    "": "there are no commands on stdin",
    "\n\n": "there are no commands on stdin",
    "implicit-augment.py\n# python implicit-augment.py\n": "'# python implicit-augment.py' is no command",
    "torchrun --nproc 2 implicit-augment.py": "is no command",
    "rm -rf x; python implicit-augment.py": "is no command",
    "\udcff implicit-augment.py": "is no command",
    "implicit-augment.py --dataset 'x": "No closing quotation",
}


@pytest.mark.parametrize("text", NO_COMMANDS)
def test_stdin_without_commands_alone_runs_none(scripts_path, monkeypatch, capsys, text):
    in_process = importlib.import_module("in-process")
    monkeypatch.setattr(in_process, "run_all", lambda commands: pytest.fail("some were run"))
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert in_process.main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert NO_COMMANDS[text] in error
    assert error.count("\n") == 1


def test_signal_ends_all_distortions_and_an_own_training_has_a_list_of_its_own(tmp_path):
    asked = tmp_path / "asked"
    python = tmp_path / "python"
    environment = os.environ | {"PYTHON": str(python), "RUNS": "0", "TRAINING": "--epochs 2", "start": "--bogus"}

    def table(status):
        python.write_text(f'#!/bin/sh\necho "$*" >>{asked}\nexit {status}\n')
        python.chmod(0o755)
        asked.unlink(missing_ok=True)
        command = ["bash", SCRIPTS / "table-four.sh"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.returncode, asked.read_text().splitlines()

    assert table(143) == (
        143,
        ["implicit-augment.py -r run0 --no-cuda -nr 0.1 -ir 10 --dataset DIGITS --epochs 2 --aug-model NONE"],
    )
    status, commands = table(0)
    assert status == 0
    assert len(commands) == 4 * 15 + 1
    assert not any("bogus" in command for command in commands)
    assert commands[-1].endswith(
        "--match . --plot local_data/DIGITS/figures --runs-csv docs/results/table-four-digits-own.csv"
    )


@pytest.mark.slow
def test_commands_of_stdin_run_in_one_process(tmp_path, monkeypatch):
    """And go on after one that fails."""
    short = "--no-cuda --epochs 1 -sr 0.24"
    lines = [f"implicit-augment.py {short}", "implicit-augment.py --epochs x", f"implicit-augment.py {short} -r run1"]
    command = [sys.executable, SCRIPTS / "in-process.py"]
    done = subprocess.run(command, input="\n".join(lines), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stdout.count("test accuracy") == 2
    assert "'x' is not a whole number" in done.stderr

"""The report on a GPU: what it runs, what it keeps, and its table, on a machine without one."""

import json
import os
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

from benchmarks import epoch, gpu_report, gpu_table, precision, transforms
from utils.errors import exit_status

MACHINE = {"GPU": "Some GPU", "torch": "2.11.0", "date": "2026-11-26"}


def report(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["gpu_report", *map(str, arguments)])
    return exit_status(gpu_report.main)


@pytest.fixture
def gpu(monkeypatch):
    """A machine with a GPU, as far as the report asks for it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: MACHINE["GPU"])


def test_without_a_gpu_nothing_is_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gpu_report, "run", lambda *_: pytest.fail("a part was run"))
    assert report(monkeypatch, "--folder", tmp_path / "found") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: torch {torch.__version__} sees no GPU here; run this on a machine with an NVIDIA one\n"
    assert not (tmp_path / "found").exists()


def test_script_passes_its_arguments_on(tmp_path):
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\npwd > "{tmp_path}/asked"\necho "$@" >> "{tmp_path}/asked"\nexit 7\n')
    stand_in.chmod(0o755)
    command = ["bash", ROOT / "scripts/gpu-report.sh", "epoch", "transforms"]
    done = subprocess.run(command, check=False, cwd=tmp_path, env=os.environ | {"PYTHON": str(stand_in)})
    assert done.returncode == 7
    assert (tmp_path / "asked").read_text() == f"{ROOT}\n-m benchmarks.gpu_report epoch transforms\n"


def test_script_without_python_says_so_in_one_line():
    environment = os.environ | {"PYTHON": "nowhere/python"}
    command = ["bash", ROOT / "scripts/gpu-report.sh"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    expected = "error: there is no nowhere/python; run make test, or give PYTHON=\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


def python(text):
    return sys.executable, "-c", text


def test_part_that_fails_stops_no_other(tmp_path, monkeypatch, capfd, gpu):
    """The last one also has what an earlier report left."""
    writes = "import sys, json; json.dump({'a': 1}, open(sys.argv[-1], 'w')); print('done')"
    parts = {
        "first": {"tests": python("print('5 passed in 1s'); print('all is well')")},
        "second": {"FIS": (*python("import sys; print('why'); sys.exit(3)"), "--device")},
        "third": {"GMM": (*python(writes), "--device")},
    }
    monkeypatch.setattr(gpu_report, "PARTS", parts)
    monkeypatch.setattr(gpu_report, "print_table", lambda folder: print("the table of", folder))
    (tmp_path / "UNR.json").write_text("of an earlier report")
    assert report(monkeypatch, "first", "second", "third", "--folder", tmp_path) == 0
    out = capfd.readouterr().out
    assert "all is well" in out and out.endswith(f"the table of {tmp_path}\n")
    found = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("tests", "FIS", "GMM")}
    assert [(one["status"], one["last words"], one["numbers"]) for one in found.values()] == [
        (0, "5 passed in 1s", None),
        (3, "why", None),
        (0, "done", {"a": 1}),
    ]
    assert all((one["GPU"], one["torch"]) == (MACHINE["GPU"], torch.__version__) for one in found.values())
    assert (tmp_path / "UNR.json").exists()


def test_parts_are_those_of_the_table_and_their_flags_are_understood(monkeypatch, tmp_path):
    commands = {name: command for part in gpu_report.PARTS.values() for name, command in part.items()}
    assert sorted(commands) == sorted(gpu_table.ORDER)
    modules = {"benchmarks.epoch": epoch, "benchmarks.transforms": transforms, "benchmarks.precision": precision}
    for name, (_, _, *words) in commands.items():
        if name.endswith("tests"):
            continue
        module = modules[words[0]]
        flags = [word.replace("cuda", "cpu") for word in words[1:]]
        monkeypatch.setattr("sys.argv", [words[0], *flags, "--output", str(tmp_path / "numbers.json")])
        assert module.parse_options().output == tmp_path / "numbers.json"


def passes(method, shares):
    """The numbers of `benchmarks.epoch` for a method beside plain training, at 100 TFLOP/s."""
    lines = [
        {"method": who, "pass": what, "share of peak": share, "images per second": 10_000 * share}
        for (who, what), share in shares.items()
    ]
    return {"passes": lines, "peak, TFLOP/s": 99.7, "run / plain run": {method: {"median": 1.5}}}


def rows(devices, precisions, seeds):
    part = {"devices": devices, "precisions": precisions, "seeds": seeds}
    return {"rows": {"Weight": part}, "errors between": {"devices": 10 * devices, "precisions": 10 * precisions}}


RECORDS = {
    "tests": {"last words": "1403 passed, 4 skipped in 80.1s"},
    "FIS": {
        "numbers": passes(
            "FIS",
            {
                ("plain", "train"): 0.5,
                ("plain", "evaluation"): 0.6,
                ("FIS", "hyper"): 0.3,
                ("FIS", "train"): 0.449,
                ("FIS", "evaluation"): 0.6,
            },
        )
    },
    "UNR": {"status": 1, "last words": "OutOfMemoryError: a | b"},
    "GMM": {"numbers": passes("GMM", {("plain", "train"): 0.4, ("GMM", "train"): 0.45})},
    "transforms-256": {
        "numbers": {
            "policy": "RAND(3, 7)",
            "shape": [256, 3, 32, 32],
            "images_per_second": {"tensors": {"median": 299_999.4}},
        }
    },
    "devices": {"numbers": {"HES": rows(0.02, 0.02, 0.2), "FIS": rows(0.05, 0.04, 0.2)}},
}
TABLE = """
|  | figure | bar | reached | GPU | torch | date |
|---|---|---|---|---|---|---|
| `make test` | 1403 passed, 4 skipped in 80.1s | none fails | yes | MACHINE |
| NONE, train pass | 50.0 % of 100 TFLOP/s, 5,000 images/s | 45 % | yes | MACHINE |
| FIS, hyper pass | 30.0 % of 100 TFLOP/s, 3,000 images/s | - | - | MACHINE |
| FIS, train pass | 44.9 % of 100 TFLOP/s, 4,490 images/s; a run takes 1.50 times NONE's | 45 % | no | MACHINE |
| UNR | failed with status 1: OutOfMemoryError: a / b | runs | no | MACHINE |
| GMM, train pass | 45.0 % of 100 TFLOP/s, 4,500 images/s; a run takes 1.50 times NONE's | 45 % | yes | MACHINE |
| RAND(3, 7), batches of 256 | 299,999 images/s | 300,000 images/s | no | MACHINE |
| learned rows: distance of fp32 on GPU and CPU over that of bf16 and fp32 | 1.25 at most (other seeds: 5 at least) \
| 1 | no | MACHINE |
| test errors: difference of fp32 on GPU and CPU | 0.35 points (bf16 and fp32: 0.30) | - | - | MACHINE |
"""


def test_table_of_recorded_numbers(tmp_path, capsys):
    for name, record in RECORDS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(MACHINE | {"status": 0, "last words": ""} | record))
    gpu_table.print_table(tmp_path)
    machine = " | ".join(MACHINE.values())
    assert capsys.readouterr().out == TABLE.replace("MACHINE", machine)


def test_failed_tests_are_in_the_table():
    record = {"status": 2, "last words": "1 failed, 1402 passed in 80.1s"}
    (line,) = gpu_table.lines_of("tests", record)
    assert (line.figure, line.reached) == (record["last words"], False)


def test_table_of_real_numbers(tmp_path, monkeypatch, capsys):
    """Of the benchmarks themselves, at toy size on the CPU, which has nothing to compare devices with."""
    runs = {
        "FIS": (epoch, "--only FIS --scale 0.004 --rounds 1 --model lenet"),
        "transforms-256": (transforms, "--batch 8 --rounds 1"),
    }
    for name, (module, flags) in runs.items():
        output = tmp_path / "numbers"
        monkeypatch.setattr("sys.argv", ["benchmark", *flags.split(), "--output", str(output)])
        module.main()
        record = {"status": 0, "last words": "", "numbers": json.loads(output.read_text())}
        (tmp_path / f"{name}.json").write_text(json.dumps(MACHINE | record))
    capsys.readouterr()
    gpu_table.print_table(tmp_path)
    whats = [line.split(" | ")[0] for line in capsys.readouterr().out.splitlines()[3:]]
    assert whats == [
        "| NONE, train pass",
        "| FIS, hyper pass",
        "| FIS, train pass",
        "| RAND(3, 7), batches of 8",
    ]

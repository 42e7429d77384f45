"""The tables of get-results.py, from result files written here."""

import csv
import io
import json
import re
import shutil
import statistics
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import markdown
import numpy as np
import pandas as pd
import pytest

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from utils.runs.files import RunFiles

BASELINE = "--dataset SVHN -ir 100 -nr 0.1"
METHOD = "--dataset SVHN -ir 100 -nr 0.1 --aug-model SEP --los-model BOTH --hyper-opt HES"
CLEAN = "--dataset SVHN --aug-model SEP --los-model BOTH --hyper-opt HES"
CONTROL = "--dataset SVHN -ir 100 -nr 0.1 --train-on both --model wresnet10_2"
ERRORS = {
    BASELINE: {0: (20.5, 22.0, 27.25, 27.0), 1: (19.5, 21.0, 26.0, 25.5), 2: (21.0, 22.5, 26.5, 26.0)},
    METHOD: {0: (6.5, 6.75, 7.0, None), 1: (6.0, 6.25, 6.5, 6.75)},
    CLEAN: {0: (2.5, 2.75, 3.0, 3.25)},
    CONTROL: {0: (5.0, None, 6.0, 6.25)},
}
KEYS = ("best_on_test", "selected_on_validation", "last_epoch", "last_five")
HEADINGS = ("best on test", "selected on validation", "last epoch", "mean of last five")


def write_results(chosen):
    for flags in chosen:
        for run, errors in ERRORS[flags].items():
            options = resolve(parse_options(RunOptions, "", [*flags.split(), "-r", f"run{run}"]))
            accuracy = {key: 100 - error for key, error in zip(KEYS, errors, strict=True) if error is not None}
            content = {
                "dataset": "SVHN",
                "run": f"run{run}",
                "name": options.name,
                "accuracy": accuracy,
                "epochs": dict.fromkeys(accuracy, 1),
                "accuracy_per_class": {"last_epoch": [accuracy["last_epoch"]] * 10},
                "options": options.identity | {"precision": "fp32"},  # as a run has resolved it
                "table": "images and labels",
                "test_table": "test images and labels",
            }
            path = RunFiles(Path("local_data/SVHN") / f"run{run}", options.name).result
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))


@pytest.fixture
def table(results):
    """table(layout, rows) -> what --all prints."""

    def read(layout, chosen=tuple(ERRORS)):
        write_results(chosen)
        status, out, err = results("--dataset", "SVHN", "--all", "--format", layout)
        assert (status, err) == (0, "")
        return out

    return read


def test_one_distortion_has_a_column_per_accuracy_and_the_published_value(table):
    lines = [re.split(r"  +", line) for line in table("text", (BASELINE, METHOD, CONTROL)).splitlines()]
    assert lines[0] == ["test error in %, mean +- standard deviation [published]"]
    assert lines[2] == ["100-0.1", *HEADINGS, "runs"]
    values = list(zip(*ERRORS[BASELINE].values(), strict=True))
    means = [f"{statistics.mean(v):.2f} +- {statistics.stdev(v):.2f}" for v in values]
    assert lines[3] == ["NONE/NONE NONE", f"{means[0]} [20.0 +- 1.92]", *means[1:], "0 to 2"]
    assert lines[4] == ["NONE/NONE NONE model wresnet10_2 train on both", "5.00", "-", "6.00", "6.25", "0"]
    assert lines[5] == ["SEP/BOTH HES", "6.25 +- 0.35 [6.3 +- 0.57]", "6.50 +- 0.35", "6.75 +- 0.35", "-", "0 to 1"]
    assert [line[0].split(": ", 1)[1] for line in lines[7:]] == ["missing: run1 to run2", "missing: run2"]


def test_several_distortions_have_the_published_shape(table):
    blocks = table("text").split("\n\n")[1:5]
    for block, heading in zip(blocks, HEADINGS, strict=True):
        lines = [re.split(r"  +", line) for line in block.splitlines()]
        assert lines[0] == [heading, "1-0.0", "100-0.1", "runs"]
        assert [line[0] for line in lines[1:]] == [
            "NONE/NONE NONE",
            "NONE/NONE NONE model wresnet10_2 train on both",
            "SEP/BOTH HES",
        ]
    assert "2.50 [2.5 +- 0.04]" in blocks[0]
    assert "[" not in blocks[1] + blocks[2] + blocks[3]  # the published values are of the best epoch on the test set


def test_markdown_has_the_cells_of_the_text(table):
    text, markdown = table("text"), table("markdown")
    for block, pipe in zip(text.split("\n\n")[1:5], markdown.split("\n\n")[1:5], strict=True):
        header, rule, *body = [line.strip("|").split("|") for line in pipe.splitlines()]
        assert set(rule) == {"---"}
        cells = [[cell.strip().replace("±", "+-") for cell in line if cell.strip()] for line in (header, *body)]
        assert cells == [re.split(r"  +", line) for line in block.splitlines()]


def test_latex_has_as_many_cells_in_every_line(table):
    latex = table("latex")
    for tabular in re.findall(r"\\begin\{tabular\}\{(l+r+)\}(.*?)\\end\{tabular\}", latex, re.DOTALL):
        columns, body = tabular
        lines = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(lines) == 4
        assert {line.count("&") + 1 for line in lines} == {len(columns)}
    assert r"wresnet10\_2" in latex


@pytest.mark.parametrize("layout", ["csv", "json"])
def test_records_hold_the_numbers_of_the_result_files(table, layout):
    out = table(layout)
    records = json.loads(out) if layout == "json" else list(csv.DictReader(io.StringIO(out)))
    by_row = {(r["row"], int(r["imbalance_ratio"])): r for r in records}
    assert len(by_row) == 4
    for flags, key in (
        (BASELINE, ("NONE/NONE NONE", 100)),
        (METHOD, ("SEP/BOTH HES", 100)),
        (CLEAN, ("SEP/BOTH HES", 1)),
    ):
        record = by_row[key]
        assert record["runs"] == " ".join(map(str, ERRORS[flags]))
        for name, values in zip(KEYS, zip(*ERRORS[flags].values(), strict=True), strict=True):
            if None in values:  # a run of before there was such an accuracy
                assert record[f"{name}_error_mean"] in (None, "")
                continue
            assert float(record[f"{name}_error_mean"]) == pytest.approx(statistics.mean(values))
            if len(values) > 1:
                assert float(record[f"{name}_error_std"]) == pytest.approx(statistics.stdev(values))
    control = by_row["NONE/NONE NONE model wresnet10_2 train on both", 100]
    assert control["selected_on_validation_error_mean"] in (None, "")
    assert float(by_row["SEP/BOTH HES", 100]["published_error_mean"]) == 6.3


def errors_of_the_files():
    """By label, imbalance ratio and accuracy: the errors of all runs, as the result files have them, if all have it."""
    found = {}
    for path in sorted(Path("local_data/SVHN").glob("run*/result_*.json")):
        content = json.loads(path.read_text())
        options = content["options"]
        label = f"{options['aug_model']}/{options['los_model']} {options['hyper_opt']}"
        label += " model wresnet10_2 train on both" if options["train_on"] == "both" else ""
        for name, accuracy in content["accuracy"].items():
            found.setdefault((label, options["imbalance_ratio"], name), []).append(100 - accuracy)
    return {key: errors for key, errors in found.items() if len(errors) == len(found[(*key[:2], KEYS[0])])}


def check_cells(grids, plus_minus):
    """Cells (without the published values) of the tables in the order of KEYS, a line per label, against the files."""
    checked = 0
    expected = errors_of_the_files()
    for key, heading, (header, *lines) in zip(KEYS, HEADINGS, grids, strict=True):
        assert header == [heading, "1-0.0", "100-0.1", "runs"]
        for label, *cells, _ in lines:
            for ratio, cell in zip((1, 100), cells, strict=True):
                errors = expected.get((label, ratio, key), [])
                ours = f"{np.mean(errors):.2f}" if errors else "-" if (label, ratio, KEYS[0]) in expected else ""
                ours += f" {plus_minus} {np.std(errors, ddof=1):.2f}" if len(errors) > 1 else ""
                assert cell.split(" [")[0] == ours
                checked += len(errors) > 0
    assert checked == len(expected)


def test_markdown_is_rendered_to_tables_with_the_numbers_of_the_result_files(table):
    page = ElementTree.fromstring(f"<page>{markdown.markdown(table('markdown'), extensions=['tables'])}</page>")
    grids = [[[cell.text or "" for cell in line] for line in found.iter("tr")] for found in page.iter("table")]
    check_cells(grids, "±")


def test_latex_has_the_numbers_of_the_result_files(table):
    tabulars = re.findall(r"\\begin\{tabular\}\{l+r+\}(.*?)\\end\{tabular\}", table("latex"), re.DOTALL)
    lines = [[line.removesuffix(r"\\") for line in found.splitlines() if line.endswith(r"\\")] for found in tabulars]
    grids = [[[cell.strip().replace(r"\_", "_") for cell in line.split("&")] for line in found] for found in lines]
    check_cells(grids, r"$\pm$")


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex")
def test_latex_compiles(table):
    document = "\n".join([r"\documentclass{article}\begin{document}", table("latex"), r"\end{document}"])
    Path("table.tex").write_text(document)
    subprocess.run(["pdflatex", "-halt-on-error", "table.tex"], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(("layout", "read"), [("csv", pd.read_csv), ("json", pd.read_json)])
def test_pandas_reads_the_numbers_of_the_result_files(table, layout, read):
    frame = read(io.StringIO(table(layout))).set_index(["row", "imbalance_ratio"])
    expected = errors_of_the_files()
    assert len(frame) == len({(label, ratio) for label, ratio, _ in expected})
    for (label, ratio), record in frame.iterrows():
        for key in KEYS:
            errors = expected.get((label, ratio, key), [])
            mean = np.mean(errors) if errors else np.nan
            spread = np.std(errors, ddof=1) if len(errors) > 1 else np.nan
            found = [float(record[f"{key}_error_{name}"]) for name in ("mean", "std")]
            np.testing.assert_allclose(found, [mean, spread], rtol=1e-12)


@pytest.mark.parametrize(("flag", "value"), [("--format", "csv"), ("--match", "SEP")])
def test_flag_of_all_without_it_is_an_error(results, flag, value):
    status, _, err = results(flag, value)
    assert status == 2
    assert f"{flag} is for --all" in err


def test_matching_rows_are_shown_alone(table, results):
    table("text")
    status, out, _ = results("--dataset", "SVHN", "--all", "--match", "opt_HES.*ir_1_", "--format", "json")
    assert status == 0
    assert [(record["row"], record["imbalance_ratio"]) for record in json.loads(out)] == [("SEP/BOTH HES", 1)]


@pytest.mark.parametrize(
    ("match", "message"), [("NOTHING", "no finished run with 'NOTHING' in its name"), ("(", "not a regular expression")]
)
def test_unfit_match_is_an_error(table, results, match, message):
    table("text")
    status, _, err = results("--dataset", "SVHN", "--all", "--match", match)
    assert status == 2
    assert len(err.splitlines()) == 1
    assert message in err

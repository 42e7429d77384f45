"""The tables of the pages: of the lists of runs in docs/results alone, and as scipy and numpy have the numbers."""

import csv
import importlib
import json
import sys

import numpy as np
import pytest
from conftest import ROOT
from scipy.stats import ttest_rel


@pytest.fixture(scope="module")
def scripts_path():
    sys.path.insert(0, str(ROOT / "scripts"))
    yield
    sys.path.remove(str(ROOT / "scripts"))


@pytest.fixture(scope="module")
def runs_tables(scripts_path):
    return importlib.import_module("runs_tables")


@pytest.fixture(scope="module")
def fill(scripts_path):
    return importlib.import_module("fill-tables")


BASE = np.array([20.0, 24.0, 19.0])
BETTER = np.array([12.0, 14.0, 13.5])


@pytest.fixture
def folder(tmp_path):
    """Two lists: the second one has other numbers of run 0 of the baseline, and the seconds of a method's stages."""
    columns = ["dataset", "setting", "run", "last_five", "last_epoch", "seconds"]
    lists = {"a.csv": [], "b.csv": []}
    for run, (base, better) in enumerate(zip(BASE, BETTER, strict=True)):
        lists["a.csv"].append(["DIGITS", "net_opt_NONE_ir_10", run, 100 - base, "", 10])
        lists["b.csv"].append(["DIGITS", "net_opt_FIS_ir_10", run, 100 - better, 100 - better, 15 + run])
        lists["b.csv"].append(["DIGITS", "net_opt_FIS_ir_10_refit", run, 100 - better + 1, "", 5])
        lists["b.csv"].append(["DIGITS", "net_opt_NONE_ir_10", run, 0, 0, 10])
        lists["b.csv"].append(["MNIST", "net_opt_FIS_ir_10", run, 0, 0, 10])
        lists["b.csv"].append(["DIGITS", "net_opt_FIS_ir_100", run, 0, 0, 10])
    for name, lines in lists.items():
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file).writerows([columns, *lines])
    return tmp_path


SPEC = {
    "files": ["a.csv", "b.csv"],
    "dataset": "DIGITS",
    "distortion": "ir_10",
    "runs": "0-2",
    "settings": "some",
    "columns": ["last_epoch", "last_five", "cost", "difference"],
    "against": "NONE",
}
SETTINGS = {
    "some": [
        {"key": "NONE", "label": "baseline", "name": "NONE_{d}"},
        {"key": "FIS", "label": "FIS", "name": "FIS_{d}"},
        {"key": "refit", "label": "refit", "name": "FIS_{d}_refit", "stages": ["FIS_{d}"]},
        {"key": "HES", "label": "HES", "name": "HES_{d}"},
    ]
}


def test_cells_are_those_of_numpy_and_scipy(runs_tables, folder):
    made = runs_tables.Table(SPEC, SETTINGS, folder).markdown().splitlines()
    heads, _, *lines = [line.strip("| ").split(" | ") for line in made]
    assert heads == ["last epoch", "mean of last five", "seconds, baseline = 1", "against baseline"]
    assert [line[0] for line in lines] == ["baseline", "FIS", "refit"]  # HES has no runs
    base, fis, refit = lines
    # The first list has the baseline, though the second one has it as well.
    assert base[1:] == ["-", f"{BASE.mean():.2f} ± {BASE.std(ddof=1):.2f}", "1.0", "-"]
    test = ttest_rel(BETTER, BASE)
    low, high = test.confidence_interval()
    assert fis[2] == f"{BETTER.mean():.2f} ± {BETTER.std(ddof=1):.2f}"
    assert fis[4] == f"{(BETTER - BASE).mean():+.2f} ({low:+.2f} to {high:+.2f}), p = {test.pvalue:.2g}, n = 3"
    assert refit[2] == f"**{BETTER.mean() - 1:.2f} ± {BETTER.std(ddof=1):.2f}**"  # the lowest
    # Seconds of all stages over the baseline's in the same list, median over runs.
    assert (fis[3], refit[3]) == ("1.6", "2.1")


def test_run_that_is_missing_is_said(runs_tables, folder):
    spec = SPEC | {"runs": "0-3", "keys": ["NONE"]}
    assert f"{BASE.mean():.2f} ± {BASE.std(ddof=1):.2f} (n = 3)" in runs_tables.Table(spec, SETTINGS, folder).markdown()


def test_pages_get_tables_and_values(runs_tables, fill, folder):
    found = {"one": runs_tables.Table(SPEC, SETTINGS, folder), "other": "| copied |"}
    page = "a\n<!-- table one -->\nold\n<!-- end -->\n<!-- table other -->\n<!-- end -->\n"
    page += "Error <!--= one FIS last_five -->7<!--/--> or <!--= one FIS last_five 2 --><!--/-->,"
    page += " <!--= one FIS last_five ± -->x<!--/-->"
    text = fill.filled(page, found)
    assert "old" not in text
    assert "| baseline | - |" in text
    assert "<!-- table other -->\n| copied |\n<!-- end -->" in text
    assert f"-->{BETTER.mean():.1f}<!--/--> or <!--= one FIS last_five 2 -->{BETTER.mean():.2f}<!--/-->," in text
    assert f"last_five ± -->{BETTER.mean():.2f} ± {BETTER.std(ddof=1):.2f}<!--/-->" in text
    assert fill.filled(text, found) == text
    with pytest.raises(KeyError):
        fill.filled("<!-- table none -->\n<!-- end -->", found)


def test_copied_table_has_the_lines_of_its_file(runs_tables, folder):
    (folder / "earlier.csv").write_text('page,setting,error\nx,FIS,1.0 ± 0.2\ny,"HES, 5 terms",\n')
    spec = {"file": "earlier.csv", "where": {"page": "y"}, "columns": {"": "setting", "error": "error"}}
    assert runs_tables.copied(spec, folder).splitlines()[-1] == "| HES, 5 terms | - |"


def test_no_accuracy_of_the_pages_is_typed(fill, capsys):
    """Every table of docs/tables.json can be made, and the pages are what the lists say."""
    assert fill.main(["--check"]) == 0, capsys.readouterr().out


def test_every_table_is_on_a_page():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    names = json.loads((ROOT / "docs/tables.json").read_text())["tables"]
    assert [name for name in names if f"<!-- table {name} -->" not in text and f"<!--= {name} " not in text] == []

"""The tables of the pages: of the lists of runs in docs/results alone, and as scipy and numpy have the numbers."""

import csv
import importlib
import json
import re
from functools import partial

import numpy as np
import pytest
from conftest import ROOT
from scipy.stats import ttest_rel

from utils.errors import UserError


@pytest.fixture(scope="module")
def copied_tables(scripts_path):
    return importlib.import_module("copied_tables")


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
    (tmp_path / "means.csv").write_text("of,images,mean,sd\nFIS,50,1.0,0.2\nHES,50,4.0,\nFIS,314,0.5,0.1\n")
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


def test_seconds_of_two_machines_are_not_added_up(runs_tables):
    def runs(**seconds):
        return {0: [{"file": "a.csv", "commit": commit, "seconds": str(value)} for commit, value in seconds.items()]}

    line = runs_tables.Line("refit", "refit", runs(slow=30, quick=10), [runs(slow=25), runs(quick=7, slow=20)])
    assert line.seconds() == {(0, "a.csv", "slow"): 75}


def test_run_that_is_missing_is_said(runs_tables, folder):
    made = runs_tables.Table(SPEC | {"runs": "0-3", "keys": ["NONE"]}, SETTINGS, folder).markdown()
    assert f"{BASE.mean():.2f} ± {BASE.std(ddof=1):.2f} (n = 3)" in made
    assert "**" not in made  # nor can the lowest be told


def test_pages_get_tables_and_values(runs_tables, copied_tables, fill, folder):
    copied = copied_tables.Copied({"file": "means.csv", "columns": {"of": "of"}, "key": "{of} {images}"}, folder)
    found = {"one": runs_tables.Table(SPEC, SETTINGS, folder), "other": copied}
    page = "a\n<!-- table one -->\nold\n<!-- end -->\n<!-- table other -->\n<!-- end -->\n"
    page += "Error <!--= one FIS last_five -->7<!--/--> or <!--= one FIS last_five 2 --><!--/-->."
    page += " <!--= one FIS last_five ± -->x<!--/-->"
    page += (
        "<!--= one refit cost --><!--/--> <!--= one FIS against refit --><!--/--> <!--= other HES-50 mean --><!--/-->"
    )
    text = fill.filled(page, found)
    assert "old" not in text
    assert "| baseline | - |" in text
    assert "<!-- table other -->\n| of |\n|---|\n| FIS |\n" in text
    assert f"-->{BETTER.mean():.1f}<!--/--> or <!--= one FIS last_five 2 -->{BETTER.mean():.2f}<!--/-->." in text
    assert f"last_five ± -->{BETTER.mean():.2f} ± {BETTER.std(ddof=1):.2f}<!--/-->" in text
    assert "refit cost -->2.1<!--/--> <!--= one FIS against refit -->+1.00, n = 3<!--/-->" in text
    assert text.endswith("<!--= other HES-50 mean -->4.0<!--/-->")
    assert fill.filled(text, found) == text
    with pytest.raises(UserError, match="no table 'none'"):
        fill.filled("<!-- table none -->\n<!-- end -->", found)


def test_copied_table_has_the_lines_of_its_file(copied_tables, folder):
    spec = {"file": "means.csv", "where": {"images": "50"}, "columns": {"": "of", "error": "{mean} ± {sd}", "sd": "sd"}}
    lines = copied_tables.Copied(spec, folder).markdown().splitlines()
    assert lines[2:] == ["| FIS | 1.0 ± 0.2 | 0.2 |", "| HES | - | - |"]


def test_copied_table_has_a_column_for_each_value(copied_tables, folder):
    spec = {
        "file": "means.csv",
        "columns": {"": "of"},
        "across": "{images} clean",
        "cell": "mean",
        "bold": {"of": ["HES"]},
    }
    lines = copied_tables.Copied(spec, folder).markdown().splitlines()
    assert lines == ["|  | 50 clean | 314 clean |", "|---|---|---|", "| FIS | 1.0 | 0.5 |", "| HES | **4.0** | - |"]


BUDGETS = np.array([0, 1, 5, 10])
RANDOM, FIRST = np.array([[50, 52, 60, 70], [48, 52, 56, 68]]), np.array([[50, 60, 69, 70], [48, 55, 66, 68]])


@pytest.fixture
def curves(tmp_path, runs_tables):
    """Two orders of ten images, two runs each."""
    columns = ["dataset", "setting", "run", "area_augmented", "budgets", "curve_augmented", "curve_clean"]
    lines = [
        [
            "DIGITS",
            f"net_opt_SEL_ir_1{end}",
            run,
            areas(heights),
            *(" ".join(map(str, x)) for x in (BUDGETS, heights, heights)),
        ]
        for end, curves in (("_random", RANDOM), ("", FIRST))
        for run, heights in enumerate(curves)
    ]
    with (tmp_path / "curves.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *lines])
    names = [f"augmented_at_{share}" for share in (0, 10, 50)]
    spec = {"files": ["curves.csv"], "dataset": "DIGITS", "distortion": "ir_1", "runs": "0 1", "settings": "orders"}
    spec |= {"columns": [*names, "area_augmented", "enough", "difference"]}
    spec |= {"against": "random", "compare_by": "area_augmented"}
    orders = [
        {"key": "random", "label": "random", "name": "SEL_{d}_random"},
        {"key": "top", "label": "top", "name": "SEL_{d}"},
    ]
    return runs_tables.Table(spec, {"orders": orders}, tmp_path)


def areas(heights):
    return np.trapezoid(heights, BUDGETS / 10) if hasattr(np, "trapezoid") else np.trapz(heights, BUDGETS / 10)


def test_curves_are_those_of_numpy_and_scipy(curves):
    heads, _, *lines = [line.strip("| ").split(" | ") for line in curves.markdown().splitlines()]
    assert heads == ["0 %", "10 %", "50 %", "area, test images and copies", "95 % of the gain", "against random"]
    for line, heights in zip(lines, (RANDOM, FIRST), strict=True):
        columns = [*heights.T[:3], np.array([areas(run) for run in heights])]
        assert line[1:5] == [f"{column.mean():.2f} ± {column.std(ddof=1):.2f}" for column in columns]
    assert [line[5] for line in lines] == ["at 100 %", "at 100 %"]
    ours, theirs = ([areas(run) for run in heights] for heights in (FIRST, RANDOM))
    low, high = ttest_rel(ours, theirs).confidence_interval()
    assert lines[1][6].startswith(f"{np.mean(ours) - np.mean(theirs):+.2f} ({low:+.2f} to {high:+.2f}), p = ")
    # All images bring 20 points; the first five of the order bring 18.5, five at random 9.
    assert (curves.value("top", "gain_at_50"), curves.value("random", "gain_at_50")) == ("92 %", "45 %")


def test_tables_stand_beside_each_other(runs_tables, folder):
    table = runs_tables.Table(SPEC, SETTINGS, folder)
    less = runs_tables.Table(SPEC | {"keys": ["NONE", "FIS"]}, SETTINGS, folder)
    lines = runs_tables.Beside("difference", {"a": less, "b": table}).markdown().splitlines()
    difference = table.value("FIS", "difference")
    assert lines == ["|  | a | b |", "|---|---|---|", f"| FIS | {difference} | {difference} |"]


def test_share_of_the_gain_is_between_the_first_and_the_last_line(runs_tables, folder):
    table = runs_tables.Table(
        SPEC | {"keys": ["NONE", "FIS", "refit"], "columns": ["gain"], "compare_by": "last_five"}, SETTINGS, folder
    )
    shares = [line.strip("| ").split(" | ")[1] for line in table.markdown().splitlines()[2:]]
    assert shares == [
        "0 %",
        f"{100 * (BASE.mean() - BETTER.mean()) / (BASE.mean() - BETTER.mean() + 1):.0f} %",
        "100 %",
    ]


def test_no_accuracy_of_the_pages_is_typed(fill, capsys):
    """Every table of docs/tables.json can be made, and the pages are what the lists say."""
    assert fill.main(["--check"]) == 0, capsys.readouterr().err


MISTAKES = {
    "unknown table": ("<!-- table none -->\n<!-- end -->", "there is no table 'none'"),
    "unknown line": ("<!--= one X last_five --><!--/-->", "X has no runs among NONE, FIS, refit"),
    "unknown column": ("<!--= one FIS x --><!--/-->", "asks for no column"),
    "unknown key of means": ("<!--= means X of --><!--/-->", "means.csv has no value 'X of '; keys are FIS-50"),
    "unknown places": ("<!--= one FIS last_five x --><!--/-->", "asks for 'x' places"),
    "places of a cell": ("<!--= one FIS cost 3 --><!--/-->", "asks for no column"),
    "value of several": ("<!--= both FIS cost --><!--/-->", "name one of these"),
    "no end": ("<!-- table one -->\n", "'<!-- table one -->' is no complete marker"),
    "no column": ("<!--= one FIS --><!--/-->", "'<!--= one FIS -->' is no complete marker"),
    "misspelt": ("<!--table one-->\n<!-- end -->", "'<!--table one-->' is no complete marker"),
    "another end": ("<!-- table one -->\n<!--end-->", "is no complete marker"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_one_line_and_changes_no_page(
    fill, runs_tables, copied_tables, folder, tmp_path, monkeypatch, capsys, mistake
):
    text, message = MISTAKES[mistake]
    one = runs_tables.Table(SPEC, SETTINGS, folder)
    means = copied_tables.Copied({"file": "means.csv", "columns": {"of": "of"}, "key": "{of} {images}"}, folder)
    found = {"one": one, "means": means, "both": runs_tables.Beside("cost", {"a": one})}
    monkeypatch.setattr(fill, "read_tables", lambda: found)
    (tmp_path / "docs").mkdir()
    for page in ("README.md", "docs/b.md"):
        (tmp_path / page).write_text("<!--= one FIS last_five -->7<!--/-->" if page == "README.md" else text)
    monkeypatch.setattr(fill, "ROOT", tmp_path)
    assert fill.main([]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: docs/b.md")
    assert message in error
    assert error.count("\n") == 1
    assert "-->7<" in (tmp_path / "README.md").read_text()


def test_every_table_is_on_a_page():
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    specs = json.loads((ROOT / "docs/tables.json").read_text())["tables"]
    parts = {name for spec in specs.values() for name in spec.get("beside", {}).values()}
    shown = [name for name in specs if f"<!-- table {name} -->" in text or f"<!--= {name} " in text]
    assert sorted(specs.keys() - parts - set(shown)) == []


ENTRIES = {
    "wrong type": ({"runs": 7}, 'table one: "runs" is 7; it must be numbers of runs'),
    "no runs": ({"runs": "0-x"}, '"runs" is "0-x"; it must be numbers of runs'),
    "backwards": ({"runs": "5-2"}, '"runs" is "5-2"; it must be'),
    "a run twice": ({"runs": "0 0 1"}, '"runs" is "0 0 1"; it must be'),
    "no list": ({"files": "a.csv"}, '"files" is "a.csv"; it must be a list of different texts'),
    "empty list": ({"files": []}, '"files" is []; it must be a list of different texts'),
    "misspelt": ({"colums": []}, 'it has "colums"; known names are against, columns'),
    "unknown settings": ({"settings": "none"}, 'settings has "none"; known names are some'),
    "unknown column": ({"columns": ["x"]}, 'columns has "x"'),
    "unknown accuracy": ({"compare_by": "last_fiv"}, 'compare_by has "last_fiv"'),
    "unknown key": ({"keys": ["FIS", "X"]}, 'keys has "X"; known names are FIS, HES, NONE, refit'),
    "unknown reference": ({"keys": ["FIS"]}, 'against has "NONE"; known names are FIS'),
    "unknown flag": ({"flags": {"every": "_4"}}, 'flags has "every"; known names are none'),
    "alone": ({"columns": ["gain"]}, 'has "gain", which needs "compare_by"'),
    "unknown part": (
        {"beside": {"a": "x"}, "column": "cost"},
        'beside has "x"; known tables of runs before are none',
    ),
    "no part": ({"beside": {}, "column": "cost"}, '"beside" is {}; it must be texts by name'),
    "unknown column of means": (
        {"file": "earlier-mnist.csv", "columns": {"a": "x"}},
        "earlier-mnist.csv has no column x",
    ),
    "no column across": ({"file": "a.csv", "columns": {"a": "b"}, "across": "c"}, 'has "across", which needs "cell"'),
    "no table": ([], "table one is []; it must be an object"),
    "lacks": ({}, 'table one lacks "dataset"'),
}


@pytest.mark.parametrize("mistake", ENTRIES)
def test_mistake_in_the_description_is_one_line(fill, tmp_path, monkeypatch, capsys, mistake):
    entry, message = ENTRIES[mistake]
    is_part = isinstance(entry, dict) and entry and not {"beside", "file"} & entry.keys()
    path = tmp_path / "tables.json"
    path.write_text(json.dumps({"settings": SETTINGS, "tables": {"one": SPEC | entry if is_part else entry}}))
    monkeypatch.setattr(fill, "read_tables", partial(fill.read_tables, path))
    assert fill.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[]", 'must have "settings" and "tables"'),
        ('{"settings": {}, "tables": {}, "setings": {}}', 'the file has "setings"'),
        ('{"settings": {}, "tables": {}, "tables": {}}', 'has "tables" twice'),
        ('{"settings": {"some": [{"key": "a"}]}, "tables": {}}', 'setting 0 of some lacks "label"'),
        ('{"settings": {"some": [{"key": "a", "label": "b", "name": "N_{d"}]}, "tables": {}}', '"name" is "N_{d"'),
        ('{"settings": {"some": 1}, "tables": {}}', "setting 0 of some is null"),
    ],
)
def test_description_that_is_none_is_refused(fill, tmp_path, text, message):
    path = tmp_path / "tables.json"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(message)):
        fill.read_tables(path)


def test_number_that_is_none_is_refused(runs_tables, folder):
    file = folder / "b.csv"
    file.write_text(file.read_text().replace(str(100 - BETTER[1]), "n/a"))
    table = runs_tables.Table(SPEC, SETTINGS, folder)
    with pytest.raises(UserError, match=r"b\.csv: run1 of .* has last_epoch = 'n/a', which is no number"):
        table.markdown()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n<<<<<<< HEAD\n", "line 3 of .*means.csv has not a cell for each column"),
        ("a,b\n1,2\na,b\n", "line 3 of"),
        ("a,b\n", "has no lines"),
        ("", "has no lines"),
        ("a,a\n1,2\n", "a column twice"),
        ("c\n1\n", "means.csv has no column a"),
        ("\ufeffa,b\n2,2\n", "has no line of {'a': '1'}"),
    ],
)
def test_list_of_means_that_is_damaged_is_refused(copied_tables, tmp_path, text, message):
    (tmp_path / "means.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        copied_tables.Copied({"file": "means.csv", "columns": {"": "a"}, "where": {"a": "1"}}, tmp_path)


def test_table_without_runs_is_refused(runs_tables, folder):
    with pytest.raises(UserError, match=r"a\.csv, b\.csv have no run; .* asks for DIGITS, ir_10, runs 7"):
        runs_tables.Table(SPEC | {"runs": "7"}, SETTINGS, folder).markdown()
    with pytest.raises(UserError, match=r"a\.csv has no column selected_on_validation"):
        runs_tables.Table(SPEC | {"columns": ["selected_on_validation"]}, SETTINGS, folder).markdown()

"""The published figures, against cells typed from the papers and repositories."""

import re

import pytest
from conftest import ROOT

from hyperopt.report.published_errors import SETTINGS, published_error, read_figures

NONE, RAND, *_, FULL = SETTINGS
TEXTS = ["system", "dataset", "network", "setting", "distortion", "measure", "epoch"]
COLUMNS = [*TEXTS, "value", "spread", "runs", "source"]
EPOCHS = {"best on test", "last epoch", "not stated", "linear fit; the network's epoch is best on test"}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (("SVHN", NONE, 100, 1, 0.1), [20.0, 1.92]),
        (("SVHN", FULL, 100, 1, 0.1), [6.3, 0.57]),
        (("SVHN", ("SHA", "NONE", "HES"), 100, 1, 0.0), [12.6, 1.53]),
        (("CIFAR10", RAND, 1, 1, 0.1), [7.8, 0.16]),
        (("CIFAR10", ("SEP", "WGHT", "HES"), 10, 1, 0.1), [15.1, 0.19]),
        (("CIFAR100", FULL, 10, 1, 0.1), [39.6, 0.06]),
        (("ImageNet", ("DADA", "NONE", "NONE"), 10, 1, 0.0), [41.9]),
        (("ImageNet", FULL, 10, 1, 0.1), [44.1]),
        (("ImageNet", ("SHA", "NONE", "HES"), 10, 1, 0.0), []),
        (("ImageNet", FULL, 1, 1, 0.0), []),
        (("SVHN", FULL, 100, 0.5, 0.1), []),
        (("SVHN", ("SEP", "BOTH", "FIS"), 100, 1, 0.1), []),
        (("photos", FULL, 100, 1, 0.1), []),
    ],
)
def test_cell_of_autodo(cell, expected):
    assert published_error(*cell) == expected


def test_every_line_says_what_it_is_and_where_it_was_read():
    for line in read_figures():
        assert list(line) == COLUMNS
        assert all(line[name] for name in (*TEXTS, "value", "source")), line
        assert line["epoch"] in EPOCHS
        assert 0 < float(line["value"]) < 100
        assert line["spread"] == "" or int(line["runs"]) > 1


def test_no_figure_stands_twice():
    keys = [tuple(line[name] for name in (*TEXTS, "source")) for line in read_figures()]
    assert len(set(keys)) == len(keys)


def test_a_system_has_as_many_figures_as_could_be_read():
    systems = [line["system"] for line in read_figures()]
    assert {name: systems.count(name) for name in systems} == {
        "AutoDO": 3 * 4 * 8 + 2 * 5 + 4,
        "DABO": 5,
        "EffAug": 2 + 5 * 7,
    }


def test_gain_of_influence_is_the_published_share():
    """With 10, 25 and 50 % of the images."""
    value = {line["setting"]: float(line["value"]) for line in read_figures() if line["system"] == "EffAug"}
    none = value["TRANSLATE, no image augmented"]
    gain = value["TRANSLATE, random, 1000 images"] - none
    for order, shares in (("random", (49, 67, 84)), ("influence, proportional", (73, 91, 100))):
        found = [100 * (value[f"TRANSLATE, {order}, {n} images"] - none) / gain for n in (100, 250, 500)]
        assert found == pytest.approx(shares, abs=0.6)


def test_table_of_the_page_has_every_published_error():
    page = (ROOT / "docs/methods/autodo.md").read_text()
    section = page.split("## Published figures")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    _, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    shown = 0
    for dataset, distortion, *cells in lines:
        ir, nr = distortion.split("-")
        for setting, cell in zip(SETTINGS, cells, strict=True):
            found = [] if cell == "-" else [float(number) for number in cell.split(" ± ")]
            assert found == published_error(dataset, setting, int(ir), 1, float(nr))
            shown += bool(found)
    assert shown == 3 * 4 * 8 + 2 * 5


@pytest.mark.parametrize(("system", "page"), [("DABO", "dabo"), ("EffAug", "efficient-augmentation")])
def test_page_has_the_figures_of_its_system(system, page):
    text = (ROOT / f"docs/methods/{page}.md").read_text()
    section = text.split("## Published figures")[1].split("\n## ")[0]
    published = {line["value"] for line in read_figures() if line["system"] == system and "." in line["value"]}
    assert set(re.findall(r"\b\d\d\.\d+", section)) == published

"""What the README and the pages in docs/ say of files, flags and commands, against those."""

import re
import shlex

import pytest
from conftest import ROOT
from own_inputs import base

from hyperopt.estimators.table import ESTIMATORS
from hyperopt.options.resolve import options_parser, resolve

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
METHODS = sorted((ROOT / "docs/methods").glob("*.md"))  # they name flags of the published systems, too
LINK = re.compile(r"\]\(([^):#]*)#?([^):#]*)\)")
NAMED = re.compile(r"`((?:docs|tests|scripts|utils|hyperopt|benchmarks|custom_\w+)/[\w./-]*)(?![\w./*-])")
COMMAND = re.compile(r"^    python3 (implicit-augment|get-results)\.py (.*)$", re.MULTILINE)


OF_TORCHRUN = {"--max-restarts", "--nnodes", "--nproc-per-node", "--rdzv-endpoint", "--standalone"}


@pytest.mark.parametrize("page", PAGES + METHODS, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    text = page.read_text()
    links = [(page.parent / link if link else page, section) for link, section in LINK.findall(text)]
    paths = [ROOT / name for name in NAMED.findall(text)] + [path for path, _ in links]
    assert [str(path) for path in paths if not path.exists()] == []
    assert [section for path, section in links if section and section not in sections(path)] == []


def sections(page):
    """The headings of a page as links name them."""
    return [heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)]


def test_examples_of_the_readme_are_understood(scripts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base(tmp_path / "local_data/photos")
    (tmp_path / "labels.csv").write_text("file,given_label,label\n")
    options = {"implicit-augment": "RunOptions", "get-results": "ResultOptions"}
    examples = COMMAND.findall(PAGES[0].read_text())
    assert {name for name, _ in examples} == set(options)
    for name, flags in examples:
        script = scripts[name]
        parsed = script.parse_options(getattr(script, options[name]), "", shlex.split(flags))
        if name == "implicit-augment" or parsed.public:  # that of own data is read out of the results
            resolve(parsed)


def test_help_is_short(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert len(call("implicit-augment", "--help")[1].splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_flags_that_a_page_names_exist(page, scripts):
    """Those of the two scripts; of the others those that their text has."""
    kinds = (scripts["implicit-augment"].RunOptions, scripts["get-results"].ResultOptions)
    parsers = [options_parser(kind, "", name, "NET") for kind in kinds for name in ESTIMATORS]
    known = {flag for parser in parsers for action in parser._actions for flag in action.option_strings}
    others = [
        path.read_text() for folder in ("scripts", "benchmarks") for path in (ROOT / folder).iterdir() if path.is_file()
    ]
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", page.read_text())) - OF_TORCHRUN
    assert [flag for flag in sorted(named) if flag not in known and not any(flag in text for text in others)] == []

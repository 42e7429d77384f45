"""What the README, CONTRIBUTING and the pages in docs/ say of files, sections, flags and commands, against those."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from own_inputs import base

from hyperopt.estimators.table import ESTIMATORS
from hyperopt.options.resolve import options_parser, resolve

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^):#\s]*)#?([^):#\s]*)\)")
NAMED = re.compile(r"`((?:docs|tests|scripts|utils|hyperopt|benchmarks|custom_\w+)/[\w./*{},-]*)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
# A command in a line of its own, and one between backquotes, whose line can be broken.
COMMAND = re.compile(r"^    .*?(?:python3?|torchrun) (?:.*? )?(implicit-augment|get-results)\.py (.*)$", re.MULTILINE)
QUOTED = re.compile(r"`(?:python3? )?(implicit-augment|get-results)\.py ([^`]*)`")
ENDS_THE_PROGRAM = {"--help", "--help-all", "-h"}
OF_TORCHRUN = {"--max-restarts", "--nnodes", "--nproc-per-node", "--rdzv-endpoint", "--standalone"}
OPTIONS = {"implicit-augment": "RunOptions", "get-results": "ResultOptions"}

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def slugs(page):
    """The headings of a page as GitHub's links name them: repeated ones are numbered."""
    found = []
    for heading in re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text()), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return found


@each_page
def test_files_pictures_and_sections_that_a_page_names_are_there(page):
    text = FENCED.sub("", page.read_text())
    links = [(page.parent / link if link else page, section) for link, section in LINK.findall(text)]
    assert [str(path) for path, _ in links if not path.exists()] == []
    named = [pattern for name in NAMED.findall(text) for pattern in alternatives(name)]
    assert [pattern for pattern in named if not any(ROOT.glob(pattern))] == []
    assert [section for path, section in links if section and section not in slugs(path)] == []


def alternatives(name):
    """The patterns that a name with braces stands for, as in a shell."""
    whole = re.fullmatch(r"(.*?)\{(.*?)\}(.*)", name)
    return [whole[1] + choice + whole[3] for choice in whole[2].split(",")] if whole else [name.rstrip("/,")]


def test_sections_are_named_as_github_names_them(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `--flag`, and (more)!\n## Twice\n```sh\n# no heading\n```\n## Twice\n## [Linked](there.md) é_x\n"
    )
    assert slugs(page) == ["a---flag-and-more", "twice", "twice-1", "linked-é_x"]


@each_page
def test_scripts_benchmarks_and_make_targets_that_a_page_names_are_there(page):
    text = page.read_text()
    scripts = set(re.findall(r"(?<![\w/])scripts/[\w.-]+\.(?:sh|py)", text))
    scripts |= {f"scripts/{name}" for name in re.findall(r"`([\w-]+\.sh)\b", text)}
    benchmarks = {f"benchmarks/{name}.py" for name in re.findall(r"\bbenchmarks\.([a-z]\w*)", text)}
    assert [name for name in sorted(scripts | benchmarks) if not (ROOT / name).is_file()] == []
    targets = set(re.findall(r"(?:`|^    )make (?:\w+=\S+ )*([a-z][a-z-]*)", text, re.MULTILINE))
    known = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets - known == set()


def commands(page):
    """The scripts and flags of the commands of a page.

    Not of those that an ellipsis or a placeholder cuts short, nor a script's name with a single flag in a sentence.
    """
    text = FENCED.sub("", page.read_text())
    quoted = [(name, flags) for name, flags in QUOTED.findall(text) if " " in flags.strip()]
    found = [(name, shlex.split(flags, comments=True)) for name, flags in COMMAND.findall(text) + quoted]
    return [(name, flags) for name, flags in found if not {"...", "FILE", *ENDS_THE_PROGRAM} & {*flags}]


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A working folder with the files that commands of the pages name."""
    monkeypatch.chdir(tmp_path)
    base(tmp_path / "local_data/photos")
    (tmp_path / "labels.csv").write_text("file,given_label,label\n")
    features = tmp_path / "local_data/embeddings"
    features.mkdir()
    for part, rows in {"train": 40, "valid": 10}.items():
        np.savez(features / f"{part}.npz", features=np.ones((rows, 8), np.float32), labels=np.arange(rows) % 2)
    torch.save({}, "resnet18.pth")


@each_page
def test_commands_of_a_page_are_understood(page, scripts, given):
    for name, flags in commands(page):
        script = scripts[name]
        parsed = script.parse_options(getattr(script, OPTIONS[name]), "", flags)
        if name == "implicit-augment" or parsed.public:  # that of own data is read out of the results
            resolve(parsed)


def test_commands_are_found_in_lines_of_their_own_and_between_backquotes(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "    RUNS=0 python3 implicit-augment.py -ir 10  # comment\n    implicit-augment.py   a description\n"
        "    torchrun --standalone implicit-augment.py -r run1\n"
        "`get-results.py --all\n--match 'a b'`, `python3 get-results.py --all ...` and `get-results.py --audit`\n"
    )
    assert commands(page) == [
        ("implicit-augment", ["-ir", "10"]),
        ("implicit-augment", ["-r", "run1"]),
        ("get-results", ["--all", "--match", "a b"]),
    ]


# What the next test does with a command of the README in a line of its own; the first pattern that fits counts.
# `run`: as it stands. `plan`: with --dry-run. `parsed`: needs files or results that a training leaves first, so that
# only its flags are read, above. Of `make` and `bash` the targets and scripts are there, as is tested above.
KINDS = {
    r"get-results\.py --all": "run",
    r"get-results\.py (local_data/|.*--dataset)": "parsed",
    r"get-results\.py": "plan",
    r"implicit-augment\.py .*--(rows|labels|init) ": "parsed",
    r"implicit-augment\.py": "plan",
    r"scripts/|-m ": "parsed",
}


def test_quick_commands_of_the_readme_run(call, runs, given, sketched):
    shutil.copytree(runs / "whole", ".", dirs_exist_ok=True)
    done = []
    for line in re.findall(r"^    python3 (.*)$", PAGES[0].read_text(), re.MULTILINE):
        kind = next(kind for pattern, kind in KINDS.items() if re.match(pattern, line))
        if kind == "parsed":
            continue
        script, *flags = shlex.split(line, comments=True)
        status, out, err = call(script.removesuffix(".py"), *flags, *(["--dry-run"] if kind == "plan" else []))
        assert status == 0, err
        assert out.count("\n") > 3
        done.append(kind)
    assert {*done} == {"run", "plan"}
    assert Path("figures").is_dir()


def test_help_is_short(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert len(call("implicit-augment", "--help")[1].splitlines()) <= 120


def without_published(text):
    """A page without the first column of tables on what published programs call `published` or `published code`."""
    lines, published = [], False
    for line in text.splitlines():
        published = line.startswith("| published") or (published and line.startswith("|"))
        lines.append(line.split(" | ", 1)[-1] if published else line)
    return "\n".join(lines)


@each_page
def test_flags_that_a_page_names_exist(page, scripts):
    """Those of the two scripts; of the others those that their text has."""
    kinds = (scripts["implicit-augment"].RunOptions, scripts["get-results"].ResultOptions)
    parsers = [options_parser(kind, "", name, "NET") for kind in kinds for name in ESTIMATORS]
    known = {flag for parser in parsers for action in parser._actions for flag in action.option_strings}
    others = [
        path.read_text() for folder in ("scripts", "benchmarks") for path in (ROOT / folder).iterdir() if path.is_file()
    ]
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", without_published(page.read_text()))) - OF_TORCHRUN
    assert [flag for flag in sorted(named) if flag not in known and not any(flag in text for text in others)] == []

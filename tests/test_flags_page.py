"""docs/flags.md against the script that writes it, and against the parsers."""

import re
import subprocess
import sys

from conftest import ROOT, load_script

from hyperopt.estimators.table import ESTIMATORS
from hyperopt.options.resolve import options_parser
from utils.flags import GONE

PAGE = ROOT / "docs/flags.md"
OF_HELP = {"-h", "--help", "--help-all"}


def test_the_page_of_flags_is_that_of_the_parsers():
    assert PAGE.read_text() == load_script("scripts/write-flags").page(), "run: python3 scripts/write-flags.py"


def test_the_page_has_every_flag_of_both_scripts(scripts):
    kinds = (scripts["implicit-augment"].RunOptions, scripts["get-results"].ResultOptions)
    parsers = [options_parser(kind, "", name, "NET") for kind in kinds for name in ESTIMATORS]
    known = {flag for parser in parsers for action in parser._actions for flag in action.option_strings}
    assert set(re.findall(r"`(--?[a-z-]+)`", PAGE.read_text())) - {"--help", "--help-all", "--dry-run"} == (
        known - OF_HELP - set(GONE) - {"--dry-run"}
    )


def test_the_page_has_the_defaults_and_words_of_each_estimator():
    page = PAGE.read_text()
    hes, fis = (page.split(f"## `--hyper-opt {name}`")[1].split("\n## ")[0] for name in ("HES", "FIS"))
    assert "| `--hyper-iters` | whole number in [0, 1e6] | 5 | terms of the Neumann series |" in hes
    assert "| `--hyper-iters` | whole number in [0, 1e6] | 30 | iterations of conjugate gradients |" in fis
    assert "| `--hyper-lr` | number in (0, 1e6] | recipe | learning rate of the rows |" in page
    assert "| `--skip-damaged` \\* | | | own pictures: go on without those that cannot be read |" in page


def test_the_page_is_written_without_torch():
    code = "import runpy, sys; runpy.run_path('scripts/write-flags.py'); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_help_all_explains_every_augmentation(call):
    said = call("implicit-augment", "--help-all")[1]
    assert "  QUARTER               negative: a turn by 90, 180 or 270 degrees" in said
    assert "negative: a turn" not in call("implicit-augment", "--help")[1]

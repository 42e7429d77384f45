"""What selecting images is worth: test accuracy against the number of training images that are augmented.

A run whose epochs are budgets has a curve: at budget k the first k images of an order are augmented. The curves of a
group can be compared: they have the same data, copies, model and budgets, and differ in the selection alone, which is
a score, an order and its modifiers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import mean
from typing import Any, cast

import numpy as np

from hyperopt.estimators.order_names import RANDOM, TOP
from hyperopt.estimators.selection_options import MODIFIERS, VECTORS, SelectionOptions
from hyperopt.report.metrics import read_metrics
from hyperopt.report.repetitions import name_ranges
from hyperopt.report.results import SettingResults
from hyperopt.report.tables import column_name
from utils.errors import UserError
from utils.runs.files import RunFiles

AUGMENTED, CLEAN = "test_augmented_accuracy", "test_accuracy"  # columns of the metrics file
TESTED_ON = {AUGMENTED: "augmented test images", CLEAN: "clean test images"}
GAIN = 0.95  # share of the gain whose budget is looked for
SAME_SHARE = 0.01  # of the images: budgets that differ by no more are the same
SELECTION = ("select_score", "select_order", *MODIFIERS)  # options that a line of a table differs in from others
BUDGETS = "select_budgets"


@dataclass(frozen=True)
class Curve:
    """A run's test accuracies in % (B,), by the names of `TESTED_ON`, at the budgets (B,): 0 to all of its images."""

    budgets: np.ndarray
    accuracies: Mapping[str, np.ndarray]

    @property
    def shares(self) -> np.ndarray:
        """The budgets as shares of the images, (B,) in 0..1."""
        return self.budgets / self.budgets[-1]

    def area(self, name: str) -> float:
        """The area under one of the accuracies, over the shares of the images, in %."""
        heights = self.accuracies[name]
        return float(np.sum(np.diff(self.shares) * (heights[1:] + heights[:-1]) / 2))

    def is_like(self, other: "Curve") -> bool:
        """Whether both have the same budgets, as shares: the seed can change the number of images."""
        if len(self.budgets) != len(other.budgets):
            return False
        return bool(np.abs(self.shares - other.shares).max() <= SAME_SHARE)


@dataclass(frozen=True)
class Selection:
    """A line of a table: the curves of a setting by run.

    by_chance: whether the order is random and nothing modifies it. weighs: whether augmented images get less weight, so
    that its last budget is not as if all images are simply augmented. is_point: whether it is the support vectors, a
    single set of images at its second budget; their number can differ from run to run.
    """

    label: str
    curves: Mapping[int, Curve]
    by_chance: bool = False
    weighs: bool = False
    is_point: bool = False

    @property
    def budgets(self) -> np.ndarray:
        """The budgets (B,), averaged over runs."""
        return np.mean([curve.budgets for curve in self.curves.values()], axis=0)

    def accuracies(self, name: str) -> np.ndarray:
        """One of the accuracies of all runs, (R, B)."""
        return np.array([self.curves[run].accuracies[name] for run in sorted(self.curves)])

    def points(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The second budgets of all runs and one of the accuracies there, (R,) each: of a selection that is a point."""
        curves = [self.curves[run] for run in sorted(self.curves)]
        return np.array([c.budgets[1] for c in curves]), np.array([c.accuracies[name][1] for c in curves])

    def areas(self, name: str, like: "Selection | None" = None) -> dict[int, float]:
        """The area in % by run; with `like`, only of the runs that both have, at the same budgets."""
        return {
            run: curve.area(name)
            for run, curve in sorted(self.curves.items())
            if like is None or (run in like.curves and curve.is_like(like.curves[run]))
        }

    def place_of(self, share: float) -> int | None:
        """The place of the budget that is nearest to a share, the lower of two; None without any between 0 and all."""
        distances = np.abs(self.budgets[1:-1] - share * self.budgets[-1]).round(6)  # ties are ties
        return 1 + int(distances.argmin()) if len(distances) else None


Group = list[Selection]


@dataclass
class Curves:
    """The selections by the title of their group, notes on runs that are left out, and a line per damaged file."""

    groups: dict[str, Group] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def collect_curves(settings: Iterable[SettingResults]) -> Curves:
    """The curves of the settings that have budgets. Of a setting's runs, the most that have the same budgets count."""
    found, groups = Curves(), defaultdict(list)
    for setting in settings:
        if not setting.has_budgets:
            continue
        curves, damaged = read_curves(setting)
        found.damaged += damaged
        if not curves:
            continue
        selection = _selection(setting, curves)
        if len(selection.curves) < len(curves):
            others = ", ".join(name_ranges(sorted(curves.keys() - selection.curves.keys())))
            kept = ", ".join(name_ranges(sorted(selection.curves)))
            found.notes.append(f"{setting.title}: left out {others}, with other budgets than {kept}")
        groups[group_of(setting)].append(selection)
    for title, group in groups.items():
        found.groups[title] = sorted(group, key=lambda line: (line.is_point, not line.by_chance, line.label))
    return found


def read_curves(setting: SettingResults) -> tuple[dict[int, Curve], list[str]]:
    """The curves of a setting by run, and a line for each run whose metrics file is missing or damaged."""
    curves, damaged = {}, []
    for run, result in sorted(setting.results.items()):
        try:
            curves[run] = read_curve(setting.files(run), result["budgets"])
        except UserError as error:
            damaged.append(str(error))
    return curves, damaged


def read_curve(files: RunFiles, budgets: list[int]) -> Curve:
    """The curve of a run with these budgets. Raises UserError when its metrics file is missing or damaged."""
    metrics = read_metrics(files.metrics, len(budgets), ("budget", *TESTED_ON))
    problem = None if metrics["budget"] == budgets else "other budgets than its result"
    if not all(0 <= value <= 100 for name in TESTED_ON for value in metrics[name]):
        problem = "an accuracy that is not between 0 and 100 %"
    if problem:
        raise UserError(f"{files.metrics} has {problem}; train the run again with --fresh")
    return Curve(np.array(budgets), {name: np.array(metrics[name]) for name in TESTED_ON})


def _selection(setting: SettingResults, curves: dict[int, Curve]) -> Selection:
    """The selection of a setting, with the most curves that have the same budgets.

    All curves count if a budget is the number of support vectors, which differs from run to run.
    """
    own, changes, is_point = _options(setting), _modifiers(setting), _is_point(setting)
    order = f"{own.select_score} {own.select_order}" if own.scored else own.select_order
    words = ["support vectors" if is_point else order]
    for name, value in changes.items():
        word = name.removeprefix("select_")
        words.append(word if value is True else f"{word} {value}")
    if setting.apart:
        words.append(setting.runs)
    by_chance = own.select_order == RANDOM and not changes
    kept = curves if own.select_budgets == VECTORS else _most_alike(curves)
    return Selection(", ".join(words), kept, by_chance, own.select_downweight, is_point)


def _options(setting: SettingResults) -> SelectionOptions:
    """The options of SEL, the estimator of settings with budgets."""
    return cast("SelectionOptions", setting.options.estimator)


def _modifiers(setting: SettingResults) -> dict[str, Any]:
    """The modifiers of a setting's order that are not the usual ones, by name."""
    own, usual = vars(_options(setting)), setting.options.usual_of(setting.options.estimator)
    return {name: own[name] for name in MODIFIERS if own[name] != usual[name]}


def _is_point(setting: SettingResults) -> bool:
    """Whether a setting augments exactly the support vectors: as many images as there are, and these come first."""
    own = _options(setting)
    first = own.select_score == VECTORS and own.select_order == TOP and not _modifiers(setting)
    return first and own.select_budgets == VECTORS


def _most_alike(curves: dict[int, Curve]) -> dict[int, Curve]:
    """The most curves that have the same budgets; of equally many those with the lowest run."""
    groups = ({run: curve for run, curve in curves.items() if curve.is_like(first)} for first in curves.values())
    return max(groups, key=len)


def has_scores(setting: SettingResults) -> bool:
    """Whether the order of a setting with budgets is affected by scores, which its rows files then have."""
    return _options(setting).scored


def score_of(setting: SettingResults) -> str:
    """The name of the score by which a setting with budgets selects its images."""
    return _options(setting).select_score


def group_of(setting: SettingResults) -> str:
    """The title of a setting's group: the distortion, the copies, and all other unusual options but the selection.

    Other budgets than the usual ones are thus a group of their own, since areas under curves depend on them. The point
    of the support vectors, which has no area, belongs to the group with the usual ones.
    """
    options = setting.options
    left_out = (*SELECTION, BUDGETS) if _is_point(setting) else SELECTION
    selection = {name.replace("_", " ") for name in left_out}
    copies = f"{options.aug_model}/{options.los_model}".removesuffix("/NONE")
    words = [f"imbalance and noise ratio {column_name(setting)}", f"copies {copies}"]
    other = {name: value for name, value in setting.unusual.items() if name not in selection}
    words += [name if value is True else f"{name} {value}" for name, value in other.items()]
    return ", ".join(words)


def reference_of(group: Group) -> Selection | None:
    """The random order that others are compared with; the one with the most runs."""
    return max((line for line in group if line.by_chance), key=lambda line: len(line.curves), default=None)


def ends(group: Group, name: str) -> tuple[dict[int, float], dict[int, float]]:
    """One of the accuracies by run when no image is augmented, and when all are, with their full weight.

    These do not depend on the order. If all selections of the group weigh, the latter is theirs.
    """
    none: dict[int, float] = {}
    full: dict[int, float] = {}
    for line in group:
        none = {run: float(curve.accuracies[name][0]) for run, curve in line.curves.items()} | none
    for line in [line for line in group if not line.weighs] or group:
        full = {run: float(curve.accuracies[name][-1]) for run, curve in line.curves.items()} | full
    return none, full


def budget_of_gain(line: Selection, name: str, full: Mapping[int, float]) -> tuple[float, float] | None:
    """The smallest budget at which the mean curve has `GAIN` of the gain of augmenting all: images, and their share.

    Args:
        line: whose runs count that have an accuracy in `full`.
        name: of the accuracy.
        full: accuracy by run when all images are augmented.

    Returns None if the curve never gets there, or if augmenting all images gains nothing.

    """
    runs = [run for run in sorted(line.curves) if run in full]
    if not runs:
        return None
    heights = np.mean([line.curves[run].accuracies[name] for run in runs], axis=0)
    gain = mean(full[run] for run in runs) - heights[0]
    reached = np.flatnonzero(heights >= heights[0] + GAIN * gain - 1e-9)  # but for rounding
    if gain <= 0 or not len(reached):
        return None
    budgets = np.mean([line.curves[run].budgets for run in runs], axis=0)
    return float(budgets[reached[0]]), float(budgets[reached[0]] / budgets[-1])

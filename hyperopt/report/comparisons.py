"""When is dataset optimisation worth it? Test error against the number of clean images, beside every control.

For each distortion (with the subset of the data, and what --view-valid plants) and number of clean images, the tables
show two test errors in %, as mean and standard deviation over runs: that of the best epoch on the test set, and the one
by which settings are compared, such as the mean of the last five epochs, which needs no choice of an epoch. Settings
that lack it are left out. A control is a setting that learns no rows, has none of another run, and no augmentation that
the training moves. The strongest control is the one with the lowest error among those with the most runs. Every setting
is compared with it, or with a named setting, on the runs that both have: mean difference with its 95 % t-interval, and
p-value of the paired, two-sided t-test. The strongest control is chosen by the same errors: that makes it harder for
the other settings to beat it, and exaggerates its lead over them.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from custom_transforms.names import AS_IT_IS
from hyperopt.report.repetitions import name_ranges
from hyperopt.report.results import SettingResults
from hyperopt.report.tables import as_markdown, column_name, mean_and_spread
from utils.errors import UserError
from utils.runs.accuracies import ACCURACIES

PLANTED = "view valid"  # as in a setting's name
TRAINED_ON = {"distorted": "the distorted images", "valid": "the clean images", "both": "both"}


@dataclass(frozen=True)
class Line:
    """A setting at a number of clean images: test errors in % by run, of the best epoch and for the comparison."""

    label: str
    control: bool
    best: dict[int, float]
    errors: dict[int, float]


ByCount = dict[int, list[Line]]  # by number of clean images


def error_tables(settings: Sequence[SettingResults], accuracy: str, against: re.Pattern[str] | None) -> str:
    """An overview and a comparison per distortion, in Markdown, of settings of one data set.

    Args:
        settings: of the table, each with the runs that are compared.
        accuracy: one of `ACCURACIES`, by which settings are compared.
        against: pattern in the name of the setting that all are compared with; None for the strongest control.

    Raises UserError when no name of a setting matches `against`.

    """
    groups = collect(settings, accuracy)
    if against:
        refuse_unmatched(against, groups)
    found = []
    for distortion, by_count in groups.items():
        title = f"{settings[0].options.dataset}, imbalance and noise ratio {distortion}"
        found += [title, overview(by_count, accuracy), comparison(by_count, accuracy, against)]
    return "\n\n".join(found)


def collect(settings: Sequence[SettingResults], accuracy: str) -> dict[str, ByCount]:
    """The settings by distortion, subset of the data and what is planted in clean images, and by their number.

    Raises UserError when all of them lack the accuracy.
    """
    groups: dict[str, ByCount] = defaultdict(lambda: defaultdict(list))
    for setting in settings:
        first = setting.results[min(setting.results)]
        count = setting.options.valid_images or first["images"]["valid"]
        found = {run: result["accuracy"] for run, result in setting.results.items() if accuracy in result["accuracy"]}
        if found:
            best, errors = (
                {run: 100 - accuracies[name] for run, accuracies in found.items()}
                for name in ("best_on_test", accuracy)
            )
            groups[", ".join((column_name(setting), *group_words(setting)))][count].append(
                Line(name_of(setting), is_control(setting), best, errors)
            )
    for by_count in groups.values():
        for lines in by_count.values():
            lines.sort(key=lambda line: (not line.control, line.label))
    if not groups:
        raise UserError(f"no finished run has the accuracy {accuracy}; take another --accuracy")
    return groups


def lacking(settings: Sequence[SettingResults], accuracy: str) -> list[str]:
    """A line for each setting with runs that lack the accuracy, so that they are not compared."""
    found = []
    for setting in settings:
        runs = [run for run, result in sorted(setting.results.items()) if accuracy not in result["accuracy"]]
        if runs:
            found.append(f"{setting.title}: left out {', '.join(name_ranges(runs))}, without the accuracy {accuracy}")
    return found


def group_words(setting: SettingResults) -> list[str]:
    """What all settings of a group have beside the distortion, as in their names."""
    view = setting.options.view_valid
    return [*setting.options.subset.words, *([] if view == AS_IT_IS else [f"{PLANTED} {view}"])]


def name_of(setting: SettingResults) -> str:
    """The setting's name without what all of its group have.

    If it has neither an estimator nor learned rows, with the images that it is trained on.
    """
    options, on = setting.options, setting.options.train_on
    label = setting.label.replace(f" valid images {options.valid_images}", "").replace("/NONE", "")
    for words in group_words(setting):
        label = label.replace(f" {words}", "")
    if options.hyper_opt == "NONE":
        label = label.replace(" NONE", "", 1).replace(f" train on {on}", "")
    if options.hyper_opt != "NONE" or options.rows:
        return label
    untrained = options.has_rows and is_control(setting)
    return f"{label}{', untrained rows' if untrained else ''}, on {TRAINED_ON[on]}"


def is_control(setting: SettingResults) -> bool:
    """Whether nothing is learned about the training images, and nothing about their augmentation."""
    options = setting.options
    learned = options.learned_augmentation
    return options.hyper_opt == "NONE" and not options.rows and not (learned and learned.by_training)


def strongest(lines: Sequence[Line]) -> Line | None:
    """The control with the lowest mean error among those with the most runs."""
    controls = [line for line in lines if line.control]
    most = max((len(line.errors) for line in controls), default=0)
    return min(
        (line for line in controls if len(line.errors) == most),
        key=lambda line: mean(line.errors.values()),
        default=None,
    )


def compare(line: Line, other: Line) -> str:
    """The difference of the errors to those of the other setting; a dash for the setting itself."""
    return "-" if line is other else paired_difference(line.errors, other.errors)


def paired_difference(one: Mapping[int, float], other: Mapping[int, float]) -> str:
    """Mean difference of values in % by run, over the runs that both have: points, interval, p-value, number of pairs.

    A dash below two pairs. If all differences are the same, there is no p-value and no interval.
    """
    from scipy.stats import ttest_rel  # slow to import

    runs = sorted(one.keys() & other.keys())
    if len(runs) < 2:
        return "-"
    ours, theirs = ([values[run] for run in runs] for values in (one, other))
    difference = f"{mean(ours) - mean(theirs):+.2f}"
    if len({our - their for our, their in zip(ours, theirs, strict=True)}) == 1:
        return f"{difference}, n = {len(runs)}"
    test = ttest_rel(ours, theirs)
    low, high = test.confidence_interval(0.95)
    return f"{difference} ({low:+.2f} to {high:+.2f}), p = {test.pvalue:.2g}, n = {len(runs)}"


def refuse_unmatched(against: re.Pattern[str], groups: dict[str, ByCount]) -> None:
    """Raise UserError when no name of a setting matches the pattern."""
    if not any(reference(lines, against) for by_count in groups.values() for lines in by_count.values()):
        raise UserError(f"no setting has '{against.pattern}' in its name in the table; see it without --against")


def reference(lines: Sequence[Line], against: re.Pattern[str] | None) -> Line | None:
    """The setting that others are compared with: the first whose name matches the pattern, or the strongest control."""
    if against is None:
        return strongest(lines)
    return next((line for line in lines if against.search(line.label)), None)


def overview(by_count: ByCount, accuracy: str) -> str:
    """A Markdown table of the mean errors by number of clean images, the strongest controls in bold.

    If a cell has fewer runs than others of its column, their number follows.
    """
    counts = sorted(by_count)
    cells: dict[str, dict[int, str]] = defaultdict(dict)
    for count, lines in by_count.items():
        most, best = max(len(line.errors) for line in lines), strongest(lines)
        for line in lines:
            cell = mean_and_spread(list(line.errors.values()), "±")
            cell = f"**{cell}**" if line is best else cell
            cells[line.label][count] = cell if len(line.errors) == most else f"{cell} (n = {len(line.errors)})"
    controls = {line.label for lines in by_count.values() for line in lines if line.control}
    grid = [[ACCURACIES[accuracy], *(f"{count} clean" for count in counts)]]
    for label in sorted(cells, key=lambda label: (label not in controls, label)):
        grid.append([label, *(cells[label].get(count, "-") for count in counts)])
    return as_markdown(grid)


def comparison(by_count: ByCount, accuracy: str, against: re.Pattern[str] | None) -> str:
    """A Markdown table of both errors and the comparison; the setting that others are compared with is in bold."""
    title = "that in bold" if against else "the strongest control"
    grid = [["clean images", "setting", "best on test", ACCURACIES[accuracy], f"against {title}", "runs"]]
    for count, lines in sorted(by_count.items()):
        other = reference(lines, against)
        for line in lines:
            label = f"**{line.label}**" if line is other else line.label
            cells = [mean_and_spread(list(errors.values()), "±") for errors in (line.best, line.errors)]
            difference = compare(line, other) if other else "-"
            grid.append([str(count), label, *cells, difference, str(len(line.errors))])
    return as_markdown(grid)

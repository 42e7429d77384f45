"""When is dataset optimisation worth it? Test error against the number of clean images, beside every control.

    python -m benchmarks.evidence [--dataset DIGITS] [--data local_data] [--match REGULAR_EXPRESSION]
        [--runs 0 1 2 3] [--against REGULAR_EXPRESSION] [--accuracy last_five] [--plot FILE]

Contract: all finished runs of the data set whose name has the pattern, or those of some run folders, per distortion and
number of clean images. Test error in %, of the best epoch on the test set and the one that rows are compared by: the
mean of the last five epochs, which needs no choice, or another one of the results (rows that lack it are left out);
mean and standard deviation over runs. A control is a row without hypergradients and without rows from elsewhere; the
strongest one, of those with the most runs, has the lowest error. Every row is compared with it, or with the row that
`--against` names, on the runs that both have: mean difference with its 95 % t-interval and the p-value of the paired,
two-sided t-test. The strongest control is chosen by the errors that it is compared by: that is harder on the rows that
are to beat it, and makes too much of its lead over others. First comes an overview of the errors; what is not finished,
or cannot be read, is said on stderr.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import ttest_rel

from benchmarks.report import status_of
from hyperopt.options.setting import LEARNED_AUG_MODELS, Setting
from hyperopt.report.results import SettingResults, all_results
from hyperopt.report.tables import column_name, mean_and_spread
from utils.errors import UserError
from utils.flags import Parser, file_of, number, pattern
from utils.runs.accuracies import ACCURACIES

TRAINED_ON = {"distorted": "the distorted images", "valid": "the clean images", "both": "both"}


@dataclass(frozen=True)
class Line:
    """A row at a number of clean images: test errors in % by run, of the best epoch and those that are compared."""

    label: str
    control: bool
    best: dict[int, float]
    errors: dict[int, float]


ByCount = dict[int, list[Line]]  # by number of clean images


def main() -> None:
    """Print the tables and draw the figure."""
    parser = Parser(description="Test error against the number of clean images.")
    parser.add_argument("--dataset", default="DIGITS")
    parser.add_argument("--data", type=Path, default=Path("local_data"), help="folder of data sets")
    parser.add_argument("--match", type=pattern, default=re.compile(""), help="in the run's name")
    parser.add_argument("--runs", type=number(int, 0, 10**6), nargs="+", help="default: all that there are")
    parser.add_argument("--against", type=pattern, help="row to compare with, in its name in the table")
    parser.add_argument("--accuracy", default="last_five", choices=tuple(ACCURACIES), help="what is compared")
    parser.add_argument("--plot", type=file_of(".png"), help="PNG file for a figure")
    flags = parser.parse_args()
    found = all_results(Setting(data=flags.data, dataset=flags.dataset), flags.match)
    said = [f"{row.title}: {note}" for row in found.rows for note in row.notes]
    for note in (*found.unfinished, *found.damaged, *found.notes, *said):
        print(f"note: {note}", file=sys.stderr)
    groups = collect(found.rows, flags.accuracy, flags.runs)
    if flags.against:
        refuse_unknown(flags.against, groups)
    for distortion, by_count in groups.items():
        print(f"\n{flags.dataset}, imbalance and noise ratio {distortion}\n")
        print_overview(by_count, flags.accuracy)
        print()
        print_table(by_count, flags.accuracy, flags.against)
    if flags.plot:
        plot(groups, flags.dataset, flags.accuracy, flags.plot)


def collect(rows: Sequence[SettingResults], accuracy: str, runs: Sequence[int] | None) -> dict[str, ByCount]:
    """The rows by distortion and number of clean images; of some runs, or of all."""
    groups: dict[str, ByCount] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        first = row.results[min(row.results)]
        count = row.options.valid_images or first["images"]["valid"]
        found = {run: result["accuracy"] for run, result in row.results.items() if not runs or run in runs}
        found = {run: accuracies for run, accuracies in found.items() if accuracy in accuracies}
        if found:
            best, errors = (
                {run: 100 - accuracies[name] for run, accuracies in found.items()}
                for name in ("best_on_test", accuracy)
            )
            groups[column_name(row)][count].append(Line(name_of(row), is_control(row), best, errors))
    for by_count in groups.values():
        for lines in by_count.values():
            lines.sort(key=lambda line: (not line.control, line.label))
    return groups


def name_of(row: SettingResults) -> str:
    """The row's name without the number of clean images; of a control, what it is trained on."""
    options, on = row.options, row.options.train_on
    label = row.label.replace(f" valid images {options.valid_images}", "").replace("/NONE", "")
    if options.hyper_opt == "NONE":
        label = label.replace(" NONE", "", 1).replace(f" train on {on}", "")
    if not is_control(row):
        return label
    learns = options.los_model != "NONE" or options.aug_model in LEARNED_AUG_MODELS
    return f"{label}{', untrained rows' if learns else ''}, on {TRAINED_ON[on]}"


def is_control(row: SettingResults) -> bool:
    """Whether nothing is learned of single images."""
    return row.options.hyper_opt == "NONE" and not row.options.rows


def strongest(lines: Sequence[Line]) -> Line | None:
    """Of the controls with the most runs that with the lowest mean error."""
    controls = [line for line in lines if line.control]
    most = max((len(line.errors) for line in controls), default=0)
    return min(
        (line for line in controls if len(line.errors) == most),
        key=lambda line: mean(line.errors.values()),
        default=None,
    )


def compare(line: Line, other: Line) -> str:
    """Mean difference to the other row in points, its interval, the p-value, the pairs; a dash without two of them.

    There is no p-value, and no interval, of differences that are all the same.
    """
    runs = sorted(line.errors.keys() & other.errors.keys())
    if line is other or len(runs) < 2:
        return "-"
    ours, theirs = ([one.errors[run] for run in runs] for one in (line, other))
    difference = f"{mean(ours) - mean(theirs):+.2f}"
    if len({one - another for one, another in zip(ours, theirs, strict=True)}) == 1:
        return f"{difference}, n = {len(runs)}"
    test = ttest_rel(ours, theirs)
    low, high = test.confidence_interval(0.95)
    return f"{difference} ({low:+.2f} to {high:+.2f}), p = {test.pvalue:.2g}, n = {len(runs)}"


def refuse_unknown(against: re.Pattern, groups: dict[str, ByCount]) -> None:
    """Raise UserError when no row has the pattern in its name."""
    if not any(reference(lines, against) for by_count in groups.values() for lines in by_count.values()):
        raise UserError(f"no row has '{against.pattern}' in its name in the table; see it without --against")


def reference(lines: Sequence[Line], against: re.Pattern | None) -> Line | None:
    """The row that others are compared with: the first with the pattern in its name, or the strongest control."""
    if against is None:
        return strongest(lines)
    return next((line for line in lines if against.search(line.label)), None)


def print_overview(by_count: ByCount, accuracy: str) -> None:
    """A Markdown table of the mean errors by number of clean images, the strongest controls in bold.

    Behind a cell of fewer runs than others of its column have is their number.
    """
    counts = sorted(by_count)
    cells: dict[str, dict[int, str]] = defaultdict(dict)
    for count, lines in by_count.items():
        most = max(len(line.errors) for line in lines)
        for line in lines:
            cell = mean_and_spread(list(line.errors.values()), "±")
            cell = f"**{cell}**" if line is strongest(lines) else cell
            cells[line.label][count] = cell if len(line.errors) == most else f"{cell} (n = {len(line.errors)})"
    print(f"| {ACCURACIES[accuracy]} | " + " | ".join(f"{count} clean" for count in counts) + " |")
    print("|---" * (len(counts) + 1) + "|")
    controls = {line.label for lines in by_count.values() for line in lines if line.control}
    for label in sorted(cells, key=lambda label: (label not in controls, label)):
        print(f"| {label} | {' | '.join(cells[label].get(count, '-') for count in counts)} |")


def print_table(by_count: ByCount, accuracy: str, against: re.Pattern | None) -> None:
    """A Markdown table of both errors and the comparison, what is compared with in bold."""
    title = "that in bold" if against else "the strongest control"
    print(f"| clean images | row | best on test | {ACCURACIES[accuracy]} | against {title} | runs |")
    print("|---|---|---|---|---|---|")
    for count, lines in sorted(by_count.items()):
        other = reference(lines, against)
        for line in lines:
            label = f"**{line.label}**" if line is other else line.label
            cells = [mean_and_spread(list(errors.values()), "±") for errors in (line.best, line.errors)]
            difference = compare(line, other) if other else "-"
            print(f"| {count} | {label} | {' | '.join(cells)} | {difference} | {len(line.errors)} |")


def plot(groups: dict[str, ByCount], dataset: str, accuracy: str, path: Path) -> None:
    """A panel per distortion: errors against the clean images, bars of a standard deviation.

    A row looks alike in all panels.
    """
    from matplotlib.ticker import LogLocator

    from hyperopt.report.figures import style  # brings matplotlib

    labels = sorted({line.label for by_count in groups.values() for lines in by_count.values() for line in lines})
    with style.page():
        figure, panels = style.grid(len(groups), columns=2, height=4.2)
        for axes, (distortion, by_count) in zip(panels, groups.items(), strict=True):
            for place, label in enumerate(labels):
                points = {c: line for c, lines in sorted(by_count.items()) for line in lines if line.label == label}
                if not points:
                    continue
                errors = [list(line.errors.values()) for line in points.values()]
                axes.errorbar(
                    [count * 1.02**place for count in points],  # side by side
                    list(map(mean, errors)),
                    [stdev(values) if len(values) > 1 else 0 for values in errors],
                    label=label,
                    color=style.COLOURS[place % len(style.COLOURS)],
                    marker=style.MARKERS[place % len(style.MARKERS)],
                    linestyle="--" if next(iter(points.values())).control else "-",
                    capsize=2,
                )
            axes.set_xscale("log")
            axes.set_xticks(sorted(by_count), list(map(str, sorted(by_count))))
            axes.minorticks_off()
            axes.set(xlabel="clean images", ylabel=f"test error in %, {ACCURACIES[accuracy]}", yscale="log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_title(f"{dataset}, {distortion}")
            axes.grid(alpha=0.3)
        handles = dict(pair[::-1] for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True))
        figure.legend([handles[label] for label in labels], labels, loc="outside lower center", ncols=2, frameon=False)
        figure.savefig(path)


if __name__ == "__main__":
    raise SystemExit(status_of(main))

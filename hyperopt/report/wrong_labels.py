"""How well learned rows and audits tell wrong labels from right ones, over the runs of the rows of a table.

Of every finished run that was trained on images with label noise made by this program, and on no others: a label is
wrong where it differs from the data set's. All tables are Markdown, in %, with mean and standard deviation over runs.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from hyperopt.report.audit import THRESHOLD, Audit, Review, review_run, score
from hyperopt.report.results import SettingResults
from hyperopt.report.tables import as_markdown, column_name, mean_and_spread
from utils.errors import UserError

if TYPE_CHECKING:
    from custom_datasets.table import Dataset

AREA = "area under the ROC curve"
LABEL_COLUMNS = ("area, weight", "area, soft label", "wrong, corrected", "right, changed")
LABEL_ERRORS = {"test error, best": "best_on_test", "last": "last_epoch"}
THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8)

Reviews = list[tuple[SettingResults, list[Review]]]  # of the runs of each row
Scores = dict[str, np.ndarray]  # (n,) by name, low where a label looks wrong


def review_rows(rows: Sequence[SettingResults], data: "Dataset") -> Reviews:
    """The audits of all runs with wrong labels that are known; `data` is what they were trained on.

    Raises UserError when there is none, and when a file of a run is missing or damaged.
    """
    noisy = [row for row in rows if row.options.noise_ratio > 0]
    noisy = [row for row in noisy if not row.options.refit and row.options.train_on == "distorted"]
    if not noisy:
        raise UserError("none of the finished runs was trained on noisy labels (-nr) and on nothing else; train one")
    return [(row, [review_run(row.files(run), data, row.results[run]) for run in sorted(row.results)]) for row in noisy]


def label_table(reviews: Reviews) -> str:
    """What learned weights and soft labels make of wrong labels: a line per row that learns both.

    The areas under the ROC curve are of a low weight, and of a low soft-label probability of the given label, against
    wrong; then come the share of wrong labels whose soft label has its largest probability at the true class, and of
    right labels whose soft label has it elsewhere. Beside them stands the test error of the same runs.

    Raises UserError when there is no such row.
    """
    columns = (*LABEL_COLUMNS, *LABEL_ERRORS)
    grid = [["in %", "noise ratio", *columns, "runs"]]
    for row, found in reviews:
        if row.options.los_model == "BOTH" and row.options.has_learned_rows:
            values = _columns([corrections(review.audit) for review in found])
            values |= {name: row.errors(accuracy) for name, accuracy in LABEL_ERRORS.items()}
            cells = (mean_and_spread(values.get(name, []), "±") for name in columns)
            grid.append([row.label, str(row.distortion[2]), *cells, str(len(found))])
    if len(grid) == 1:
        raise UserError("no finished run with --los-model BOTH --hyper-opt HES or FIS on noisy labels; train one first")
    return as_markdown(grid)


def corrections(audit: Audit) -> dict[str, float]:
    """The columns of one run, as shares; none that would be of no label."""
    assert audit.weight is not None and audit.given_probability is not None and audit.learned is not None
    assert audit.true is not None  # the noise was made by this program
    wrong = np.asarray(audit.given != audit.true)
    found: dict[str, float] = {}
    for name, values in (("weight", audit.weight), ("soft label", audit.given_probability)):
        found |= {f"area, {name}": value for figure, value in score(wrong, values).items() if figure == AREA}
    if wrong.any():
        found["wrong, corrected"] = float(np.mean(audit.learned[wrong] == audit.true[wrong]))
    if not wrong.all():
        found["right, changed"] = float(np.mean(audit.learned[~wrong] != audit.given[~wrong]))
    return found


def score_table(reviews: Reviews, others: Callable[[Review], Scores] = lambda review: {}) -> str:
    """How well the scores of an audit, and `others`, tell wrong labels: areas under the ROC curve, mean precisions."""
    grid = [["distortion", "row", "score", AREA, "average precision", "runs"]]
    for row, found in reviews:
        figures: dict[str, list[dict[str, float]]] = defaultdict(list)
        for review in found:
            wrong = review.audit.given != review.audit.true
            for name, values in (own_scores(review.audit) | others(review)).items():
                figures[name].append(score(wrong, values))
        for name, runs in figures.items():
            columns = _columns(runs)
            cells = (mean_and_spread(columns.get(column, []), "±") for column in grid[0][3:5])
            grid.append([column_name(row), row.label, name, *cells, str(len(runs))])
    return as_markdown(grid)


def own_scores(audit: Audit) -> Scores:
    """What this program knows of the given labels, and combinations.

    The audit's quality is p / (p + q) for the network's probabilities of the given and of the most probable other
    label, averaged over the train passes; of a learned weight w, w / (1 + w) counts in sums and products.
    """
    quality, network, weight, soft = audit.quality, audit.network, audit.weight, audit.given_probability
    scores = {
        "quality: share of given and best other label": quality,
        "network's probability, averaged": audit.confidence,
        "network's probability, last epoch": network,
    }
    if soft is not None and weight is not None:
        share = weight / (1 + weight)
        scores |= {
            "soft label's probability": soft,
            "weight": weight,
            "quality and weight": quality + share,
            "quality and soft label": quality + soft,
            "quality, weight and soft label": quality + share + soft,
            "last epoch, weight and soft label": network + share + soft,
            "last epoch, weight and soft label, product": network * share * soft,
        }
    return scores


def threshold_table(reviews: Reviews) -> str:
    """How good the networks are, and the right and the wrong labels that look wrong, by threshold.

    `too weak` counts the runs whose network is too weak for an audit.
    """
    grid = [["distortion", "row", "epochs", "too weak", "clean images, last epoch", "mean", *map(str, THRESHOLDS)]]
    for row, found in reviews:
        audits = [review.audit for review in found]
        epochs = ", ".join(map(str, sorted({audit.clean.epochs for audit in audits})))
        weak = sum(audit.weakness(THRESHOLD) is not None for audit in audits)
        clean = [
            mean_and_spread([100 * np.nanmean(getattr(audit.clean, when)) for audit in audits], "±")
            for when in ("last", "mean")
        ]
        cells = [f"{100 * right:.1f}, {100 * wrong:.1f}" for right, wrong in (flagged(audits, t) for t in THRESHOLDS)]
        grid.append([column_name(row), row.label, epochs, f"{weak} of {len(audits)}", *clean, *cells])
    return as_markdown(grid)


def flagged(audits: Sequence[Audit], threshold: float) -> tuple[float, float]:
    """Shares of the right and of the wrong labels that look wrong, averaged over runs."""
    shares = [
        [audit.suspects(threshold)[(audit.given != audit.true) == kind].mean() for kind in (False, True)]
        for audit in audits
    ]
    right, wrong = np.mean(shares, axis=0).tolist()
    return right, wrong


def _columns(runs: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    """The figures of runs in %, by name."""
    found: dict[str, list[float]] = defaultdict(list)
    for figures in runs:
        for name, value in figures.items():
            found[name].append(100 * value)
    return found

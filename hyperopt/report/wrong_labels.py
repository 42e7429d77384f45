"""How well learned rows and audits tell wrong labels from right ones, over the runs of the settings of a table.

Only finished runs count that were trained on images with label noise, made by this program or given by --labels, and on
no other images. A label is wrong if it differs from the data set's. All tables are Markdown, in %, with mean and
standard deviation over runs.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hyperopt.report.audit import Audit
from hyperopt.report.data import load_data, read_as
from hyperopt.report.results import SettingResults
from hyperopt.report.review import Review, review_run
from hyperopt.report.scores import score
from hyperopt.report.tables import as_markdown, column_name, mean_and_spread
from hyperopt.rows.quality import THRESHOLD
from utils.errors import UserError

if TYPE_CHECKING:
    from custom_datasets.table import Dataset

AREA = "area under the ROC curve"
LABEL_COLUMNS = ("area, weight", "area, soft label", "wrong, corrected", "right, changed")
LABEL_ERRORS = {"test error, best": "best_on_test", "last": "last_epoch"}
THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8)

Reviews = list[tuple[SettingResults, list[Review]]]  # of the runs of each setting
Scores = dict[str, np.ndarray]  # (n,) by name, low where a label looks wrong


def review_settings(settings: Sequence[SettingResults]) -> tuple[Reviews, list[str]]:
    """The audits of all runs whose wrong labels are known, and a line for each run with a missing or damaged file.

    Raises UserError when there is no such run, or none can be read, or the data that they were trained on cannot.
    """
    noisy = [setting for setting in settings if setting.knows_true_labels]
    noisy = [setting for setting in noisy if not setting.options.refit and setting.options.train_on == "distorted"]
    if not noisy:
        raise UserError(
            "none of the finished runs was trained on noisy labels (-nr, --labels) and on nothing else; train one"
        )
    reviews, damaged = [], []
    data: dict[tuple, Dataset] = {}
    for setting in noisy:
        trained_on = read_as(setting.first_result)
        if trained_on not in data:
            data[trained_on] = load_data(setting.first_result, setting.data_folder)
        read, found = {}, []
        for run, result in sorted(setting.results.items()):
            try:
                found.append(review_run(setting.files(run), data[trained_on], result))
            except UserError as error:
                damaged.append(str(error))
            else:
                read[run] = result
        if read:
            reviews.append((replace(setting, results=read), found))
    if not reviews:
        raise UserError("; ".join(damaged))
    return reviews, damaged


def label_table(reviews: Reviews) -> str:
    """How well learned weights and soft labels tell wrong labels: a line per setting that learns one of them.

    The columns are the areas under the ROC curve of a low weight, and of a low soft-label probability of the given
    label, for wrong labels; the share of wrong labels whose soft label is largest at the true class; the share of right
    labels whose soft label is largest elsewhere; and the test error of the same runs. A part that is not learned has
    dashes.

    Raises UserError when there is no such setting.
    """
    columns = (*LABEL_COLUMNS, *LABEL_ERRORS)
    grid = [["in %", "noise ratio", *columns, "runs"]]
    for setting, found in reviews:
        if setting.options.los_model != "NONE" and setting.options.has_learned_rows:
            values = _columns([corrections(review.audit) for review in found])
            values |= {name: setting.errors(accuracy) for name, accuracy in LABEL_ERRORS.items()}
            cells = (mean_and_spread(values.get(name, []), "±") for name in columns)
            grid.append([setting.label, str(setting.distortion[2]), *cells, str(len(found))])
    if len(grid) == 1:
        raise UserError("no finished run with --los-model and --hyper-opt HES or FIS on noisy labels; train one first")
    return as_markdown(grid)


def corrections(audit: Audit) -> dict[str, float]:
    """The columns of one run, as shares; without those that would count no label."""
    assert audit.true is not None  # the noise was made by this program
    wrong = np.asarray(audit.given != audit.true)
    found: dict[str, float] = {}
    for name, values in (("weight", audit.weight), ("soft label", audit.given_probability)):
        if values is not None:
            found |= {f"area, {name}": value for figure, value in score(wrong, values).items() if figure == AREA}
    if audit.learned is not None and wrong.any():
        found["wrong, corrected"] = float(np.mean(audit.learned[wrong] == audit.true[wrong]))
    if audit.learned is not None and not wrong.all():
        found["right, changed"] = float(np.mean(audit.learned[~wrong] != audit.given[~wrong]))
    return found


def score_table(reviews: Reviews, others: Callable[[Review], Scores] = lambda review: {}) -> str:
    """How well the scores of an audit, and `others`, tell wrong labels: area under the ROC curve, average precision."""
    grid = [["distortion", "setting", "score", AREA, "average precision", "runs"]]
    for setting, found in reviews:
        figures: dict[str, list[dict[str, float]]] = defaultdict(list)
        for review in found:
            wrong = review.audit.given != review.audit.true
            for name, values in (own_scores(review.audit) | others(review)).items():
                figures[name].append(score(wrong, values))
        for name, runs in figures.items():
            columns = _columns(runs)
            cells = (mean_and_spread(columns.get(column, []), "±") for column in grid[0][3:5])
            grid.append([column_name(setting), setting.label, name, *cells, str(len(runs))])
    return as_markdown(grid)


def own_scores(audit: Audit) -> Scores:
    """Scores of the given labels by this program, and combinations of them.

    The audit's quality is p / (p + q) for the network's probabilities of the given and of the most probable other
    label, averaged over the train passes. A learned weight w enters sums and products as w / (1 + w).
    """
    quality, network, weight, soft = audit.quality, audit.network, audit.weight, audit.given_probability
    scores = {
        "quality: share of given and best other label": quality,
        "network's probability, averaged": audit.confidence,
        "network's probability, last epoch": network,
    }
    if audit.posterior is not None:
        scores["posterior, averaged over views"] = audit.posterior
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
    """The accuracies of the networks, and the shares of right and of wrong labels that look wrong, by threshold.

    `too weak` counts the runs whose network is too weak for an audit.
    """
    grid = [["distortion", "setting", "epochs", "too weak", "clean images, last epoch", "mean", *map(str, THRESHOLDS)]]
    for setting, found in reviews:
        audits = [review.audit for review in found]
        epochs = ", ".join(map(str, sorted({audit.clean.epochs for audit in audits})))
        weak = sum(audit.weakness(THRESHOLD) is not None for audit in audits)
        clean = [
            mean_and_spread([100 * np.nanmean(getattr(audit.clean, when)) for audit in audits], "±")
            for when in ("last", "mean")
        ]
        cells = [f"{100 * right:.1f}, {100 * wrong:.1f}" for right, wrong in (flagged(audits, t) for t in THRESHOLDS)]
        grid.append([column_name(setting), setting.label, epochs, f"{weak} of {len(audits)}", *clean, *cells])
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

"""Wrong labels found by an audit, beside confident learning on the same training set.

    python -m benchmarks.audit [--dataset DIGITS] [--data local_data] [--match REGULAR_EXPRESSION] [--runs 0 1 2 3]
    python -m benchmarks.audit --runs 4 5 6 7 --alone

Contract: every finished run of the data set that was trained on images with label noise made by this program, and on no
others, and whose name has the pattern. Per row and distortion, mean and standard deviation over runs of the area under
the ROC curve and of the average precision, in %, of

- the audit's quality, p / (p + q) for the network's probabilities of the given and of the most probable other label,
  averaged over the train passes; p alone, averaged, and of the last epoch's network; learned weight w and soft label;
  sums of them, with w / (1 + w) for the weight, and a product;
- confident learning (the package cleanlab, Northcutt et al. 2021, arXiv 1911.00068) on out-of-sample probabilities of
  the baseline network: 5-fold cross-validation over the same distorted training set, with the epochs, rates and batches
  of the run. Its scores are the package's label quality by self-confidence and by normalised margin, each with and
  without its adjustment to the classes' thresholds. The probabilities are kept in the run folder. `--alone` leaves
  confident learning out.

Below, in how many of the runs the network is too weak for an audit, how good it is on clean images, and the right and
the wrong labels, in %, that look wrong at some thresholds; means over runs.
"""

import io
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from benchmarks.report import status_of
from custom_datasets.distortion import Split
from custom_datasets.sources import load_dataset
from custom_datasets.table import Dataset
from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.setting import Setting
from hyperopt.report.audit import THRESHOLD, Audit, review_run, score
from hyperopt.report.results import all_results
from hyperopt.report.tables import column_name, mean_and_spread
from hyperopt.runs.fingerprints import fingerprint_run
from hyperopt.runs.set_up import prepare_split
from hyperopt.runs.training import Training
from utils.device import pick_device
from utils.errors import UserError
from utils.files import replace_file
from utils.fingerprint import fingerprint
from utils.flags import Parser, number, pattern
from utils.runs.files import RunFiles

FOLDS = 5
THRESHOLDS = (0.4, 0.5, 0.6, 0.7, 0.8)
# Options of a run that its baseline shares.
COPIED = (
    *("dataset", "recipe", "model", "imbalance_ratio", "subsample_ratio", "noise_ratio", "oversplit"),
    *("seed", "epochs", "lr", "lr_decay_rate", "lr_warm_epochs", "batch_size", "precision"),
)
CLEANLAB = {
    f"confident learning, {method.replace('_', ' ')}{', adjusted' if adjusted else ''}": {
        "method": method,
        "adjust_pred_probs": adjusted,
    }
    for method in ("self_confidence", "normalized_margin")
    for adjusted in (False, True)
}


def main() -> None:
    """Measure and print a table."""
    parser = Parser(description="Wrong labels found, beside confident learning.")
    parser.add_argument("--dataset", default="DIGITS")
    parser.add_argument("--data", type=Path, default=Path("local_data"), help="folder of data sets")
    parser.add_argument("--match", type=pattern, default=re.compile(""), help="in the run's name")
    parser.add_argument("--runs", type=number(int, 0, 10**6), nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--alone", action="store_true", help="without confident learning, which takes five trainings")
    parser.add_argument("--no-cuda", action="store_true")
    flags = parser.parse_args()
    device = pick_device(0, flags.no_cuda, 1 if flags.dataset == "DIGITS" else None)
    data = load_dataset(flags.dataset, flags.data / flags.dataset, torch.device("cpu"))
    reviews: dict[str, list[Audit]] = defaultdict(list)
    print("| distortion | row | score | area under the ROC curve | average precision | runs |")
    print("|---|---|---|---|---|---|")
    for row in all_results(Setting(data=flags.data, dataset=flags.dataset), flags.match).rows:
        name = f"{column_name(row)} | {row.label}"
        found = defaultdict(list)
        for run in sorted(row.results.keys() & set(flags.runs)):
            files, options = row.files(run), row.results[run]["options"]
            if options.noise_ratio == 0 or options.refit or options.train_on != "distorted":
                continue
            audit = review_run(files, data, row.results[run]).audit
            reviews[name].append(audit)
            scores = own_scores(audit)
            if not flags.alone:
                scores |= confident_learning(audit.given, out_of_sample(files, options, data, device)[audit.index])
            for score_name, values in scores.items():
                found[score_name].append(list(score(audit.given != audit.true, values).values()))
        for score_name, figures in found.items():
            cells = " | ".join(mean_and_spread(column.tolist(), "±") for column in 100 * np.array(figures).T)
            print(f"| {name} | {score_name} | {cells} | {len(figures)} |", flush=True)
    if not reviews:
        raise UserError(
            "none of the finished runs is of --runs and --match, with label noise and trained on nothing else"
        )
    print_thresholds(reviews)


def own_scores(audit: Audit) -> dict[str, np.ndarray]:
    """What this program knows of the given labels, and combinations: scores (n,), low where a label looks wrong."""
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


def confident_learning(given: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of `CLEANLAB` for given labels (n,) by out-of-sample probabilities (n, C)."""
    from cleanlab.rank import get_label_quality_scores  # of benchmarks/requirements.txt, and not needed with --alone

    return {name: get_label_quality_scores(given, probabilities, **how) for name, how in CLEANLAB.items()}


def print_thresholds(reviews: dict[str, list[Audit]]) -> None:
    """How good the networks are, and right and wrong labels that look wrong, in %, by threshold."""
    print("\n| distortion | row | epochs | too weak | clean images, last epoch | mean |", end="")
    print(f" {' | '.join(map(str, THRESHOLDS))} |")
    print("|---" * (6 + len(THRESHOLDS)) + "|")
    for name, audits in reviews.items():
        epochs = ", ".join(map(str, sorted({audit.clean.epochs for audit in audits})))
        weak = sum(audit.weakness(THRESHOLD) is not None for audit in audits)
        clean = [
            mean_and_spread([100 * np.nanmean(getattr(audit.clean, when)) for audit in audits], "±")
            for when in ("last", "mean")
        ]
        cells = [f"{100 * right:.1f}, {100 * wrong:.1f}" for right, wrong in (flagged(audits, t) for t in THRESHOLDS)]
        print(f"| {name} | {epochs} | {weak} of {len(audits)} | {' | '.join([*clean, *cells])} |")


def flagged(audits: list[Audit], threshold: float) -> tuple[float, float]:
    """Shares of the right and of the wrong labels that look wrong, averaged over runs."""
    shares = [
        [audit.suspects(threshold)[(audit.given != audit.true) == kind].mean() for kind in (False, True)]
        for audit in audits
    ]
    right, wrong = np.mean(shares, axis=0).tolist()
    return right, wrong


def out_of_sample(files: RunFiles, options: dict, data: Dataset, device: torch.device) -> np.ndarray:
    """Class probabilities (N, C) of every image of the distorted training set by a baseline that has not seen it."""
    stored = {name: options[name] for name in COPIED if name in options}
    resolved = resolve(RunOptions(**stored, run_folder=files.folder.name, data=files.folder.parent.parent))
    split = prepare_split(resolved, data)
    origin = fingerprint({"data": fingerprint_run(data, split), "options": resolved.identity, "folds": FOLDS})
    kept = files.folder / f"out_of_sample_{origin[:16]}.npy"
    if kept.exists():
        return np.load(kept)
    probabilities = np.full((len(split.targets), data.classes), np.nan)  # of the validation images they stay unknown
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=resolved.seed)
    data = data.to(device)
    for rest, held_out in folds.split(split.train, split.targets[split.train]):
        fold = Split(valid=split.train[held_out], train=split.train[rest], targets=split.targets)
        training = Training(resolved, data, fold, device)
        for epoch in range(1, resolved.epochs + 1):
            training.move_network(epoch)
        training.model.eval()
        with torch.inference_mode():
            for images, _, index in training.loaders.valid():
                probabilities[index.cpu()] = training.model(images).softmax(1).cpu()
    content = io.BytesIO()
    np.save(content, probabilities)
    replace_file(kept, content.getbuffer())
    return probabilities


if __name__ == "__main__":
    raise SystemExit(status_of(main))

"""Wrong labels found by an audit, compared with confident learning on the same training set, which trains five times.

    python -m benchmarks.audit [--dataset DIGITS] [--data local_data] [--match REGULAR_EXPRESSION] [--runs 0 1 2 3]

Contract: the runs and the scores of `get-results.py --compare audits`, and the scores of confident learning (the
package cleanlab, Northcutt et al. 2021, arXiv 1911.00068) on out-of-sample probabilities of the baseline network:
5-fold cross-validation over the same distorted training set, with the epochs, rates and batches of the run. Its scores
are the package's label quality by self-confidence and by normalised margin, each with and without its adjustment to the
classes' thresholds. The probabilities are stored in the run folder.
"""

import io
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import StratifiedKFold

from benchmarks.report import make_estimator
from custom_datasets.distortion import Split
from custom_datasets.table import Dataset
from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.report.results import all_results, only_runs
from hyperopt.report.review import Review
from hyperopt.report.wrong_labels import Scores, review_settings, score_table
from hyperopt.runs.fingerprints import fingerprint_run
from hyperopt.runs.set_up import prepare_split
from utils.device import pick_device
from utils.errors import UserError, exit_status
from utils.files import replace_file
from utils.fingerprint import fingerprint
from utils.flags import Parser, number, pattern

FOLDS = 5
# Options that a run's baseline shares with it.
COPIED = (
    *("dataset", "classes", "first_images", "labels", "imbalance_ratio", "subsample_ratio", "noise_ratio", "oversplit"),
    *("recipe", "model", "seed", "epochs", "lr", "lr_schedule", "lr_decay_rate", "lr_decay_epochs", "lr_warm_epochs"),
    *("momentum", "weight_decay", "batch_size", "precision"),
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
    parser.add_argument("--match", type=pattern, help="in the run's name")
    parser.add_argument("--runs", type=number(int, 0, 10**6), nargs="+", help="default: all finished runs")
    parser.add_argument("--no-cuda", action="store_true")
    flags = parser.parse_args()
    device = pick_device(0, flags.no_cuda, 1 if flags.dataset == "DIGITS" else None)
    settings = all_results(flags.data / flags.dataset, flags.match).settings
    reviews, damaged = review_settings(only_runs(settings, flags.runs) if flags.runs else settings)
    if damaged:
        raise UserError("; ".join(damaged))
    print(score_table(reviews, lambda review: confident_learning(review, device)))


def confident_learning(review: Review, device: torch.device) -> Scores:
    """The scores of `CLEANLAB` for the given labels of a run."""
    from cleanlab.rank import get_label_quality_scores  # of benchmarks/requirements.txt

    audit = review.audit
    probabilities = out_of_sample(review, device)[audit.index]
    return {name: get_label_quality_scores(audit.given, probabilities, **how) for name, how in CLEANLAB.items()}


def out_of_sample(review: Review, device: torch.device) -> np.ndarray:
    """Class probabilities (N, C) of every image of the distorted training set by a baseline that has not seen it."""
    folder, data = review.files.folder, review.data
    shared = {name: getattr(review.options, name) for name in COPIED}
    options = resolve(RunOptions(**shared, run_folder=folder.name, data=folder.parent.parent))
    split = prepare_split(options, data)
    origin = fingerprint({"data": fingerprint_run(data, split), "options": options.identity, "folds": FOLDS})
    kept = folder / f"out_of_sample_{origin[:16]}.npy"
    if kept.exists():
        return np.load(kept)
    probabilities = np.full((len(split.targets), data.classes), np.nan)  # NaN for the validation images
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=options.seed)
    for rest, held_out in folds.split(split.train, split.targets[split.train]):
        fold = Split(valid=split.train[held_out], train=split.train[rest], targets=split.targets)
        predict_held_out(options, data.to(device), fold, device, probabilities)
    content = io.BytesIO()
    np.save(content, probabilities)
    replace_file(kept, content.getbuffer())
    return probabilities


def predict_held_out(
    options: RunOptions, data: Dataset, fold: Split, device: torch.device, probabilities: np.ndarray
) -> None:
    """Train on a fold, and write the class probabilities of its validation images into (N, C)."""
    estimator = make_estimator(options, data, fold, device)
    training = estimator.training
    for epoch in range(1, options.epochs + 1):
        estimator.epoch(epoch)
    training.model.eval()
    with torch.inference_mode():
        for images, _, index in training.loaders.valid():
            probabilities[index.cpu()] = training.model(training.views.evaluation(images)).softmax(1).cpu()


if __name__ == "__main__":
    raise SystemExit(exit_status(main))

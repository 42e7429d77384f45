"""How well the learned rows tell wrong labels from right ones, on DIGITS, for every finished run with both.

    python -m benchmarks.wrong_labels [--data local_data] [--match REGULAR_EXPRESSION]

Contract: rows of the tables with learned weights and soft labels on a training set with label noise, whose name has the
pattern; the rows of the last epoch and the split file of the same run folder; a label is wrong where it differs from
the data set's. Per row of the tables, mean and standard deviation over runs, in %, of: the area under the ROC curve of
a low weight, and of a low soft-label probability of the given label, against wrong; the share of wrong labels whose
soft label has its largest probability at the true class; and of right labels whose soft label has it elsewhere. Beside
them the test error of the same runs, of the best epoch on the test set and of the last one.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from sklearn.metrics import roc_auc_score

from benchmarks.report import status_of
from custom_datasets.sources import load_dataset
from hyperopt.options.setting import Setting
from hyperopt.report.results import all_results
from hyperopt.report.tables import mean_and_spread
from utils.errors import UserError
from utils.flags import Parser, pattern

DATASET = "DIGITS"
COLUMNS = ("area, weight", "area, soft label", "wrong, corrected", "right, changed")
ERRORS = {"test error, best": "best_on_test", "last": "last_epoch"}


def main() -> None:
    """Measure and print a table."""
    parser = Parser(description="How well the learned rows tell wrong labels.")
    parser.add_argument("--data", type=Path, default=Path("local_data"), help="folder of data sets")
    parser.add_argument("--match", type=pattern, default=re.compile(""), help="in the run's name")
    flags = parser.parse_args()
    labels = load_dataset(DATASET, flags.data / DATASET, torch.device("cpu")).train.labels
    columns = (*COLUMNS, *ERRORS)
    rows = all_results(Setting(data=flags.data, dataset=DATASET), flags.match).rows
    rows = [row for row in rows if learns_labels(row.options)]
    if not rows:
        raise UserError("no finished run with --los-model BOTH --hyper-opt HES or FIS on noisy labels; train one first")
    print(f"| in % | noise ratio | {' | '.join(columns)} | runs |")
    print("|---" * (len(columns) + 3) + "|")
    for row in rows:
        found = defaultdict(list)
        for run in row.results:
            files = row.files(run)
            ir, sr, nr = row.distortion
            split = files.folder / f"data_ir_{ir}_sr_{sr}_nr_{nr}.pt"
            for name, value in measure(files.last, split, labels).items():
                found[name].append(100 * value)
        found |= {name: row.errors(accuracy) for name, accuracy in ERRORS.items()}
        cells = " | ".join(mean_and_spread(found[name], "±") for name in columns)
        print(f"| {row.label} | {row.distortion[2]} | {cells} | {len(row.results)} |")


def learns_labels(options: Mapping[str, Any]) -> bool:
    """Whether such a run learns weights and soft labels of images some of whose labels are wrong."""
    return options.los_model == "BOTH" and options.noise_ratio > 0 and options.has_learned_rows


def measure(checkpoint: Path, split: Path, labels: torch.Tensor) -> dict[str, float]:
    """The columns of one run; `labels` (N,) are the true ones."""
    rows = torch.load(checkpoint, weights_only=True)["reweight_state_dict"]
    _, train, given = torch.load(split, weights_only=True)
    train, given = torch.as_tensor(train), torch.as_tensor(given)
    wrong, given, true = (given != labels)[train], given[train], labels[train]
    weight, soft = rows["weight"][train, 0], rows["soft_label"][train].softmax(1)
    believed = soft.gather(1, given[:, None])[:, 0]
    return {
        "area, weight": roc_auc_score(wrong, -weight),
        "area, soft label": roc_auc_score(wrong, -believed),
        "wrong, corrected": (soft.argmax(1) == true)[wrong].float().mean().item(),
        "right, changed": (soft.argmax(1) != given)[~wrong].float().mean().item(),
    }


if __name__ == "__main__":
    raise SystemExit(status_of(main))

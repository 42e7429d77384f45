"""Seconds of the logistic regressions of Efficient Augmentation, beside scikit-learn's, and of a large set's scores.

    OMP_NUM_THREADS=1 python -m benchmarks.logistic [--curves 36] [--score-images 50000] [--output FILE]

Contract: curves of refits as in the published experiment, 36 random orders x 8 budgets of 1000 images, each fit to the
originals and four copies of the chosen images; two classes of 84 features, and ten of 64, C = 1. Features are made as a
network's are: correlated, with a spectrum that falls, and rectified; copies are nearby. Ours start at the curve's last
model and share one factor of the Hessian; the time includes its making and the fits that it needs. scikit-learn's start
from zero; its L-BFGS ends before a gradient of 1e-6 whatever its tolerance, so that it does less. All take turns, fit
by fit; the ratio is that of the summed times, and the gradient is the largest one at which a solver's fits end.
The scores are influence and approximate leave-one-out of every image, with the peak memory of the process.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.linear_model import LogisticRegression

from benchmarks.report import describe_machine, how_many, output_file, print_machine
from hyperopt.head.curvature import Curvature
from hyperopt.head.influence import leave_one_out
from hyperopt.head.linear_model import LinearModel
from hyperopt.head.logistic import Objective, fit
from utils.errors import exit_status
from utils.flags import Parser
from utils.speed import peak_memory

SETTINGS = ((2, 84), (10, 64))  # classes and features
SHARES = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1)  # of the images, whose copies are added
COPIES = 4
# scikit-learn's solvers with their tolerances. L-BFGS ends before its own, where its line search cannot go on.
SOLVERS = {"lbfgs": 1e-12, "newton-cholesky": 1e-10}
SCORE_CLASSES = 10
C = 1.0

Data = tuple[np.ndarray, np.ndarray]  # features (n, F) and labels (n,)


def main() -> None:
    """Measure, print two tables and write the numbers to a file."""
    flags = parse_options()
    result: dict[str, Any] = {"machine": describe_machine("cpu", **{"scikit-learn": sklearn.__version__})}
    # First, since the memory's peak is that of the whole process.
    result["scores"] = measure_scores(flags.score_images, flags.score_features)
    result["fits"] = {
        f"{classes} classes, {features} features": measure_fits(flags.curves, flags.images, classes, features)
        for classes, features in SETTINGS
    }
    print_tables(result)
    flags.output.write_text(json.dumps(result, indent=2) + "\n")


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="Seconds of logistic regressions and of scores from them.")
    parser.add_argument("--curves", type=how_many, default=36, help="orders, of eight fits each")
    parser.add_argument("--images", type=how_many, default=1000, help="originals of a curve")
    parser.add_argument("--score-images", type=how_many, default=50_000, help="images of the large set")
    parser.add_argument("--score-features", type=how_many, default=640, help="its features")
    parser.add_argument("--output", type=output_file, default=Path("benchmarks/logistic.json"), help="for the numbers")
    return parser.parse_args()


def make_features(images: int, classes: int, features: int, copies: int) -> Data:
    """Originals and then their copies, all first copies first."""
    random = np.random.default_rng(0)
    labels = np.arange(images) % classes
    centres = random.normal(size=(classes, features)) * 2.4 / features**0.5
    originals = centres[labels] + random.normal(size=(images, features))
    every = [originals, *(originals + 0.3 * random.normal(size=originals.shape) for _ in range(copies))]
    spectrum = np.arange(1, features + 1) ** -0.7
    mixing = spectrum[:, None] * np.linalg.qr(random.normal(size=(features, features)))[0]
    mixing *= (features / np.square(spectrum).sum()) ** 0.5
    return np.concatenate(every).dot(mixing).clip(-0.3) + 0.3, np.tile(labels, copies + 1)


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What `work` returns, and its seconds."""
    start = time.perf_counter()
    return work(*arguments), time.perf_counter() - start


def measure_scores(images: int, features: int) -> dict[str, Any]:
    """Seconds of a fit and of its scores, and the peak memory."""
    data = make_features(images, SCORE_CLASSES, features, 0)
    model, fitting = timed(fit, *data, SCORE_CLASSES, C)
    _, scoring = timed(leave_one_out, model, *data, C)
    size = {"images": images, "features": features, "classes": SCORE_CLASSES}
    peak = peak_memory(torch.device("cpu"))
    return size | {"fit, seconds": fitting, "scores, seconds": scoring, "peak memory, GiB": peak}


def measure_fits(curves: int, images: int, classes: int, features: int) -> dict[str, Any]:
    """Seconds of all fits of the curves and the largest norm of a gradient, by solver, and the ratio to ours."""
    data = make_features(images, classes, features, COPIES)
    (clean, curvature), first = timed(prepare, data, images, classes)
    times: dict[str, list[float]] = {"ours": [first]} | {name: [] for name in SOLVERS}
    norms: dict[str, list[float]] = {name: [] for name in times}
    for number in range(curves):
        model = clean
        for chosen in growing_sets(np.random.default_rng(number).permutation(images), data):
            model, took = timed(fit, *chosen, classes, C, None, model, curvature)
            fits = {"ours": (model, took)} | {name: fit_theirs(name, *chosen) for name in SOLVERS}
            for name, (found, took) in fits.items():
                times[name].append(took)
                norms[name].append(gradient_norm(found, *chosen, classes))
    total = {name: sum(values) for name, values in times.items()}
    return {
        "fits": curves * len(SHARES),
        "seconds": total,
        "ratio": {name: value / total["ours"] for name, value in total.items()},
        "gradient": {name: max(values) for name, values in norms.items()},
    }


def prepare(data: Data, images: int, classes: int) -> tuple[LinearModel, Curvature]:
    """The model of the originals, and the factor of the Hessian of originals and all copies."""
    features, labels = data
    clean = fit(features[:images], labels[:images], classes, C)
    return clean, Curvature.of(fit(features, labels, classes, C, start=clean), features, C)


def growing_sets(order: np.ndarray, data: Data) -> Iterator[Data]:
    """The originals and the copies of the first images of the order, for each of `SHARES`."""
    images = len(order)
    for share in SHARES:
        chosen = order[: max(1, round(share * images))]
        rows = np.concatenate([np.arange(images), *(chosen + images * copy for copy in range(1, COPIES + 1))])
        yield data[0][rows], data[1][rows]


def fit_theirs(solver: str, features: np.ndarray, labels: np.ndarray) -> tuple[LinearModel, float]:
    """scikit-learn's model and its seconds."""
    found, took = timed(
        LogisticRegression(C=C, solver=solver, tol=SOLVERS[solver], max_iter=10_000).fit, features, labels
    )
    return LinearModel(found.coef_, found.intercept_), took


def gradient_norm(model: LinearModel, features: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """The norm of the objective's gradient at a model."""
    objective = Objective(features, labels, classes, C)
    values = objective.coordinates.of(model)
    return float(np.linalg.norm(objective.gradient(values, objective.state(values))))


def print_tables(result: dict[str, Any]) -> None:
    """Print the result as Markdown."""
    print_machine(result["machine"])
    print("\n| features | solver | fits | seconds | / ours | largest gradient |")
    print("|---|---|---|---|---|---|")
    for name, found in result["fits"].items():
        for solver, value in found["seconds"].items():
            numbers = f"{found['fits']} | {value:.2f} | {found['ratio'][solver]:.1f} | {found['gradient'][solver]:.0e}"
            print(f"| {name} | {solver} | {numbers} |")
    scores = result["scores"]
    print("\n| images | features | classes | fit, s | scores, s | peak memory, GiB |")
    print("|---|---|---|---|---|---|")
    times = f"{scores['fit, seconds']:.1f} | {scores['scores, seconds']:.1f} | {scores['peak memory, GiB']:.2f}"
    print(f"| {scores['images']:,} | {scores['features']} | {scores['classes']} | {times} |")


if __name__ == "__main__":
    raise SystemExit(exit_status(main))

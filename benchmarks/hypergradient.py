"""Accuracy and cost of the hypergradient's solvers, on the head of a trained network.

    OMP_NUM_THREADS=1 python -m benchmarks.hypergradient [--dataset DIGITS MNIST] [--output FILE] [--plot FILE]

Contract: a network is trained on the distorted data set with learned augmentation, weights and soft labels (its run is
stored in the run folder `benchmark`), then the batches of one hyper pass are brought to the head. The measurement
begins at their float32 features and logits and ends at V. The clean gradient is that of the whole validation set. All
solvers except two approximate the exact V = (G + damping I)^-1 g, with G the Fisher matrix over its mean eigenvalue. A
dense solve gives the exact V; these solvers work in float64, as FIS does. The two are the identity, V = g, and the
published Neumann series (HES), which approximates the inverse of the *Hessian without damping* and has no scale: only
their direction is compared with the exact V.

Solvers take turns in one run, after rounds of warm-up. Cosine and relative error are medians over the batches, seconds
medians and quartiles over rounds and batches; waiting for the device is part of the timed region. "Rounding" is the
largest relative change of V over the batches, in float64, when every second feature has another last bit, as in several
processes.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.kronecker import kronecker_factors, kronecker_inverse
from benchmarks.report import (
    describe_machine,
    device_name,
    how_many,
    in_cells,
    make_estimator,
    output_file,
    print_machine,
    quartiles,
    seconds,
)
from custom_datasets.sources import load_dataset
from hyperopt.estimators.hyper_pass import clean_features, clean_gradient
from hyperopt.estimators.implicit import Fisher, Hessian
from hyperopt.head.fisher import fisher_direction, head_fisher_product, mean_eigenvalue
from hyperopt.head.hypergradient import HeadBatch
from hyperopt.head.losses import fisher_product
from hyperopt.head.solvers import conjugate_gradients, neumann_sum
from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import finished_result
from hyperopt.runs.run import train
from hyperopt.runs.set_up import prepare_split
from hyperopt.runs.stages import Stage
from utils.errors import exit_status
from utils.flags import Parser, number

SEED = 0
WARM_UP = 3  # rounds
DAMPING = Fisher.Options().hyper_damping
# Distortion and schedule of the network whose features are used.
TRAININGS: dict[str, dict[str, Any]] = {
    "DIGITS": {"imbalance_ratio": 10, "noise_ratio": 0.1, "epochs": 30, "hyper_start": 10},
    "MNIST": {"imbalance_ratio": 100, "subsample_ratio": 0.1, "noise_ratio": 0.1, "epochs": 6, "hyper_start": 2},
}


@dataclass(frozen=True)
class System:
    """The linear system for V: a training batch at the head, C classes and F features."""

    batch: HeadBatch
    W: Tensor  # (C, F), the head's weight matrix
    gradient: Tensor  # (C, F), of the clean validation loss
    damping: float  # in mean eigenvalues

    def hessian_direction(self) -> Tensor:
        """V of HES."""
        settings = Hessian.Options()
        return neumann_sum(self.batch.hessian(self.W), self.gradient, settings.hyper_iters, settings.hyper_alpha)

    def fisher_direction(self, iterations: int) -> Tensor:
        """V of FIS."""
        return fisher_direction(self.batch, self.W, self.gradient, iterations, self.damping)

    def kronecker(self) -> Tensor:
        """V from the Kronecker-factored matrix alone."""
        p, h, w, scale = self.fisher()
        left, right = kronecker_factors(p, h, w)
        return kronecker_inverse(left / scale, right, self.damping)(self.gradient.double())

    def preconditioned(self, iterations: int) -> Tensor:
        """V by conjugate gradients with the Kronecker-factored matrix as preconditioner."""
        p, h, w, scale = self.fisher()
        left, right = kronecker_factors(p, h, w)
        return conjugate_gradients(
            lambda V: head_fisher_product(p, h, w, V) / scale + self.damping * V,
            self.gradient.double(),
            iterations,
            kronecker_inverse(left / scale, right, self.damping),
        )

    def dense(self) -> Tensor:
        """The exact V."""
        p, h, w, scale = self.fisher()
        # S_i from its products with the unit vectors of the classes.
        units = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
        S = torch.stack([fisher_product(p, unit.expand_as(p)) for unit in units], 2)
        G = torch.einsum("n,nac,nb,nd->abcd", w, S, h, h).reshape(self.gradient.numel(), -1) / len(h) / scale
        G.diagonal().add_(self.damping)
        return torch.linalg.solve(G, self.gradient.double().flatten()).view_as(self.gradient)

    def in_double(self, *, rounded: bool) -> "System":
        """The system in float64; every second feature has another last bit if `rounded`."""
        features, target = self.batch.features.double().clone(), self.batch.target
        if rounded:
            features[:, ::2] = torch.nextafter(features[:, ::2], features.new_tensor(torch.inf))
        target = target.double() if target.is_floating_point() else target
        weight, bias = self.batch.weight.double(), self.batch.bias.double()
        batch = replace(self.batch, features=features, target=target, weight=weight, bias=bias)
        return replace(self, batch=batch, W=self.W.double(), gradient=self.gradient.double())

    def fisher(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Class probabilities, features, weights and the matrix's mean eigenvalue, in float64."""
        p, h, w = (
            self.batch.logits(self.W).double().softmax(1),
            self.batch.features.double(),
            self.batch.weight.double(),
        )
        return p, h, w, mean_eigenvalue(p, h, w)


SOLVERS: dict[str, Callable[[System], Tensor]] = {
    "identity": lambda system: system.gradient,
    "Neumann, 5 terms, 0.01 (HES)": System.hessian_direction,
    "CG, 5 iterations": lambda system: system.fisher_direction(5),
    "CG, 10 iterations": lambda system: system.fisher_direction(10),
    "CG, 30 iterations (FIS)": lambda system: system.fisher_direction(30),
    "CG, 100 iterations": lambda system: system.fisher_direction(100),
    "Kronecker": System.kronecker,
    "Kronecker + CG, 5": lambda system: system.preconditioned(5),
    "Kronecker + CG, 20": lambda system: system.preconditioned(20),
    "dense": System.dense,
}
# Solvers without a scale, or with another one, so that a relative error means nothing.
ONLY_DIRECTION = ("identity", "Neumann, 5 terms, 0.01 (HES)")
# Solvers without cost or without error, which a logarithmic axis cannot show.
NOT_SHOWN = ("identity", "dense")
MARKERS = "osD^v<>P"


def main() -> None:
    """Measure, print tables, write the numbers and the figure."""
    options = parse_options()
    result = {
        "damping": options.damping,
        "rounds": options.rounds,
        "seed": SEED,
        "machine": describe_machine(options.device),
        "solvers": {name: measure(head_systems(name, options), options.rounds) for name in options.dataset},
    }
    print_tables(result)
    options.output.write_text(json.dumps(result, indent=2) + "\n")
    if options.plot:
        plot(result["solvers"], options.plot)


def parse_options() -> argparse.Namespace:
    """The flags."""
    parser = Parser(description="Accuracy and cost of the hypergradient's solvers.")
    parser.add_argument("--data", type=Path, default=Path("local_data"), help="folder of data sets")
    parser.add_argument("--dataset", nargs="+", choices=TRAININGS, help="default: DIGITS, and MNIST if it is there")
    parser.add_argument(
        "--damping", type=number(float, 1e-6, 1e6), default=DAMPING, help="in mean eigenvalues of the Fisher matrix"
    )
    parser.add_argument("--device", type=device_name, default="cpu", help="where networks and solvers run")
    parser.add_argument("--rounds", type=how_many, default=100, help="measurements of each solver and batch")
    parser.add_argument(
        "--output", type=output_file, default=Path("benchmarks/hypergradient.json"), help="for the numbers"
    )
    parser.add_argument("--plot", type=output_file, help="for a figure")
    options = parser.parse_args()
    options.dataset = options.dataset or ["DIGITS", *(["MNIST"] if (options.data / "MNIST").exists() else [])]
    return options


def head_systems(dataset: str, flags: argparse.Namespace) -> list[System]:
    """The systems of a hyper pass's batches at the head of a network, which is trained first unless it exists."""
    device = torch.device(flags.device)
    options = resolve(
        RunOptions(
            data=flags.data,
            dataset=dataset,
            run_folder="benchmark",
            seed=SEED,
            aug_model="SEP",
            los_model="BOTH",
            hyper_opt="HES",
            precision="fp32",
            **TRAININGS[dataset],
        )
    )
    if not finished_result(options.files, options.identity):
        train(Stage(options, options), device)
    data = load_dataset(dataset, options.folder, device)
    training = make_estimator(options, data, prepare_split(options, data), device).training
    model, rows, views = training.model, training.rows, training.views
    checkpoint = torch.load(options.files.last, weights_only=True, map_location=device)
    model.encoder.load_state_dict(checkpoint["encoder_state_dict"])
    model.head.load_state_dict(checkpoint["decoder_state_dict"])
    rows.load(checkpoint, checkpoint["training"]["rows"])

    systems = []
    training.frozen.refresh(training.model)
    network = training.frozen
    with torch.no_grad():
        features, labels = clean_features(training, training.loaders.all_clean(), views.evaluation)
        gradient = clean_gradient(features, labels, network.head.bias)(network.head.weight)
        for images, _, index in training.loaders.hyper(options.hyper_batch_size):
            leaves = rows.leaves(index)
            features = network.features(rows.augment(views.training(images), index, leaves, training.draws))
            target, weight = rows.target(index, leaves), rows.weight(index, leaves)
            batch = HeadBatch(rows.training_loss, features, target, weight, network.head.bias)
            systems.append(System(batch, network.head.weight, gradient, flags.damping))
    return systems


def _solve(solve: Callable[[System], Tensor], system: System) -> None:
    solve(system)[0, 0].item()  # waits for the device


def measure(systems: list[System], rounds: int) -> dict[str, dict[str, Any]]:
    """Per solver: cosine and relative error to the exact V, change by rounding, milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in SOLVERS}
    for turn in range(WARM_UP + rounds):
        for system in systems:
            for name, solve in SOLVERS.items():
                elapsed = seconds(partial(_solve, solve, system))
                if turn >= WARM_UP:
                    times[name].append(1000 * elapsed)
    exact = [system.dense() for system in systems]
    found = {}
    for name, solve in SOLVERS.items():
        values = [solve(system).double() for system in systems]
        pairs = list(zip(values, exact, strict=True))
        errors = [((V - best).norm() / best.norm()).item() for V, best in pairs]
        found[name] = {
            "cosine": median(((V * best).sum() / (V.norm() * best.norm())).item() for V, best in pairs),
            "relative error": None if name in ONLY_DIRECTION else median(errors),
            "rounding": max(change_by_rounding(solve, system) for system in systems),
            "milliseconds": quartiles(times[name]),
        }
    return found


def change_by_rounding(solve: Callable[[System], Tensor], system: System) -> float:
    """Relative change of V when half of the features have another last bit."""
    V, changed = (solve(system.in_double(rounded=rounded)) for rounded in (False, True))
    return ((changed - V).norm() / V.norm()).item()


def print_tables(result: dict[str, Any]) -> None:
    """Print the result as Markdown."""
    print_machine(result["machine"])
    for dataset, solvers in result["solvers"].items():
        heads = ("cosine", "relative error", "rounding", "ms, median", "ms, quartiles")
        print(f"\n| {dataset}, damping {result['damping']} | {' | '.join(heads)} |")
        print("|---|---|---|---|---|---|")
        for name, found in solvers.items():
            error = "-" if found["relative error"] is None else f"{found['relative error']:.1e}"
            values = f"{found['cosine']:.6f} | {error} | {found['rounding']:.1e} | {in_cells(found['milliseconds'])}"
            print(f"| {name} | {values} |")


def plot(solvers: dict[str, dict[str, dict[str, Any]]], path: Path) -> None:
    """Distance from the exact direction against cost in milliseconds, a panel per data set."""
    # Imported here, since tables do not need matplotlib, and without pyplot, which needs a display.
    from matplotlib.figure import Figure

    from hyperopt.report.figures.style import COLOURS

    figure = Figure(figsize=(4.5 * len(solvers) + 3, 4), layout="constrained")
    panels = figure.subplots(1, len(solvers), squeeze=False)[0]
    for axes, (dataset, rows) in zip(panels, solvers.items(), strict=True):
        shown = [name for name in rows if name not in NOT_SHOWN]
        for name, colour, marker in zip(shown, COLOURS, MARKERS, strict=False):
            cost, distance = rows[name]["milliseconds"]["median"], max(1 - rows[name]["cosine"], 1e-15)
            axes.plot(cost, distance, color=colour, marker=marker, linestyle="none", label=name)
        axes.set(yscale="log", xlabel="milliseconds", ylabel="1 - cosine to the exact V", title=dataset)
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    raise SystemExit(exit_status(main))

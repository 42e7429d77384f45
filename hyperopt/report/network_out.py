"""What leaves a finished run: its network as a file, and its network's predictions for other images."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hyperopt.options.run_options import RunOptions
from hyperopt.report.drawn import Drawn
from hyperopt.report.load import LoadedRun
from utils.runs.network_facts import FEATURES, NetworkFacts


@dataclass
class Left(Drawn):
    """Files that were written, notes, what could not be read, and paragraphs of a report."""

    report: list[str] = field(default_factory=list)


def use_network(
    run: LoadedRun, export_to: Path | None, predict: Path | None, predictions_to: Path | None, left: Left
) -> None:
    """Export the network of a run, and predict what lies at a path, as far as paths are given; add to `left`."""
    left.notes += notes_on(run.options)
    if export_to:
        _export(run, export_to, left)
    if predict and predictions_to:
        _predict(run, predict, predictions_to, left)


def _export(run: LoadedRun, path: Path, left: Left) -> None:
    from hyperopt.report.export import OUTPUT, export

    network = run.read_network(precision="fp32")
    about = {"run": run.files.folder.name, "setting": run.files.name, "dataset": run.options.dataset}
    difference = export(network, path, about)
    left.report.append(
        f"network of {run.files.folder.name}, epoch {network.epoch}: {described(network.facts)} -> {OUTPUT} of "
        f"{network.facts.classes} classes; largest difference from the network {difference:.2g}"
    )
    left.paths.append(path)


def described(facts: NetworkFacts) -> str:
    """What an exported network takes, in words."""
    if facts.kind == FEATURES:
        return f"float32 (B, {facts.channels})"
    return f"uint8 (B, {facts.channels}, H, W), scaled and cropped to {facts.width} x {facts.height} pixels inside"


def _predict(run: LoadedRun, source: Path, path: Path, left: Left) -> None:
    from hyperopt.report.predict import predict_path

    table = predict_path(run.network, source)
    table.write(path)
    left.report.append(f"predictions of {run.files.folder.name} for {source}: {table.report()}")
    left.paths.append(path)
    left.notes += table.notes
    left.damaged += table.problems


def notes_on(options: RunOptions) -> Iterator[str]:
    """What one should know of the network of a run with these options."""
    yield "the network is that of the last epoch: the best one was chosen on the test set"
    learned = options.learned_augmentation
    if learned and learned.by_training:
        yield "the transformer of --aug-model STN is for training images: evaluation and this network do without"
    if options.view_valid != type(options).view_valid:
        yield f"test images had --view-valid {options.view_valid}, which this network does not add to a picture"
    if options.dataset == "ImageNet":
        yield "pictures for the evaluation were scaled to a shorter side of 256 and cut, which this network does at 224"
    if options.hyper_opt == "SEL":
        yield "the network is the encoder of the run that SEL started from, with the linear model of the last budget"

"""The mixture of a run of GMM: log losses of both views of its images, and views on either side."""

import dataclasses

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from custom_datasets.split_file import preview_split
from hyperopt.estimators.detector import Detector, LogLosses
from hyperopt.estimators.mixture_options import MixtureOptions
from hyperopt.estimators.training import Training
from hyperopt.head.loss_mixture import FLOOR
from hyperopt.options.stored import read_result
from hyperopt.report.figures import style
from hyperopt.report.figures.sheets import sheet
from hyperopt.report.review import Review
from hyperopt.runs.earlier import refuse_other_network
from hyperopt.runs.set_up import make_training, prepare_split
from hyperopt.runs.stages import FinishedRun, stages

BINS = 60
SAMPLE = 500  # augmented views that are drawn for the sheet
EXAMPLES, COLUMNS = 16, 8  # views of each kind in the sheet, and side by side
VIEWS = {"original views": ("#0072B2", "-"), "augmented views": ("#D55E00", "--")}


def draw_mixture(review: Review) -> dict[str, Figure]:
    """The histogram with the fitted mixture, and a sheet of augmented views, by name; none of other runs than GMM's.

    The mixture is fitted again, on the same views as at the run's start. Raises UserError when the baseline's network,
    which this takes, is missing or damaged, or another one than the run started from.
    """
    folder = review.files.folder
    # A result does not store where its run is.
    options = dataclasses.replace(review.options, data=folder.parent.parent, run_folder=folder.name)
    if options.refit or not isinstance(options.estimator, MixtureOptions) or not options.estimator.fits:
        return {}
    *_, stage = stages(options)
    assert stage.earlier
    network = FinishedRun(stage.earlier.run.files, review.data.classes).network()
    refuse_other_network(stage, read_result(review.files.result))
    split = prepare_split(options, review.data, preview_split)
    training = make_training(options, review.data, split, torch.device("cpu"))
    detector = Detector(training, network, options.estimator.mixture_fit)
    losses = detector.fit()
    title = f"{options.dataset}, {folder.name}, {options.aug_model}/{options.los_model} GMM"
    return {"mixture": _histogram(losses, detector, title), "views": _views_sheet(training, detector, review, title)}


def _histogram(losses: LogLosses, detector: Detector, title: str) -> Figure:
    """Densities of the log losses of both views, and of the components of their mixture."""
    figure = style.new_figure(2.6)
    axes = figure.subplots()
    lowest, highest = (float(end) for end in torch.cat((losses.original, losses.augmented)).aminmax())
    edges = np.linspace(min(lowest, FLOOR), max(highest, FLOOR + 1), BINS + 1)
    for (name, (colour, look)), of_view in zip(VIEWS.items(), (losses.original, losses.augmented), strict=True):
        counts, _ = np.histogram(of_view.cpu().numpy(), edges)
        # In the share of both views together, as the components are.
        heights = counts / (2 * len(of_view) * np.diff(edges))
        axes.stairs(heights, edges, label=name, color=colour, linestyle=look, linewidth=1.2)
    numbers = detector.mixture.numbers.cpu().numpy()
    images = np.bincount(losses.given.cpu().numpy(), minlength=len(numbers))
    _draw_components(axes, numbers, images / images.sum(), edges)
    axes.set(xlabel="logarithm of the cross-entropy in nats, at the frozen baseline", ylabel="density")
    axes.grid(alpha=0.3)
    style.legend_below(figure, axes)
    # The released fit takes the losses as they are.
    floored = " (losses below 1e-4 are counted at the left end)" if detector.mixture.clips else ""
    figure.suptitle(f"{title}: log losses and their mixture{floored}")
    return figure


def _draw_components(axes: Axes, numbers: np.ndarray, images: np.ndarray, edges: np.ndarray) -> None:
    """The densities of both components, from the numbers (C, 3, 2) of each class and its share (C,) of the images."""
    line = np.linspace(edges[0], edges[-1], 400)
    for name, look, component in (("in", "-", 0), ("out of", ":", 1)):
        share, mean, deviation = numbers[..., component].T
        share = images * share
        if share.any():
            label = f"{name} distribution: {100 * share.sum():.0f} %, mean {share @ mean / share.sum():.1f}"
            density = share @ norm.pdf(line, mean[:, None], deviation[:, None])
            axes.plot(line, density, label=label, color="black", linestyle=look, linewidth=1.0)


def _views_sheet(training: Training, detector: Detector, review: Review, title: str) -> Figure:
    """Augmented views of random images with given label and p, drawn anew: above 1/2 first, then those below."""
    batch = next(iter(training.loaders.train(min(SAMPLE, len(training.loaders.train_index)))))
    views, _ = training.augmented(batch)
    posterior = detector.posterior(views, batch.given).cpu()
    known = (posterior > 0.5).nonzero()[:EXAMPLES, 0].tolist()
    strange = (posterior <= 0.5).nonzero()[: 2 * EXAMPLES - len(known), 0].tolist()
    shown = (views - views.min()) / (views.max() - views.min())
    names = [review.audit.name(label) for label in batch.given.tolist()]
    captions = [f"{names[place]}\np = {posterior[place]:.2f}" for place in known + strange]
    share = f"{100 * (posterior > 0.5).float().mean():.0f} % of {len(posterior)} augmented views have p above 1/2"
    return sheet(shown[known + strange], captions, COLUMNS, f"{title}: {share}")

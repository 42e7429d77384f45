"""Sheets of sample images: the most suspicious labels of a run, and its learned augmentation."""

import textwrap
from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from hyperopt.augmentation.amounts import draw_amounts
from hyperopt.augmentation.warps import make_warp
from hyperopt.report.figures import style
from hyperopt.report.review import Review
from hyperopt.rows.parts import PARTS
from hyperopt.rows.rows_file import RowsFile
from utils.seeds import generator

SUSPECTS, COLUMNS = 10, 5  # number of suspicious images, and of images side by side
DRAWS = 5  # of the augmentation, beside the image as it is
CLASSES = 10  # at most in the sheet of the augmentation


def draw_suspects(review: Review) -> Figure:
    """The most suspicious training images with the given, the learned and the predicted label, quality and weight."""
    audit = review.audit
    captions = []
    for place in range(min(SUSPECTS, len(audit.index))):
        labels = {"given": audit.given, "learned": audit.learned, "network": audit.predicted}
        lines = [f"{source}: {audit.name(column[place])}" for source, column in labels.items() if column is not None]
        lines.append(f"quality {audit.quality[place]:.2f}")
        if audit.weight is not None:
            lines.append(f"weight {audit.weight[place]:.2f}")
        captions.append("\n".join(lines))
    images = review.data.pixels(torch.from_numpy(audit.index[: len(captions)]))
    return sheet(images, captions, COLUMNS, f"{_title(review)}: the most suspicious labels")


def draw_augmentation(review: Review) -> Figure | None:
    """The image with the largest weight of each class, as it is and under draws of its learned augmentation.

    None if no table has a learned augmentation. Crop, flip, erasing and the partner policy are not shown.
    """
    if not review.options.learns_augmentation or not review.options.has_learned_rows:
        return None
    rows, data = RowsFile.read(review.files.rows), review.data
    if "A" not in rows.letters:  # a network has the augmentation
        return None
    trust = rows.columns.get("weight", torch.ones(len(rows.index)))
    classes = rows.given_label.unique()[:CLASSES]
    places = [int(torch.where(rows.given_label == label, trust, -1).argmax()) for label in classes]
    logits = PARTS["A"].to_leaves(rows.columns)[places].float()
    images, draws = data.pixels(rows.index[places]), generator(0, "sheet")
    warp = make_warp(review.options.warp, review.options.defaults.warp_enlargement)
    columns = [images, *(warp(images, draw_amounts(logits, len(places), draws)) for _ in range(DRAWS))]
    views = ["as it is", *(f"draw {number + 1}" for number in range(DRAWS))]
    captions = [f"{review.audit.name(label)}, {view}" for label in classes.tolist() for view in views]
    pictures = torch.stack(columns, 1).flatten(0, 1)
    return sheet(pictures, captions, len(views), f"{_title(review)}: learned augmentation")


def _title(review: Review) -> str:
    options = review.options
    method = f"{options.aug_model}/{options.los_model} {options.hyper_opt}"
    return f"{options.dataset}, {review.files.folder.name}, {method}"


def sheet(images: Tensor, captions: Sequence[str], columns: int, title: str) -> Figure:
    """Images (n, C, H, W) in 0..1 with a caption each."""
    lines = max(caption.count("\n") + 1 for caption in captions)
    columns = min(columns, len(images))
    letters = int(style.WIDTH / columns / style.LETTER) + 1  # of a line of a caption
    figure, panels = style.grid(len(images), columns, style.WIDTH / columns + lines * style.LINE)
    for axes, image, caption in zip(panels, images, captions, strict=True):
        axes.imshow(image.permute(1, 2, 0).clamp(0, 1).squeeze(-1).cpu().numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set_title("\n".join(textwrap.shorten(line, letters, placeholder="...") for line in caption.split("\n")))
        axes.axis("off")
    figure.suptitle(title)
    return figure

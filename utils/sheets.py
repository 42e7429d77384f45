"""Sheets of sample images: the most suspicious labels of a run, and what its learned augmentation does."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from custom_datasets import Dataset
from hyperopt import LearnedRows
from hyperopt.augmentation import draw_amounts
from hyperopt.warp import WARPS
from utils.audit import Audit
from utils.row_options import LEARNED_AUG_MODELS
from utils.run_folder import RunFiles
from utils.seeds import generator

SUSPECTS, COLUMNS = 10, 5  # of the most suspicious images, and how many stand side by side
DRAWS = 5  # of the augmentation, beside the image as it is
CLASSES = 10  # at most so many in the sheet of the augmentation
CELL, LINE, TITLE = 1.3, 0.13, 0.4  # inches: an image's side, a line of its caption, the title


def draw_sheets(audit: Audit, files: RunFiles, data: Dataset, options: dict[str, Any], folder: Path) -> list[Path]:
    """The sheets of a finished run, by its files and options; returns the PNG files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    row = f"{options['aug_model']}/{options['los_model']} {options['hyper_opt']}"
    title = f"{options['dataset']}, {files.folder.name}, {row}"
    suspects = folder / f"suspects_{files.folder.name}_{files.name}.png"
    draw_suspects(audit, data, f"{title}: most suspicious labels", suspects)
    if options["aug_model"] not in LEARNED_AUG_MODELS:
        return [suspects]
    augmentations = folder / f"augmentation_{files.folder.name}_{files.name}.png"
    rows = LearnedRows.read(files.rows)
    draw_augmentations(rows, options["warp"], data, f"{title}: learned augmentation", augmentations)
    return [suspects, augmentations]


def draw_suspects(audit: Audit, data: Dataset, title: str, path: Path) -> None:
    """The most suspicious training images with the given, the learned and the predicted label, quality and weight."""
    count = min(SUSPECTS, len(audit.index))
    captions = []
    for place in range(count):
        said = {"given": audit.given, "learned": audit.learned, "network": audit.predicted}
        lines = [f"{who}: {audit.name(labels[place])}" for who, labels in said.items() if labels is not None]
        lines.append(f"quality {audit.quality[place]:.2f}")
        if audit.weight is not None:
            lines.append(f"weight {audit.weight[place]:.2f}")
        captions.append("\n".join(lines))
    _draw(data.pixels(torch.from_numpy(audit.index[:count])), captions, COLUMNS, title, path)


def draw_augmentations(rows: LearnedRows, warp: str, data: Dataset, title: str, path: Path) -> None:
    """An image of each class as it is, and under draws of its learned augmentation: the one of the largest weight.

    `warp` is a name of `--warp`. Crop, flip, erasing and the partner policy are not part of the picture.
    """
    trust = torch.ones(len(rows.index)) if rows.weight is None else rows.weight
    classes = rows.given_label.unique()[:CLASSES]
    places = [torch.where(rows.given_label == label, trust, -1).argmax().item() for label in classes]
    logits = torch.logit(torch.cat((rows.probability, rows.magnitude), 1)[places], eps=1e-6)
    draws, images = generator(0, "sheet"), data.pixels(rows.index[places])
    columns = [images, *(WARPS[warp][0](images, draw_amounts(logits, len(places), draws)) for _ in range(DRAWS))]
    names = data.class_names or [str(label) for label in range(data.classes)]
    views = ["as it is", *(f"draw {number + 1}" for number in range(DRAWS))]
    captions = [f"{names[label]}, {view}" for label in rows.given_label[places] for view in views]
    _draw(torch.stack(columns, 1).flatten(0, 1), captions, 1 + DRAWS, title, path)


def _draw(images: Tensor, captions: list[str], columns: int, title: str, path: Path) -> None:
    from matplotlib.figure import Figure  # the tables need no matplotlib

    lines = -(-len(images) // columns)
    caption_lines = max(caption.count("\n") + 1 for caption in captions)
    size = columns * CELL, lines * (CELL + LINE * caption_lines) + TITLE
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.05, w_pad=0.02)
    figure.suptitle(title, fontsize=9)
    grid = figure.subplots(lines, columns, squeeze=False).flatten()
    for axes in grid:
        axes.axis("off")
    for axes, image, caption in zip(grid, images, captions, strict=False):
        axes.imshow(image.permute(1, 2, 0).clamp(0, 1).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=1)
        axes.set_title(caption, fontsize=7)
    figure.savefig(path, dpi=150)

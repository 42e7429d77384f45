"""The part of a data set that `--classes` and `--first-images` choose, as a data set of its own."""

from dataclasses import replace

import numpy as np
import torch

from custom_datasets.names import BUILT_IN, OWN_VALIDATION, WHOLE, Subset
from custom_datasets.table import Dataset, Images
from utils.errors import UserError


def choose(data: Dataset, subset: Subset, name: str) -> Dataset:
    """The data set of the subset, of the data set of this name; all of it for `WHOLE`.

    Its classes are numbered in the subset's order. With `first_images`, the training table has so many images, followed
    by the clean validation images: the given ones, or as many as are drawn of the classes otherwise. These are drawn
    from all images after the first ones, in the classes' proportion, the same in all runs.

    Raises UserError for classes that are not there, for one without clean or test images, and for too many images.
    """
    if subset == WHOLE:
        return data
    chosen = of_classes(data, subset.classes, name) if subset.classes else data
    if not data.valid_given:
        chosen = replace(chosen, held_out=held_out(name, len(chosen.train), len(data.train)))
    return first(chosen, subset.first_images) if subset.first_images else chosen


def held_out(name: str, images: int, whole: int) -> int:
    """Number of clean images to hold out of `images` of the `whole` training images of a data set."""
    return round(BUILT_IN[name].validation * images / whole) if name in BUILT_IN else images // OWN_VALIDATION


def of_classes(data: Dataset, classes: tuple[int, ...], name: str) -> Dataset:
    """The images of some classes, in the order of the tables, with the places of the classes as labels."""
    if unknown := [label for label in classes if label >= data.classes]:
        known = f"its classes are 0 to {data.classes - 1}"
        raise UserError(f"--classes {','.join(map(str, classes))}: {name} has no class {unknown[0]}; {known}")
    train, trained = _select_classes(data.train, classes)
    test, tested = _select_classes(data.test, classes)
    valid = int((trained >= len(data.train) - data.valid_given).sum())
    for part, images in (("test", len(tested)), ("clean", valid if data.valid_given else None)):
        if images == 0:
            raise UserError(f"--classes {','.join(map(str, classes))}: {name} has no {part} image of them; add some")
    names = data.class_names or [str(label) for label in range(data.classes)]
    chosen = _with_train(data, train, trained)
    return replace(
        chosen,
        given=chosen.given and chosen.given.of_classes(classes),
        test=test,
        classes=len(classes),
        valid_given=valid,
        class_names=[names[label] for label in classes],
    )


def _select_classes(images: Images, classes: tuple[int, ...]) -> tuple[Images, np.ndarray]:
    """The images of some classes, labelled by their place in `classes`, and their places in the table."""
    labels = images.labels.cpu()
    own = labels[:, None] == torch.tensor(classes)
    places = own.any(1).nonzero().flatten()
    return images.select(places, own[places].int().argmax(1)), places.numpy()


def first(data: Dataset, images: int) -> Dataset:
    """The first training images, followed by the given clean ones or by `data.held_out` of the images after them."""
    labels = data.train.labels.cpu().numpy()
    clean = data.valid_given or data.held_out or 0
    if images > len(labels) - clean:
        most = f"beside the {clean} clean ones; give {len(labels) - clean} or fewer"
        raise UserError(f"--first-images {images} are more than there are of {len(labels)} training images, {most}")
    rest = np.arange(images, len(labels))
    valid = rest[-clean:] if data.valid_given else draw(labels[rest], clean) + images
    refuse_missing(data, labels[:images], f"--first-images {images}: these images, in the order of the files,")
    if not data.valid_given:
        refuse_missing(
            data, labels[valid], f"--first-images {images}: the {clean} clean images, drawn from those after,"
        )
    places = np.concatenate((np.arange(images), valid))
    chosen = data.train.select(torch.from_numpy(places), data.train.labels.cpu()[places])
    drawn = not data.valid_given
    return replace(_with_train(data, chosen, places), valid_given=len(valid), valid_drawn=drawn, held_out=None)


def refuse_missing(data: Dataset, labels: np.ndarray, which: str) -> None:
    """Raise UserError when a class is not among the labels of some images, which the message begins with."""
    if missing := sorted(set(range(data.classes)) - set(labels.tolist())):
        name = data.class_names[missing[0]] if data.class_names else missing[0]
        raise UserError(f"{which} have none of class {name}; give another number, or draw from all images with -sr")


def draw(labels: np.ndarray, count: int) -> np.ndarray:
    """Ascending places of `count` of the images with these labels (n,), of each class its share, always the same."""
    shuffled = np.random.default_rng(0).permutation(len(labels))
    order = np.empty(len(labels))  # of each image in its class, from 0 to 1
    for label in np.unique(labels):
        own = shuffled[labels[shuffled] == label]
        order[own] = (np.arange(len(own)) + 0.5) / len(own)
    return np.sort(np.argsort(order, kind="stable")[:count])


def _with_train(data: Dataset, train: Images, places: np.ndarray) -> Dataset:
    """The data set with another training table, which has the images at these places of its own one."""
    files, given = data.train_files and [data.train_files[place] for place in places], data.given
    own = places if data.places is None else data.places[places]
    return replace(data, train=train, train_files=files, places=own, given=given and given.select(places))

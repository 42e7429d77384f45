"""Makes a biased, noisy training set out of a clean one.

The order is the published one: split, subsample, imbalance, label noise (AutoDO, arXiv 2103.05863, section 4).
"""

from dataclasses import dataclass, replace

import numpy as np

from utils.errors import UserError


@dataclass(frozen=True)
class Distortion:
    """How a clean training set is distorted; the flags have the same names.

    valid_images: size of the validation set. imbalance_ratio: frequent over rare images. subsample_ratio: share of
    images that is kept. noise_ratio: share of the training labels that is drawn anew. valid_given: the validation set
    is the last `valid_images` images, so that no split is drawn. subset: the part of file names that says which images
    of the data set these are.
    """

    valid_images: int
    imbalance_ratio: int
    subsample_ratio: float
    noise_ratio: float
    valid_given: bool = False
    subset: str = ""


@dataclass(frozen=True)
class Split:
    """A distorted training set over N clean images.

    valid: indices of the clean validation images. train: indices of the remaining training images. targets: the given,
    possibly noisy labels of all N images, (N,) int64. Indices are int64 arrays.
    """

    valid: np.ndarray
    train: np.ndarray
    targets: np.ndarray


def split_validation(labels: np.ndarray, images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Stratified split of labels (N,) into indices of `images` validation images and of the others."""
    from sklearn.model_selection import StratifiedShuffleSplit  # slow to import

    splitter = StratifiedShuffleSplit(n_splits=1, test_size=images, random_state=seed)
    try:
        train, valid = next(splitter.split(np.zeros(len(labels)), labels))
    except ValueError as error:
        raise UserError(f"cannot split off {images} of {len(labels)} images for validation: {error}") from error
    return valid, train


def choose_validation(labels: np.ndarray, distortion: Distortion, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the validation images and of the others."""
    if distortion.valid_given:
        train, valid = np.split(np.arange(len(labels)), [-distortion.valid_images])
        return valid, train
    return split_validation(labels, distortion.valid_images, seed)


def subsample(indices: np.ndarray, ratio: float, random: np.random.Generator) -> np.ndarray:
    """Draw int(n x ratio) of n indices uniformly, without replacement."""
    return random.permutation(indices)[: int(len(indices) * ratio)]


def imbalance(
    indices: np.ndarray, labels: np.ndarray, classes: int, ratio: int, random: np.random.Generator
) -> np.ndarray:
    """Step imbalance: classes below C / 2 keep all their L images, the others int(L / ratio) images together.

    `labels` (N,) are the labels of all images, `indices` (n,) the remaining images. Ratio 1 changes nothing.
    """
    if ratio == 1:
        return indices
    frequent, rare = divide_classes(indices, labels, classes)
    return np.concatenate((frequent, random.permutation(rare)[: len(frequent) // ratio]))


def divide_classes(indices: np.ndarray, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Split `indices` into the classes below C / 2, which keep their images, and the others, which become rare."""
    stays = labels[indices] < classes / 2
    return indices[stays], indices[~stays]


def add_noise(
    indices: np.ndarray, labels: np.ndarray, classes: int, ratio: float, random: np.random.Generator
) -> np.ndarray:
    """Labels (N,) in which round(ratio x n) of the n `indices` are drawn anew, uniformly from all classes.

    The true class can be drawn too: 10 % nominal noise is 9 % real noise with ten classes.
    """
    noisy = labels.copy()
    chosen = random.permutation(indices)[: round(len(indices) * ratio)]
    noisy[chosen] = random.integers(classes, size=len(chosen))
    return noisy


def make_split(labels: np.ndarray, classes: int, distortion: Distortion, seed: int) -> Split:
    """The distorted training set of one run. `labels` (N,) are the true ones; `seed` fixes every draw.

    Raises UserError when nothing is left to train on or the split is impossible.
    """
    valid, train = choose_validation(labels, distortion, seed)
    random = np.random.default_rng(seed)
    train = subsample(train, distortion.subsample_ratio, random)
    train = imbalance(train, labels, classes, distortion.imbalance_ratio, random)
    if len(train) == 0:
        raise UserError(f"a subsample ratio of {distortion.subsample_ratio} leaves no training image; use a larger one")
    return Split(valid, train, add_noise(train, labels, classes, distortion.noise_ratio, random))


def keep_validation(split: Split, labels: np.ndarray, images: int, seed: int) -> Split:
    """The split with only `images` of its validation images, drawn stratified; the other ones are left out.

    `labels` (N,) are the true ones. Raises UserError unless each class can have an image in both parts.
    """
    if images == len(split.valid):
        return split
    classes = len(np.unique(labels[split.valid]))
    most = len(split.valid) - classes
    if not classes <= images <= most:
        some = f"give --valid-images {classes} to {most}, or {len(split.valid)} for all of them"
        raise UserError(
            f"{images} of {len(split.valid)} clean images of {classes} classes cannot be kept in proportion; "
            + (some if classes <= most else f"give --valid-images {len(split.valid)} for all of them")
        )
    kept, _ = split_validation(labels[split.valid], images, seed)
    return replace(split, valid=split.valid[kept])


def train_on_validation(split: Split, with_distorted: bool) -> Split:
    """The split for a control that trains on the clean validation images, alone or together with the distorted ones."""
    return replace(split, train=np.concatenate((split.train, split.valid)) if with_distorted else split.valid)


def train_on_everything(split: Split) -> Split:
    """The split of the ablation that trains and validates on all N images, also those left out of the distorted set.

    As published, only the labels of images of the distorted set are noisy.
    """
    everything = np.arange(len(split.targets))
    return replace(split, valid=everything, train=everything)


def distorted_images(split: Split) -> np.ndarray:
    """Ascending indices of the training images that are not clean validation images as well.

    In the ablation without a split, where all images are both, these are all images.
    """
    distorted = np.setdiff1d(split.train, split.valid)
    return distorted if len(distorted) else np.sort(split.train)

"""What a training is given: the views of images, and the sizes and rates of its passes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor

from custom_transforms.normalise import Normalise
from utils.passes import View

Rate = Callable[[float], float]  # learning rate at a time in epochs


@dataclass(frozen=True)
class CopyViews:
    """Copies of stored images uint8 (B, C, H, W): a view (B, C, H, W) for each copy, normalised.

    name: tells the kind of copies. training: of training images. evaluation: of test images.
    """

    name: str
    training: Callable[[Tensor], Iterable[Tensor]]
    evaluation: Callable[[Tensor], Iterable[Tensor]]


@dataclass(frozen=True)
class Views:
    """The views of images: in evaluation, in training, and of clean images in the batches of a hyper pass.

    normalise: from stored images and back to pixels, without any augmentation, as for predictions of training images.
    evaluation: of clean and test images, the same unless something is planted in them (which `clean` has, too).
    training: the strong view, with policy and cutout. base: with the standard augmentation alone, for estimators that
    take both views; the two draw from one generator. clean_is_validation: whether the clean images of a hyper pass are
    the validation set of evaluations. copies: for an estimator that needs them.
    """

    normalise: Normalise
    evaluation: View
    base: View
    training: View
    clean: View
    clean_is_validation: bool
    copies: CopyViews | None = None


@dataclass(frozen=True)
class Plan:
    """Sizes and rates of the passes.

    epochs: of the run. batch_size, hyper_batch_size: images per step of the train and the hyper pass. rate, hyper_rate:
    learning rates of the network and the rows, the latter from `hyper_start` on, the last epoch in which no row moves.
    log_interval: steps between two updates of the progress bar. seed: of samples for the log.
    """

    epochs: int
    batch_size: int
    rate: Rate
    hyper_start: int
    hyper_batch_size: int
    hyper_rate: Rate
    log_interval: int
    seed: int

"""The training settings of every data set, one line each. A flag of the command line overrides its field."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Defaults that depend on the data set.

    lr: learning rate of the network; hyper_lr: of the rows. batch_size, hyper_batch_size: images per step of the train
    and the hyper pass. validation: images of the clean validation set. hyper_start: the last epoch without a hyper
    pass. rand, partner: number and magnitude of the operations of RAND and of the learned augmentation's partner, which
    has no geometric ones. standard: names of the standard augmentation. mean, std: per channel, of pixels in 0..1.
    threads: of the CPU, None for torch's own choice. Rounding depends on it, so a data set that gains nothing from
    several threads gets one, and the same numbers on every machine. warp_enlargement: of the pictures, in the warp of
    the published code (`--warp original`). epochs, lr_warm_epochs: of training, of the linear warm-up. lr_schedule: in
    `SCHEDULES`. momentum, weight_decay: of SGD.
    """

    model: str
    lr: float
    batch_size: int
    hyper_batch_size: int
    validation: int
    hyper_start: int
    hyper_lr: float
    rand: tuple[int, float]
    partner: tuple[int, float] | None
    standard: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    threads: int | None = None
    warp_enlargement: int = 4
    epochs: int = 200
    lr_warm_epochs: int = 5
    lr_schedule: str = "cosine"
    momentum: float = 0.9
    weight_decay: float = 1e-4


SCHEDULES = ("cosine", "steps", "warm-multiplier")
AFTER_WARM = ("base", "peak")

CROP_ERASING, ALL = ("crop", "erasing"), ("crop", "flip", "erasing")
GREY_MNIST = (0.1307,), (0.3081,)
GREY_DIGITS = (0.3053,), (0.3764,)
SVHN = (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)
CIFAR10 = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CIFAR100 = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# fmt: off
RECIPES = {
    #                        model           lr   batch hyper valid start hyper_lr rand  partner
    "DIGITS":     Recipe("smallnet",      0.05,   32, 128,    314,  50, 0.05, (3, 5), None, (), *GREY_DIGITS, 1),
    "MNIST":      Recipe("resnet18thin",  0.05,   32, 256,  10000,  50, 0.05, (3, 5), (3, 5), (), *GREY_MNIST),
    "SVHN":       Recipe("wresnet28_10",  0.005, 256, 256,  23257,  50, 0.05, (3, 7), (3, 7), CROP_ERASING, *SVHN),
    "SVHN_extra": Recipe("wresnet28_10",  0.005, 256, 256, 104388,  50, 0.05, (3, 7), (3, 7), CROP_ERASING, *SVHN),
    "CIFAR10":    Recipe("wresnet28_10",  0.1,   256, 256,  10000,  50, 0.05, (3, 15), (1, 15), ALL, *CIFAR10),
    "CIFAR100":   Recipe("wresnet28_10",  0.1,   256, 256,  10000,  50, 0.05, (3, 15), (1, 15), ALL, *CIFAR100),
    # ImageNet's images are cropped and flipped when the files are read.
    "ImageNet":   Recipe("resnet18",      0.1,   256, 128, 256233, 100, 0.01, (2, 9), (2, 9), (), *IMAGENET, None, 1),
}
# fmt: on

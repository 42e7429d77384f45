"""Training settings, one line each: of every built-in data set, and for others. A flag overrides its field."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Recipe:
    """Defaults of a training.

    lr: learning rate of the network; hyper_lr: of the rows. batch_size, hyper_batch_size: images per step of the train
    and the hyper pass. hyper_start: the last epoch in which no row moves. rand: number and magnitude of the operations
    of RAND and its like, as `--rand` has them. amount: of fixed copies, as `--amount` has it, where there are such.
    partner: the same of the learned augmentation's partner, which has no
    geometric ones. standard: as `--standard` has it. threads: of the CPU, None for torch's own choice. Rounding depends
    on it, so a data set that gains nothing from several threads gets one, and the same numbers on every machine.
    warp_enlargement: of the pictures, in the warp of the published code (`--warp original`). epochs, lr_warm_epochs: of
    training, of the linear warm-up. lr_schedule: in `SCHEDULES`. lr_decay_rate: the cosine ends at its third power, a
    step multiplies by it. lr_decay_epochs: of the steps, as `--lr-decay-epochs` has them. momentum, weight_decay: of
    SGD. valid_images, test_images: how many clean and test images are used, None for all.
    """

    model: str
    lr: float
    batch_size: int
    hyper_batch_size: int
    hyper_start: int
    hyper_lr: float
    rand: str
    partner: tuple[int, float] | None
    standard: str
    threads: int | None = None
    warp_enlargement: int = 4
    epochs: int = 200
    lr_warm_epochs: int = 5
    lr_schedule: str = "cosine"
    lr_decay_rate: float = 0.1
    lr_decay_epochs: str = "150,175,195"
    momentum: float = 0.9
    weight_decay: float = 1e-4
    valid_images: int | None = None
    test_images: int | None = None
    amount: str | None = None


SCHEDULES = ("cosine", "steps", "warm-multiplier")
AFTER_WARM = ("base", "peak")

CROP_ERASING, ALL, NONE = "crop,erasing", "crop,flip,erasing", "none"
# Settings that differ from those of all others; the reasons stand at the line.
ONE_THREAD: dict[str, Any] = {"threads": 1}
# The data sets that only DABO has (arXiv 2006.14699) are trained as its code does.
STEPS: dict[str, Any] = {"lr_warm_epochs": 0, "lr_schedule": "steps", "weight_decay": 5e-4}
TINY = STEPS | {"epochs": 201, "lr_decay_rate": 0.2, "lr_decay_epochs": "60,120,160"}
TISSUE = STEPS | {"epochs": 40, "lr_decay_epochs": "6,10,20", "warp_enlargement": 1}
# Own data without --recipe (`hyperopt.options.own_recipe`): the fewer the images, the more epochs.
HANDFUL, FEW = ONE_THREAD | {"epochs": 100}, ONE_THREAD | {"epochs": 30}
SOME: dict[str, Any] = {"epochs": 30, "lr_warm_epochs": 2}
MANY: dict[str, Any] = {"epochs": 20, "lr_warm_epochs": 2}
FEATURES: dict[str, Any] = {"epochs": 20, "lr_warm_epochs": 1}
SMALL = ONE_THREAD | {"epochs": 25, "lr_warm_epochs": 2, "valid_images": 1000, "test_images": 4000}

# fmt: off
RECIPES = {
    #                        model           lr   batch hyper start hyper_lr rand  partner
    "DIGITS":     Recipe("smallnet",      0.05,   32, 128,  50, 0.05, "3,5", None, NONE, **ONE_THREAD),
    "MNIST":      Recipe("resnet18thin",  0.05,   32, 256,  50, 0.05, "3,5", (3, 5), NONE),
    "SVHN":       Recipe("wresnet28_10",  0.005, 256, 256,  50, 0.05, "3,7", (3, 7), CROP_ERASING),
    "SVHN_extra": Recipe("wresnet28_10",  0.005, 256, 256,  50, 0.05, "3,7", (3, 7), CROP_ERASING),
    "CIFAR10":    Recipe("wresnet28_10",  0.1,   256, 256,  50, 0.05, "3,15", (1, 15), ALL),
    "CIFAR100":   Recipe("wresnet28_10",  0.1,   256, 256,  50, 0.05, "3,15", (1, 15), ALL),
    # ImageNet's images are cropped and flipped when the files are read.
    "ImageNet":   Recipe("resnet18",      0.1,   256, 128, 100, 0.01, "2,9", (2, 9), NONE, warp_enlargement=1),
    "TinyImageNet": Recipe("resnet18small", 0.1, 128, 256, 50, 0.05, "3,15", None, "flip", **TINY),
    # Not published: the network for small pictures, trained as CIFAR's, without augmentation.
    "smallNORB":  Recipe("resnet18small", 0.1,   128, 256,  50, 0.05, "3,5", (3, 5), NONE),
    "BACH":       Recipe("resnet18",      0.1,    16,  16,  10, 0.05, "2,9", None, NONE, **TISSUE),
    # No data set: for real colour pictures of 32 x 32 on one core. With 10,000 of SVHN (-sr 0.25) it learns in some ten
    # minutes, to 92 % without distortion; evaluating all test and clean images would take as long as the training.
    "small":      Recipe("resnet18thin",  0.1,    64, 256,   8, 0.05, "3,7", (3, 7), CROP_ERASING, **SMALL),
    # Own data. With 360 photographs of six classes at 64 x 64, own-few takes 100 s on one core and finds all but a few
    # of 36 wrong labels first, from 48 clean images.
    "own-tiny":     Recipe("smallnet",    0.05,   32, 128,  50, 0.05, "3,5", None, NONE, **ONE_THREAD),
    "own-handful":  Recipe("smallnet",    0.05,   16, 128,  30, 0.05, "3,5", None, NONE, **HANDFUL),
    "own-few":      Recipe("smallnet",    0.05,   32, 128,  10, 0.05, "3,5", None, NONE, **FEW),
    "own-some":     Recipe("resnet18thin", 0.1,   64, 256,  10, 0.05, "3,7", None, "crop", **SOME),
    "own-many":     Recipe("resnet18thin", 0.1,  128, 256,   5, 0.05, "3,7", None, "crop", **MANY),
    "own-large":    Recipe("resnet18",    0.05,   32, 128,  10, 0.05, "3,7", None, NONE, warp_enlargement=1, epochs=30),
    # Own data that hold features of images, of which the head is trained.
    "features":     Recipe("linear",      0.02,   64, 512,   5, 0.05, "3,5", None, NONE, **FEATURES),
}
# fmt: on

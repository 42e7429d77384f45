"""The options of a setting's data, and of how they are distorted and used."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from custom_datasets.label_source import LabelSource, label_source, short_labels
from custom_datasets.names import BUILT_IN, Subset
from custom_transforms.names import AS_IT_IS, PLANTED_NAMES
from utils.colour import colour
from utils.flags import MANY, class_list, flag, folder, number, place, with_dashes
from utils.recipes import RECIPES
from utils.runs.files import distortion_name

TRAIN_ON = ("distorted", "valid", "both")


@dataclass(frozen=True)
class DataOptions:
    """The data of a setting. A field whose type has no None, but whose default is None, is filled in later."""

    data: Path = flag(
        Path("./local_data"),
        "folder of data sets and runs",
        type=folder,
        identity=False,
        group="data and distortion",
    )
    dataset: str = flag(
        "DIGITS", f"data set: {', '.join(BUILT_IN)}, or your own: its folder's name or path", type=place
    )
    runs: Path | None = flag(
        None, "folder for run folders, PATH/NAME/runN (default: the data set's)", type=folder, identity=False
    )
    recipe: str = flag(None, "training settings (default: the data set's own, or chosen)", choices=RECIPES)
    # Why the recipe was chosen for own data, for the user; None if it was not chosen.
    recipe_reason: str | None = dataclasses.field(default=None, metadata={"identity": False})
    background: str = flag(
        "white", "own data: colour under transparent pictures: white, black, R,G,B or #rrggbb", type=colour, rare=True
    )
    image_size: int | None = flag(
        None, "own pictures: scaled and cropped to X x X (default: chosen)", type=number(int, 8, 2048)
    )
    skip_damaged: bool = flag(False, "own pictures: go on without those that cannot be read", identity=False)
    classes: str | None = flag(
        None, "numbers of classes to use, such as 3,8 (default: all)", type=class_list, in_name=with_dashes
    )
    first_images: int | None = flag(
        None, "train on the first so many images (default: all)", type=number(int, 1, MANY), rare=True
    )
    labels: str | None = flag(
        None,
        "given labels: FILE[:KEY], .csv, .npy, .npz or .pt (default: the data set's)",
        type=label_source,
        in_name=short_labels,
    )
    imbalance_ratio: int = flag(1, "frequent over rare images, 1: as it is", "-ir", type=number(int, 1, MANY))
    subsample_ratio: float = flag(
        1.0, "share of training images that is kept", "-sr", type=number(float, 0, 1, open_low=True)
    )
    noise_ratio: float = flag(0.0, "share of labels that is drawn anew", "-nr", type=number(float, 0, 1))
    valid_images: int | None = flag(
        None, "clean images that are kept (default: recipe, or all)", type=number(int, 1, MANY)
    )
    test_images: int | None = flag(
        None, "first test images to use (default: recipe, or all)", type=number(int, 1, MANY)
    )
    view_valid: str = flag(
        AS_IT_IS,
        "planted in clean and test images: a turn by 45 degrees, a move by 2 pixels, a zoom by 1.5 or 0.75",
        choices=PLANTED_NAMES,
        rare=True,
    )
    train_on: str = flag("distorted", "control: images to train on, valid are the clean ones", choices=TRAIN_ON)
    overfit: bool = flag(False, "ablation: estimate the hyperparameters on the test set", rare=True)
    oversplit: bool = flag(False, "ablation: no split, train and validate on all images", rare=True)

    @property
    def folder(self) -> Path:
        """The folder of the data set."""
        return self.data / self.dataset

    @property
    def runs_folder(self) -> Path:
        """The folder of the run folders: the data set's own, or with --runs a folder of its name in that one."""
        return self.runs / self.dataset if self.runs else self.folder

    @property
    def public(self) -> bool:
        """Whether the data set is a built-in one, not the user's own."""
        return self.dataset in BUILT_IN

    @property
    def subset(self) -> Subset:
        """The part of the data set that is used."""
        classes = tuple(map(int, self.classes.split(","))) if self.classes else None
        return Subset(classes, self.first_images)

    @property
    def label_file(self) -> LabelSource | None:
        """The file of the given labels; None if these are the data set's own."""
        return LabelSource.of(self.labels) if self.labels else None

    @property
    def read_as(self) -> tuple[str, Subset, int | None]:
        """What makes other images of the same files: background, subset, and the side to which they are scaled."""
        return self.background, self.subset, self.image_size

    @property
    def distorted(self) -> bool:
        """Whether the training set is imbalanced or noisy: by this program, or by nature, as assumed for own data."""
        return not self.public or self.imbalance_ratio > 1 or self.noise_ratio > 0 or self.labels is not None

    @property
    def distortion(self) -> str:
        """The distortion's part of file names."""
        return distortion_name(self.imbalance_ratio, self.subsample_ratio, self.noise_ratio)

    @property
    def split_name(self) -> str:
        """The distortion's and the subset's part of file names: runs of one folder with the same share a split."""
        return f"{self.distortion}{self.subset.suffix}"

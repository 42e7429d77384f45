"""The options of the training script: one typed field per flag, its help text beside it; and how options are read."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from utils.errors import UserError
from utils.flags import epoch_list, flag, make_parser, number, plain_name
from utils.precision import PRECISION_NAMES
from utils.recipes import RECIPES
from utils.row_options import ESTIMATOR_HYPER, LARGE, MANY, REFIT_USE, RowOptions, usual_additions

ROWS_ON = ("device", "host")
LONGEST_NAME = 255  # of a file


@dataclass(frozen=True)
class TrainOptions(RowOptions):
    """All flags of the training script."""

    run_folder: str = flag("run0", "run folder: run0, run1, ...", "-r", type=plain_name, identity=False)
    seed: int | None = flag(
        None,
        "seed of every random draw (default: the N of runN); a split file that is there stays",
        type=number(int, 0, 2**31 - 1),
    )
    fresh: bool = flag(
        False,
        "start over, also when the run is finished: the first epoch replaces its files",
        identity=False,
    )
    dry_run: bool = flag(False, "print the resolved plan and stop", identity=False)
    epochs: int = flag(200, "epochs of training", type=number(int, 1, MANY))
    lr: float | None = flag(None, "learning rate (default: recipe)", type=number(float, 0, LARGE, open_low=True))
    lr_decay_rate: float = flag(0.1, "the cosine ends at lr x rate^3", type=number(float, 0, 1))
    lr_decay_epochs: str = flag(
        "150,175,195", "without effect, as published: the cosine is always on", type=epoch_list, identity=False
    )
    lr_warm_epochs: int = flag(5, "epochs of linear warm-up from lr / 10", type=number(int, 0, MANY))
    batch_size: int | None = flag(None, "images per training step (default: recipe)", type=number(int, 2, MANY))
    workers: int = flag(4, "data loading workers, for streamed data sets", type=number(int, 0, MANY), identity=False)
    precision: str = flag(
        "auto", "of the encoder: float32, or mixed with bfloat16; auto: bf16 on a GPU", choices=PRECISION_NAMES
    )
    compile: bool = flag(False, "compile the encoder: faster after the first minutes", identity=False)
    rows_on: str = flag(
        "device", "where the rows are kept; the host has more room and is slower", choices=ROWS_ON, identity=False
    )
    threads: int | None = flag(
        None, "threads of the CPU (default: recipe, or torch's own choice)", type=number(int, 1, 1024), identity=False
    )
    gpu: int = flag(0, "GPU to use; the CPU where there is none", type=number(int, 0, MANY), identity=False)
    no_cuda: bool = flag(False, "use the CPU", identity=False)
    log_interval: int = flag(
        500, "training steps between two updates of the progress bar", type=number(int, 1, MANY), identity=False
    )
    plot_debug: bool = flag(False, "write the first batches as pictures, before and after augmentation", identity=False)

    def check(self) -> None:  # noqa: D102
        super().check()
        if self.hyper_opt != "NONE" and self.hyper_start >= self.epochs:
            raise UserError(f"--hyper-start {self.hyper_start} leaves no hyper pass in {self.epochs} epochs; lower it")

        written = (f"predictions_{self.run_name}.npz.1234567.part", f"{self.run_folder}_{self.run_name}_{'date':19}")
        if max(map(len, written)) > LONGEST_NAME:
            raise UserError(
                f"the run's name has {len(self.run_name)} letters, which is too long for its files; "
                "give the file of --rows a shorter name"
            )

    @property
    def stages(self) -> tuple["TrainOptions", ...]:
        """The trainings of the command, in order: a refit comes after the training that learns its rows."""
        return (self.learning, self) if self.refit else (self,)

    @property
    def learning(self) -> "TrainOptions":
        """The training that learns the rows of a refit: the same row without it."""
        return dataclasses.replace(self, refit=False, rows_use=None)

    @property
    def notes(self) -> list[str]:
        """What the user should know about the flags given."""
        found = []
        if self.lr_decay_epochs != TrainOptions.lr_decay_epochs:
            found.append("--lr-decay-epochs has no effect: the learning rate follows a cosine, as published")
        if self.oversplit and (self.imbalance_ratio > 1 or self.subsample_ratio < 1):
            found.append("--oversplit trains on all images: -ir and -sr only choose the images whose labels are noisy")
        return found

    @property
    def identity(self) -> dict[str, Any]:
        """The options that shape the result, by name: the background of own data, those of the hyper pass with one."""
        fields = [field.name for field in dataclasses.fields(self) if field.metadata["identity"]]
        if self.dataset in RECIPES:
            fields.remove("background")
        effective = {"hyper_opt", *usual_additions(vars(self))}
        return {name: getattr(self, name) for name in fields if name in effective or not name.startswith("hyper_")}


Options = TypeVar("Options", bound=RowOptions)


def resolve(options: Options) -> Options:
    """Options with every default filled in from the recipe and the run folder's number, and checked."""
    name = options.recipe or options.dataset
    if options.recipe and options.dataset in RECIPES and options.recipe != options.dataset:
        raise UserError(
            f"--recipe is for your own data; {options.dataset} has a recipe of its own, which flags override"
        )
    if name not in RECIPES:
        known = ", ".join(RECIPES)
        raise UserError(f"data set {name} is none of {known}; for your own data add --recipe with one of these")
    fill_in = {"recipe": name} | {
        field: value for field, value in vars(RECIPES[name]).items() if hasattr(options, field)
    }
    fill_in |= ESTIMATOR_HYPER.get(options.hyper_opt, {})
    fill_in |= {"rows_use": REFIT_USE} if options.refit else {}
    if isinstance(options, TrainOptions) and options.seed is None:
        fill_in["seed"] = seed_of(options.run_folder)
    options = dataclasses.replace(options, **{f: v for f, v in fill_in.items() if getattr(options, f) is None})
    options.check()
    if options.valid_images == RECIPES[name].validation and options.dataset == name:
        options = dataclasses.replace(options, valid_images=None)  # all there are: the row without the flag
    return options


def seed_of(run_folder: str) -> int:
    """The N of runN. Raises UserError for another name."""
    number = run_number(run_folder)
    if number is None:
        raise UserError(f"run folder '{run_folder}' is not run0 to run999999, so it gives no seed; add --seed")
    return number


def run_number(folder_name: str) -> int | None:
    """The N of runN, None for another name; N has no leading zeros, so that no two folders share a number."""
    match = re.fullmatch(r"run(0|[1-9][0-9]{0,5})", folder_name)
    return int(match[1]) if match else None


def parse_options(options: type[Options], description: str, arguments: Sequence[str] | None = None) -> Options:
    """Options as the command line (or `arguments`) has them, to be resolved. Exits with status 2 after a mistake."""
    return options(**vars(make_parser(options, description).parse_args(arguments)))

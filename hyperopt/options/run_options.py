"""The options of a run: its setting, its run folder and seed, and how it is trained. The training script's flags."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from custom_transforms.copy_amounts import COPY_NAMES
from custom_transforms.names import MAGNITUDES
from hyperopt.estimators.estimator import Estimator
from hyperopt.options.augmenter import NoAugmenter
from hyperopt.options.setting import HYPER_OPTIONS, Setting
from utils.flags import LARGE, MANY, epoch_list, flag, number, plain_name
from utils.precision import PRECISION_NAMES
from utils.recipes import AFTER_WARM, SCHEDULES
from utils.runs.files import RunFiles, run_number
from utils.weights_file import mark_of

ROWS_ON = ("device", "host", "sharded")
# Options that only one schedule of the learning rates has.
OF_SCHEDULE = {"steps": ("lr_decay_epochs",), "warm-multiplier": ("lr_warm_multiplier", "lr_after_warm")}


@dataclass(frozen=True)
class RunOptions(Setting):
    """All flags of the training script except those of the estimators."""

    run_folder: str = flag(
        "run0", "run folder: run0, run1, ...", "-r", type=plain_name, identity=False, group="run and training"
    )
    seed: int = flag(
        None,
        "seed of every random draw; a split file that is there stays (default: the N of runN)",
        type=number(int, 0, 2**31 - 1),
    )
    fresh: bool = flag(
        False,
        "start over, also when the run is finished: the first epoch replaces its files",
        identity=False,
    )
    dry_run: bool = flag(False, "print the resolved plan and stop", identity=False)
    wait: bool = flag(
        False, "wait while another process trains the run, instead of ending; for queues", identity=False, rare=True
    )
    epochs: int = flag(None, "epochs of training (default: recipe)", type=number(int, 1, MANY))
    lr: float = flag(None, "learning rate (default: recipe)", type=number(float, 0, LARGE, open_low=True))
    lr_schedule: str = flag(
        None, "of the learning rates, after a warm-up (default: recipe)", choices=SCHEDULES, rare=True
    )
    lr_decay_rate: float = flag(
        None,
        "a cosine ends at lr x rate^3; a step multiplies by the rate (default: recipe)",
        type=number(float, 0, 1),
        rare=True,
    )
    lr_decay_epochs: str = flag(
        None,
        "epochs of the steps; without effect on a cosine, as published (default: recipe)",
        type=epoch_list,
        rare=True,
    )
    lr_warm_epochs: int = flag(
        None, "epochs of warm-up from lr / 10 (default: recipe)", type=number(int, 0, MANY), rare=True
    )
    lr_warm_multiplier: float = flag(
        2.0, "warm-multiplier: goes up to lr x this", type=number(float, 1, LARGE), rare=True
    )
    lr_after_warm: str = flag("base", "warm-multiplier: where the cosine begins", choices=AFTER_WARM, rare=True)
    momentum: float = flag(None, "of SGD, in Nesterov's form (default: recipe)", type=number(float, 0, 1), rare=True)
    weight_decay: float = flag(None, "of SGD (default: recipe)", type=number(float, 0, LARGE), rare=True)
    batch_size: int = flag(None, "images per training step (default: recipe)", type=number(int, 2, MANY))
    workers: int = flag(
        4, "processes that read streamed data sets", type=number(int, 0, MANY), identity=False, group="machine"
    )
    precision: str = flag(
        "auto",
        "float32; its encoder mixed with bfloat16 (auto: on a GPU); or all in float64, slow, for checks",
        choices=PRECISION_NAMES,
    )
    compile: bool = flag(False, "compile the encoder: faster after the first minutes", identity=False, rare=True)
    rows_on: str = flag(
        "device",
        "where the rows are kept; the host has more room and is slower; sharded: each process of a run has a part",
        choices=ROWS_ON,
        identity=False,
        rare=True,
    )
    threads: int | None = flag(
        None, "threads of the CPU (default: recipe, or torch's own)", type=number(int, 1, 1024), identity=False
    )
    gpu: int = flag(0, "GPU to use; the CPU where there is none", type=number(int, 0, MANY), identity=False)
    no_cuda: bool = flag(False, "use the CPU", identity=False)
    log_interval: int = flag(
        500, "steps per update of the progress bar", type=number(int, 1, MANY), identity=False, rare=True
    )
    plot_debug: bool = flag(False, "draw the first batches before and after augmentation", identity=False, rare=True)

    @property
    def files(self) -> RunFiles:
        """The files of the run."""
        return RunFiles(self.runs_folder / self.run_folder, self.name)

    def baseline(self) -> "RunOptions":
        """The options of the run on the same data and with the same training settings, but without any method."""
        own = {"aug_model", "policy", "amount", "cutout", "los_model", "hyper_opt", "estimator", "rows", "rows_use"}
        own |= {"refit", "augmented"}
        usual: dict[str, Any] = {
            field.name: field.default for field in dataclasses.fields(Setting) if field.name in own
        }
        without = {"rand": self.defaults.rand, "estimator": Estimator.Options(), "augmenter": NoAugmenter()}
        return dataclasses.replace(self, **usual | without)

    def baseline_of(self, source: str | None) -> "RunOptions | None":
        """The baseline of this run folder, or of another one if `source` names that; None for another source."""
        if source is None:
            return self.baseline()
        number = run_number(source)
        return None if number is None else dataclasses.replace(self.baseline(), run_folder=source, seed=number)

    def checkpoint_of(self, source: str | None) -> Path | None:
        """The latest checkpoint of the run that `source` names: itself, or a run of this folder; None for a folder."""
        if source is None or run_number(source) is not None:
            return None
        return Path(source) if source.endswith(".pt") else RunFiles(self.files.folder, source).last

    @property
    def notes(self) -> list[str]:
        """Notes for the user about the given flags."""
        found = [self.recipe_reason] if self.recipe_reason else []
        if self.lr_decay_epochs != self.defaults.lr_decay_epochs and self.lr_schedule != "steps":
            found.append("--lr-decay-epochs has no effect: the learning rate follows a cosine, as published")
        if self.lr_schedule == "steps" and self.epochs <= min(map(int, self.lr_decay_epochs.split(","))):
            found.append(f"the learning rate takes none of its steps in {self.epochs} epochs; see --lr-decay-epochs")
        if self.oversplit and (self.imbalance_ratio > 1 or self.subsample_ratio < 1):
            found.append("--oversplit trains on all images: -ir and -sr only choose the images whose labels are noisy")
        return found

    @property
    def identity(self) -> dict[str, Any]:
        """The options that affect the result, by name; options of some runs only appear where they have an effect."""
        machines = {field.name for field in dataclasses.fields(self) if not field.metadata.get("identity", True)}
        idle = {"background", "image_size"} if self.public else set()
        if self.aug_model not in MAGNITUDES:
            idle.add("rand")
        if self.aug_model not in COPY_NAMES:
            idle.add("amount")
        if not self.method_trains:
            idle.add("method")
        idle.update(set(HYPER_OPTIONS) - set(self.estimator_class.hyper_options))
        idle.update(*(names for schedule, names in OF_SCHEDULE.items() if schedule != self.lr_schedule))
        values = self.values() | ({"init": mark_of(self.init)} if self.init else {})
        return {name: value for name, value in values.items() if name not in machines | idle}

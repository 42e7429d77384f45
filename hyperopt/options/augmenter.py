"""The flags of augmenters, which `--aug-model NET --help` shows, and what they cannot be combined with.

An augmenter is a network that holds the learned augmentation.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

from custom_datasets.names import BUILT_IN
from hyperopt.augmentation.augmenter_names import COLOUR, KINDS, STARTS, form_of, ranges_of, ranges_text
from hyperopt.rows.letters import RANK
from utils.errors import UserError
from utils.flags import LARGE, as_flag, flag, number, with_dashes


@dataclass(frozen=True)
class NoAugmenter:
    """The flags of an augmentation without an augmenter, or with one that the training itself moves: none."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The parameters whose mean and deviation each epoch has in the metrics file, by name."""
        return ()


@dataclass(frozen=True)
class AugmenterOptions(NoAugmenter):
    """Those of an augmenter, whose outputs are the augmentation's parameters, and of its own optimiser."""

    net_kind: str = flag("affine", "what the network decides", choices=KINDS)
    net_ranges: str | None = flag(
        None,
        "ranges of its parameters, such as rotate=30,translate=0.2 (default: rotate=60 degrees, shear=0.5, scale=0.7, "
        "translate=0.5, brightness, contrast, saturation=0.8, hue=0.2)",
        type=ranges_text,
        in_name=lambda ranges: with_dashes(ranges.replace("=", "")),
    )
    net_start: str = flag(
        "identity", "without any effect, or as published: at random, affine without ranges", choices=STARTS
    )
    net_labels: bool = flag(False, "the network sees the given label beside the noise")
    unroll_lr: float = flag(0.2, "learning rate of the network", type=number(float, 0, LARGE, open_low=True))
    unroll_decay: float = flag(0.01, "weight decay of the network", type=number(float, 0, LARGE))
    unroll_clip: float = flag(
        1.0, "largest norm of the network's gradient", type=number(float, 0, LARGE, open_low=True)
    )

    @property
    def shown(self) -> tuple[str, ...]:
        """All that the network decides."""
        return form_of(self.net_kind, self.net_ranges, self.net_start, 1).parameters


class Learned(NamedTuple):
    """A learned augmentation.

    help: its line in the help. by_augmenter: whether an augmenter holds it, not a table. by_training: whether the
    training itself moves it, not an estimator. options: the class of the flags that only it has.
    """

    help: str
    by_augmenter: bool = False
    by_training: bool = False
    options: type[NoAugmenter] = NoAugmenter


LEARNED = {  # by --aug-model
    "SHA": Learned("learned: one row for all images"),
    "SEP": Learned("learned: a row for each image"),
    "NET": Learned("learned: by a network, from noise", by_augmenter=True, options=AugmenterOptions),
    "STN": Learned(
        "a network that sees the image and is trained with the classifier", by_augmenter=True, by_training=True
    ),
}
MOVED_BY_ESTIMATORS = [name for name, learned in LEARNED.items() if not learned.by_training]


def augmenter_options(aug_model: str) -> type[NoAugmenter]:
    """The class of the flags that only this --aug-model has."""
    return LEARNED[aug_model].options if aug_model in LEARNED else NoAugmenter


def with_flags() -> dict[str, type[NoAugmenter]]:
    """The classes of flags by --aug-model, of those that have any."""
    return {name: learned.options for name, learned in LEARNED.items() if learned.options is not NoAugmenter}


def check_augmenter(setting: Any) -> None:
    """Raise UserError for flags of a setting that contradict its augmenter, if it has one."""
    name, learned = setting.aug_model, setting.learned_augmentation
    if not (learned and learned.by_augmenter):
        return
    if setting.warp != type(setting).warp:
        raise UserError(f"--warp has no effect on --aug-model {name}, which has a warp of its own; change one of them")
    if learned.by_training:
        _check_joint(setting)
        return
    _check_parameters(setting.augmenter)
    if setting.public:
        refuse_grey(setting.augmenter.net_kind, len(BUILT_IN[setting.dataset].mean), setting.dataset)
    _check_movement(setting)


def _check_joint(setting: Any) -> None:
    if setting.hyper_opt != "NONE":
        raise UserError(
            f"--aug-model {setting.aug_model} is trained with the classifier, not by --hyper-opt {setting.hyper_opt}; "
            "take --aug-model NET or --hyper-opt NONE"
        )
    if setting.rows:
        raise UserError(
            f"--aug-model {setting.aug_model} is trained with the classifier, and starts from no rows; leave out --rows"
        )


def _check_parameters(augmenter: AugmenterOptions) -> None:
    if augmenter.net_ranges is None:
        return
    if (augmenter.net_kind, augmenter.net_start) == ("affine", "published"):
        raise UserError("--net-ranges has no effect on --net-kind affine --net-start published, which has no bounds")
    own = ranges_of(augmenter.net_kind)
    for entry in augmenter.net_ranges.split(","):
        if entry.split("=")[0] not in own:
            raise UserError(
                f"--net-ranges {entry} has no effect on --net-kind {augmenter.net_kind}; its ranges are "
                f"{', '.join(sorted(own))}"
            )
    if not any(form_of(augmenter.net_kind, augmenter.net_ranges, augmenter.net_start, 1).ranges.values()):
        raise UserError("--net-ranges leaves the network without a range above zero; raise one")


def _check_movement(setting: Any) -> None:
    """Refuse an augmenter that does nothing in the training or in the refit, and rates without effect."""
    moves, usual = "A" in setting.filled_parts, setting.usual_of(setting.augmenter)
    for option in ("unroll_lr", "unroll_decay", "unroll_clip"):
        if not moves and getattr(setting.augmenter, option) != usual[option]:
            raise UserError(f"{as_flag(option)} has no effect on --hyper-opt {setting.hyper_opt}; change one of them")
    taken = (setting.rows or setting.refit) and "A" in (setting.rows_use or "A")
    if not ((moves and not setting.refit) or taken or setting.augmenter.net_start == "published"):
        if setting.refit and moves:
            raise UserError(
                f"--rows-use {setting.rows_use} leaves the refit's --aug-model NET without any effect; add A to it"
            )
        raise UserError(
            f"--aug-model NET starts without any effect, and --hyper-opt {setting.hyper_opt} does not move it; add an "
            "estimator that does, --rows or --refit with A in --rows-use, or --net-start published"
        )
    kind, start = setting.augmenter.net_kind, setting.augmenter.net_start
    # Of the affine kind, the start is also the form, which must be that of the file.
    if setting.rows and "A" in (setting.rows_use or "") and start == "published" and kind != "affine":
        raise UserError(
            f"--net-start {start} has no effect on --net-kind {kind} with --rows-use {setting.rows_use}, whose weights "
            "come from the file; leave it out"
        )
    if set(setting.row_parts) <= {"A", RANK} and setting.hyper_lr not in (None, setting.defaults.hyper_lr):
        raise UserError("--hyper-lr has no effect on --aug-model NET, whose rate is --unroll-lr; leave it out")


def refuse_grey(kind: str, channels: int, dataset: str) -> None:
    """Raise UserError for a kind of augmenter that has colours, if the images have none."""
    if channels == 1 and set(COLOUR) <= set(KINDS[kind]):
        raise UserError(f"--net-kind {kind} needs colours, and {dataset} is grey; take --net-kind affine")

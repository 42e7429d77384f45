"""The flags of SEL, and what they can be combined with."""

from dataclasses import dataclass
from typing import Any

from custom_transforms.copy_amounts import COPY_NAMES
from custom_transforms.names import POLICY_NAMES
from hyperopt.estimators.order_names import DPP_ORDERS, ORDERS, RANDOM
from hyperopt.estimators.set_size import TooManyImagesError, check_set_size
from utils.errors import UserError
from utils.flags import (
    as_flag,
    count_of,
    count_or_share,
    flag,
    network_source,
    number,
    short_source,
    with_dashes,
)
from utils.runs.files import run_number

MODEL_SCORES = ("influence", "loss", "alo", "gradient", "margin", "support")  # of the linear model
RUN_SCORES = ("forgetting", "confidence", "quality")  # of the finished run
UNSCORED = (RANDOM, "dpp-plain")  # orders that no score affects
VECTORS = "support"  # the score that tells support vectors, and the budget of as many images
MODIFIERS = ("select_update", "select_downweight", "select_clusters", "select_suspects")  # of an order
# Those of the published experiments with 1,000 images, as shares.
BUDGETS = "0.1%,1%,5%,10%,25%,50%,75%"
MOST_COPIES = 100
C_RANGE = 1e-6, 10000  # in which a fit does not depend on where it starts


def budget_list(text: str) -> str:
    """Budgets besides none and all: numbers of images, then shares in percent, each ascending; or `support`."""
    if text == VECTORS:
        return text
    parts = {count_or_share(part) for part in text.split(",")}
    return ",".join(sorted(parts, key=lambda part: (part.endswith("%"), float(part.removesuffix("%")))))


@dataclass(frozen=True)
class SelectionOptions:
    """The flags of SEL."""

    select_score: str = flag(
        "influence",
        "what it is worth to augment an image; by the linear model: influence, loss, alo (approximate leave-one-out), "
        "gradient (norm), margin, support (vectors); by the finished run: forgetting (counts), 1 - confidence, "
        "1 - quality",
        choices=(*MODEL_SCORES, *RUN_SCORES),
    )
    select_order: str = flag(
        "proportional",
        "images to augment first: random, drawn in proportion to the scores or to their inverse, the highest (top) or "
        "lowest (bottom) scores; a set for each budget: dpp, a determinantal point process, dpp-plain without scores",
        choices=(*ORDERS, *DPP_ORDERS),
    )
    select_budgets: str = flag(
        BUDGETS,
        "numbers of augmented images, or shares in percent, between none and all, which are always there; support: as "
        "many as there are support vectors",
        type=budget_list,
        in_name=with_dashes,
    )
    select_copies: int = flag(
        4, f"copies of each image by a policy other than {', '.join(COPY_NAMES)}", type=number(int, 1, MOST_COPIES)
    )
    select_c: float = flag(
        1.0,
        "C of the linear model, as scikit-learn has it: the inverse of the weight decay",
        type=number(float, *C_RANGE),
    )
    select_scale: str = flag(
        "standard",
        "features: standardised by mean and deviation of the training images, or raw, as published",
        choices=("standard", "raw"),
    )
    select_clusters: int = flag(
        0, "take images from so many clusters (k-means) of features in turn; 0: no clusters", type=number(int, 0, 10**6)
    )
    select_update: bool = flag(False, "after each budget, score and order the remaining images anew")
    select_downweight: bool = flag(False, "an augmented image and its copies together weigh as much as another image")
    select_suspects: str = flag(
        "keep", "images whose label looks wrong, by the finished run: in their place, or last", choices=("keep", "last")
    )
    features_of: str | None = flag(
        None,
        "finished run whose network gives the features: a run of the same run folder, by its name; the baseline of "
        "another run folder, such as run0; a checkpoint last_NAME.pt (default: the baseline on the same data)",
        type=network_source,
        in_name=lambda source: source if run_number(source) is not None else short_source(source),
    )

    @property
    def scored(self) -> bool:
        """Whether scores affect the order."""
        return self.select_order not in UNSCORED

    @property
    def in_order(self) -> bool:
        """Whether images are augmented in one order, so that larger sets contain the smaller ones."""
        return self.select_order in ORDERS

    @property
    def length(self) -> int:
        """Number of budgets, with none and all."""
        return len(self.select_budgets.split(",")) + 2

    def budgets(self, images: int, vectors: int) -> list[int]:
        """The budgets for so many images and support vectors, ascending, from 0 to all."""
        if self.select_budgets == VECTORS:
            return [0, vectors, images]
        counts = (count_of(text, images) for text in self.select_budgets.split(","))
        return [0, *sorted(max(count, 1) for count in counts), images]

    def check_images(self, images: int) -> None:
        """Raise UserError for budgets and clusters of more images, and for sets that would take too long to draw."""
        counts = [text for text in self.select_budgets.split(",") if text.isdecimal()]
        for name, count in (*(("budgets", int(text)) for text in counts), ("clusters", self.select_clusters)):
            if count > images:
                raise UserError(f"--select-{name} {count} is more than the {images} training images; lower it")
        if not self.in_order and self.select_budgets != VECTORS:
            try:
                for budget in self.budgets(images, 0):
                    check_set_size(images, budget)
            except TooManyImagesError as error:
                raise UserError(f"--select-order {self.select_order}: {error}; lower --select-budgets") from error

    def check(self, setting: Any) -> None:
        """Raise UserError for a setting without copies, with parts of rows, and for flags without effect."""
        if setting.aug_model not in POLICY_NAMES or setting.cutout:
            raise UserError(
                "--hyper-opt SEL augments by copies, which are made by a policy; give --aug-model "
                f"{'|'.join(COPY_NAMES)} or another policy, without --cutout"
            )
        if setting.los_model != "NONE":
            raise UserError(f"--hyper-opt SEL fills the rank alone; leave out --los-model {setting.los_model}")
        if setting.rows:
            raise UserError("--hyper-opt SEL starts from a finished network, not from rows; leave out --rows")
        if setting.augmented and not self.in_order:
            raise UserError(
                f"--augmented takes the first images of an order, and --select-order {self.select_order} has a set for "
                "each budget; take another order"
            )
        if setting.oversplit:
            raise UserError("--hyper-opt SEL orders training images; leave out --oversplit")
        in_order, of_model = self.in_order, self.select_score in MODEL_SCORES
        is_for = {
            "--select-order that is affected by scores": (self.scored, ("select_score",)),
            f"a policy other than {', '.join(COPY_NAMES)}": (setting.aug_model not in COPY_NAMES, ("select_copies",)),
            "an order, which dpp is not": (in_order, ("select_clusters", "select_suspects")),
            "an order by a score of the linear model": (
                in_order and self.scored and of_model,
                ("select_update",),
            ),
        }
        usual = setting.usual_of(self)
        for needed, (there, names) in is_for.items():
            for name in names:
                if not there and getattr(self, name) != usual[name]:
                    raise UserError(f"{as_flag(name)} has an effect only with {needed}; change one of them")
        if self.needs_run and self.features_of and self.features_of.endswith(".pt"):
            raise UserError(
                "scores of a finished run are of its own images; with --features-of a checkpoint take a score of the "
                "linear model, without --select-suspects last"
            )

    @property
    def needs_run(self) -> bool:
        """Whether the predictions of the finished run affect the order."""
        return (self.scored and self.select_score in RUN_SCORES) or self.select_suspects == "last"

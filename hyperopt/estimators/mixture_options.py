"""The flags of GMM, and what they can be combined with."""

from dataclasses import dataclass
from typing import Any

from utils.errors import UserError
from utils.flags import LARGE, MANY, as_flag, flag, number


@dataclass(frozen=True)
class MixtureOptions:
    """The flags of GMM."""

    mixture_posterior: str = flag(
        "fitted",
        "p of augmented views: that of the mixture, or 0 for all of them, which needs no detector",
        choices=("fitted", "ood"),
    )
    mixture_fit: str = flag(
        "robust",
        "of the mixture: exact losses, EM to its end, per class, a single mode found; or the released constants",
        choices=("robust", "released"),
    )
    mixture_smooth: float = flag(0.4, "s: how much a label is smoothed where p = 0", type=number(float, 0, 1))
    mixture_originals: float = flag(
        0.2, "share of a batch that is trained on without the augmentation", type=number(float, 0, 1)
    )
    mixture_smooth_originals: bool = flag(False, "smooth the labels of original views as well, by their own p")
    mixture_form: str = flag(
        "convex",
        "target (1 - a) onehot + a / C with a = (1 - p) s; released: the label's share is 1 - s for every p",
        choices=("convex", "released"),
    )
    mixture_weighting: str = flag(
        "regular",
        "ablation: p, 1 - p, p of another image of the batch, or a random number, for originals as well",
        choices=("regular", "reverse", "random", "uniform"),
    )
    compare_views: str = flag(
        "off",
        "ablation: train on equally many views per step with p above 1/2, below it, or any",
        choices=("off", "id", "ood", "mix"),
    )
    distil: str = flag(
        "off",
        "control: distil the detector on augmented views instead of smoothing; released: KL's arguments exchanged",
        choices=("off", "corrected", "released"),
    )
    distil_weight: float = flag(0.5, "of the divergence", type=number(float, 0, LARGE))
    distil_temperature: float = flag(5.0, "of both networks", type=number(float, 0, LARGE, open_low=True))
    distil_classes: int = flag(0, "most probable classes of released; 0: all", type=number(int, 0, MANY))

    @property
    def fits(self) -> bool:
        """Whether the posterior is that of a mixture."""
        return self.mixture_posterior == "fitted" and self.distil == "off"

    @property
    def smooths_originals(self) -> bool:
        """Whether the posterior affects original views as well."""
        return self.mixture_smooth_originals or self.mixture_weighting != "regular"

    def originals_of(self, images: int) -> int:
        """The number of original views in a batch of so many images."""
        return int(images * self.mixture_originals)

    def check(self, setting: Any) -> None:
        """Raise UserError for a setting without augmented views or parts to fill, and for flags without effect."""
        if not setting.augments and self.mixture_originals < 1:
            raise UserError("--hyper-opt GMM is about augmented views; add --aug-model, such as RA, or --cutout")
        if self.mixture_originals == 1 and not self.mixture_smooth_originals:
            way_out = ", or add --mixture-smooth-originals" if self.fits else ""
            raise UserError(f"--mixture-originals 1 has no augmented views; lower it{way_out}")
        if self.compare_views != "off" and self.mixture_originals > 0:
            raise UserError("--compare-views is about augmented views alone; add --mixture-originals 0")
        fitted, smooths = self.fits, "S" in setting.row_parts and self.distil == "off"
        is_for = {
            "--distil off": (self.distil == "off", ("mixture_posterior",)),
            "--mixture-posterior fitted without --distil": (
                fitted,
                ("mixture_fit", "mixture_smooth_originals", "mixture_weighting", "compare_views"),
            ),
            "--los-model SOFT or BOTH without --distil": (smooths, ("mixture_smooth", "mixture_form")),
            "--distil": (self.distil != "off", ("distil_weight", "distil_temperature")),
            "--distil released": (self.distil == "released", ("distil_classes",)),
        }
        usual = setting.usual_of(setting.estimator)
        for needed, (there, names) in is_for.items():
            for name in names:
                if not there and getattr(self, name) != usual[name]:
                    raise UserError(f"{as_flag(name)} has an effect only with {needed}; change one of them")
        if not fitted and "W" in setting.row_parts:
            raise UserError("--los-model WGHT and BOTH weigh by a fitted posterior; take --mixture-posterior fitted")

    def check_run(self, options: Any) -> None:
        """Raise UserError for a refit of nothing, and for flags about original views without such views."""
        if options.refit and not self.fits:
            raise UserError(
                "--refit takes over what a fitted posterior fills, which --mixture-posterior ood and --distil do not "
                "have; leave it out, or change them"
            )
        if self.originals_of(options.batch_size):
            return
        if self.mixture_originals > 0:
            raise UserError(
                f"--mixture-originals {self.mixture_originals:g} is less than one image of --batch-size "
                f"{options.batch_size}; raise one of them, or take --mixture-originals 0"
            )
        if self.mixture_smooth_originals:
            raise UserError("--mixture-smooth-originals has no original views to smooth; raise --mixture-originals")

"""The linear model of SEL: fits on images and chosen copies, scores, orders, evaluations.

n: training images, k: copies of an image, F: features, C: classes. The model is a logistic regression in float64, on
the host, which a few thousand images of a few hundred features do not keep busy for long.
"""

from contextlib import suppress
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from hyperopt.estimators.features import Features
from hyperopt.estimators.orders import make_order, stratify
from hyperopt.estimators.point_process import DPP
from hyperopt.estimators.scores import Margins, k_means, margins
from hyperopt.estimators.selection_options import RUN_SCORES, VECTORS, SelectionOptions
from hyperopt.estimators.set_size import TooManyImagesError
from hyperopt.head.curvature import Curvature, TooManyParametersError
from hyperopt.head.influence import gradient_norms, leave_one_out, losses
from hyperopt.head.logistic import LinearModel, NotConvergedError, fit
from utils.errors import UserError
from utils.passes import Evaluation, evaluation_of
from utils.seeds import host_generator

NOTHING = np.empty(0, np.int64)  # no image is augmented


class LinearTask:
    """All that a run's linear models are fitted to, scored on and evaluated with.

    Args:
        features: of all images and copies.
        labels: of the training (given ones), test and validation images, int64 (n,), (m,), (v,).
        classes: C.
        options: of SEL.
        seed: of the run.
        of_run: scores (n,) by the finished run, if the options ask for them.
        suspects: mask (n,) of the images that go last, if the options ask for that.

    """

    def __init__(
        self,
        features: Features,
        labels: tuple[Tensor, Tensor, Tensor],
        classes: int,
        options: SelectionOptions,
        seed: int,
        of_run: np.ndarray | None = None,
        suspects: np.ndarray | None = None,
    ):
        self._features = features if options.select_scale == "standard" else features.raw()
        self._classes, self._options, self._seed = classes, options, seed
        self._train = self._features.standardised(features.train)
        self._given, self._test, self._valid = (part.cpu().numpy() for part in labels)
        self._of_run, self._suspects = of_run, suspects
        self._curvature: Curvature | None = None

    @property
    def images(self) -> int:
        """Number n of training images."""
        return len(self._train)

    @property
    def copies(self) -> int:
        """Number k of copies of an image."""
        return len(self._features.train_copies)

    @property
    def evaluated(self) -> int:
        """Number of images and copies in an evaluation."""
        return len(self._test) * (1 + self.copies) + len(self._valid)

    def rows_of(self, chosen: np.ndarray) -> int:
        """Number of images and copies that a model is fitted to if the images `chosen` are augmented."""
        return self.images + self.copies * len(chosen)

    def fit(self, chosen: np.ndarray, start: LinearModel | None = None) -> LinearModel:
        """The model of all images and all copies of the images `chosen`, found from another one."""
        rows, labels, weights = self._rows(chosen)
        c = self._options.select_c
        try:
            model = fit(rows, labels, self._classes, c, weights, start, self._curvature)
        except (NotConvergedError, np.linalg.LinAlgError) as error:
            raise UserError(f"--select-c {c:g}: {error}; take another one, nearer to 1") from error
        if self._curvature is None:
            with suppress(TooManyParametersError):  # then fits do without
                self._curvature = Curvature.of(model, rows, c, weights)  # serves all fits that follow
        return model

    def training_loss(self, model: LinearModel, chosen: np.ndarray) -> float:
        """The mean loss, in nats, of what the model was fitted to."""
        rows, labels, weights = self._rows(chosen)
        return float(np.average(losses(model, rows, labels), weights=weights))

    def scores(self, model: LinearModel, chosen: np.ndarray) -> np.ndarray:
        """The scores (n,) of the training images, none below 0, by a model that was fitted with copies of `chosen`."""
        kind = self._options.select_score
        if not self._options.scored:
            return np.ones(self.images)
        if kind in RUN_SCORES:
            assert self._of_run is not None
            return self._of_run
        if kind == "loss":
            return losses(model, self._train, self._given)
        if kind == "gradient":
            return gradient_norms(model, self._train, self._given)
        rows, labels, weights = self._rows(chosen)
        if kind in ("margin", "support"):
            found = margins(rows, labels, self._most_rows) if len(chosen) else self._margins
            return (found.distance if kind == "margin" else found.support.astype(float))[: self.images]
        curvature = None if len(chosen) else self._curvature  # which is that of the fit without copies
        try:
            both = leave_one_out(model, rows, labels, self._options.select_c, weights, self.images, curvature)
        except TooManyParametersError as error:
            raise UserError(f"--select-score {kind}: {error}, such as --select-score loss") from error
        return both.influence if kind == "influence" else both.alo

    def order(self, scores: np.ndarray, use: str) -> np.ndarray:
        """An order of the training images by their scores; `use` names its draws."""
        options, random = self._options, host_generator(self._seed, f"selection {use}")
        order = make_order(options.select_order, scores, random)
        if options.select_clusters:
            order = stratify(order, self._clusters, random)
        if self._suspects is not None:
            late = self._suspects[order]
            order = np.concatenate((order[~late], order[late]))
        return order

    def reorder(self, order: np.ndarray, fixed: int, scores: np.ndarray, use: str) -> np.ndarray:
        """The order with all images after the first `fixed` ones in a new order by their new scores."""
        kept, anew = order[:fixed], self.order(scores, use)
        return np.concatenate((kept, anew[~np.isin(anew, kept)]))

    def sets(self, scores: np.ndarray, budgets: list[int]) -> list[np.ndarray]:
        """A sample of a determinantal point process for each budget; it has all images where that is the budget."""
        quality = scores if self._options.scored else None
        process, everything = DPP(self._train, quality), np.arange(self.images)
        found = []
        for place, budget in enumerate(budgets):
            random = host_generator(self._seed, f"selection set {place}")
            try:
                found.append(process.sample(budget, random) if 0 < budget < self.images else everything[:budget])
            except TooManyImagesError as error:  # of as many images as there are support vectors
                raise UserError(
                    f"--select-order {self._options.select_order}: {error}; lower --select-budgets"
                ) from error
        return found

    @cached_property
    def support_vectors(self) -> int:
        """Number of support vectors among the training images if a budget depends on it, else 0."""
        return int(self._margins.support.sum()) if self._options.select_budgets == VECTORS else 0

    @cached_property
    def _margins(self) -> Margins:
        """The margins of the images themselves."""
        return margins(self._train, self._given, self._most_rows)

    @property
    def _most_rows(self) -> int:
        """Number of images and copies in the largest fit, by which all fits have the same kind of machine."""
        return self.images * (1 + self.copies)

    @cached_property
    def _clusters(self) -> np.ndarray:
        return k_means(self._train, self._options.select_clusters, self._seed)

    def _rows(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Features, labels and weights of all images, followed by the copies of the images `chosen`."""
        copies = self._features.standardised(self._features.train_copies[:, torch.from_numpy(chosen)].flatten(0, 1))
        labels = np.concatenate((self._given, np.tile(self._given[chosen], self.copies)))
        weights = None
        if self._options.select_downweight:
            share = np.ones(self.images)
            share[chosen] = 1 / (1 + self.copies)
            weights = np.concatenate((share, np.tile(share[chosen], self.copies)))
        return np.concatenate((self._train, copies)), labels, weights

    def evaluate(self, model: LinearModel) -> tuple[Evaluation, Evaluation, Evaluation]:
        """The model on the test images, on the validation images, and on test images together with their copies."""
        found, classes = self._features, self._classes
        test, valid, copies = (
            torch.from_numpy(model.logits(found.standardised(part)))
            for part in (found.test, found.valid, found.test_copies.flatten(0, 1))
        )
        labels, valid_labels = torch.from_numpy(self._test), torch.from_numpy(self._valid)
        both, both_labels = torch.cat((test, copies)), labels.repeat(1 + self.copies)
        pairs = ((test, labels), (valid, valid_labels), (both, both_labels))
        first, second, third = (evaluation_of(logits, given, classes) for logits, given in pairs)
        return first, second, third

    def head(self, model: LinearModel) -> tuple[Tensor, Tensor]:
        """Weight (C, F) and bias (C,) of the same model for features that are not standardised, float64."""
        found = self._features
        zero = torch.zeros(1, len(found.mean))
        bias = torch.from_numpy(model.logits(found.standardised(zero))[0])
        weight = torch.from_numpy(model.logits(found.standardised(torch.eye(len(found.mean)))).T) - bias[:, None]
        return weight, bias

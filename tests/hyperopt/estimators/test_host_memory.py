"""What a step makes on the host: numbers per image that the device gets, and their draws; nothing stays there.

Bytes of host tensors are counted while passes run on the `meta` device. That every estimator keeps to the bounds of
`on_meta.mistakes` is tested with its passes, in `test_meta`.
"""

import pytest
import torch
from on_meta import CLEAN, SIDE, options_of, run, run_once
from test_meta import BOTH, FIS, GMM, NET, UNR
from watching import mistakes

from custom_transforms.names import STANDARD_NAMES
from hyperopt.estimators.estimator import Estimator

ROWS = {
    "SEP/BOTH FIS": (*BOTH, *FIS, "--hyper-valid", "batch"),
    "NET UNR": (*NET, *UNR),
    "RAND/BOTH GMM": (*GMM, "BOTH"),
    "STN": ("--aug-model", "STN"),
    "standard": ("--standard", ",".join(STANDARD_NAMES)),
    **{name: ("--aug-model", name) for name in ("JIGSAW", "ROTATE")},
}


@pytest.mark.parametrize("row", ROWS)
def test_size_of_pictures_and_of_the_table_changes_nothing(row):
    """But in the first step, in which fixed copies bring their positions to the device, once."""
    usual, larger = (run_once(ROWS[row], *size)[0].steps for size in ((SIDE, CLEAN), (2 * SIDE, CLEAN + 500)))
    assert sum(step.uploaded for step in usual["epoch 1"]) > 0
    assert usual["epoch 1"][1:] == larger["epoch 1"][1:]


class Hoarding(Estimator):
    """Keeps a number of each image on the host, of all steps."""

    def step(self, batch):
        self.kept = [*getattr(self, "kept", []), torch.zeros(len(batch.index))]
        return super().step(batch)


class MakingPictures(Estimator):
    """Makes as many pictures on the host as the batch has."""

    def step(self, batch):
        torch.zeros(batch.images.shape)
        return super().step(batch)


class MakingATable(Estimator):
    """Makes a table on the host for the numbers of a batch."""

    def loss(self, batch):
        torch.zeros(len(self.training.rows.given), 100)
        return super().loss(batch)


class DrawingInVain(Estimator):
    """Makes numbers that the device does not get."""

    def step(self, batch):
        torch.rand(len(batch.index))
        return super().step(batch)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Hoarding, "step 2 of epoch 1 keeps too much"),
        (MakingPictures, "step 1 of epoch 1 has at one time too much"),
        (MakingATable, "step 1 of epoch 1 has at one time too much"),
        (DrawingInVain, "step 1 of epoch 1 makes too much"),
    ],
)
def test_estimator_that_makes_or_keeps_too_much_is_found(kind, said):
    plain = ("--standard", "none")
    assert not mistakes(run(options_of(plain))[0])
    found = mistakes(run(options_of(plain), kind=kind, side=32)[0])
    assert any(said in mistake for mistake in found), found

"""Parts: what is said of them once holds everywhere, of a new one too."""

import copy

import pytest
import torch
from oracle import rows_of_setting

from hyperopt.rows.letters import LETTERS
from hyperopt.rows.parts import PARTS, Column, Part
from hyperopt.rows.rows import make_rows
from hyperopt.rows.table import RowTable
from utils.runs.checkpoint import same_layout

GIVEN = torch.tensor([0, 3, 1, 2, 2, 0])
INDEX = torch.tensor([4, 0, 1])


class Delay(Part):
    """An image's place among those that come later."""

    letter, columns, published = "D", {"delay": Column()}, "augment_state_dict"

    def start(self, given, classes, shared, dtype):
        return torch.arange(len(given), dtype=dtype, device=given.device)[:, None]

    def to_columns(self, leaves):
        return {"delay": leaves[:, 0]}

    def to_leaves(self, columns):
        return columns["delay"][:, None]

    def describe(self, leaves, given):
        return {"Delay": leaves[:, 0]}


@pytest.fixture
def new(monkeypatch):
    """A new part, known by its letter and its name alone."""
    monkeypatch.setitem(LETTERS, "D", "delay")
    monkeypatch.setitem(PARTS, "D", Delay())


def make():
    usual = rows_of_setting(GIVEN, 4, "SEP", "BOTH")
    return make_rows(GIVEN, 4, "WSAD", False, usual.training_loss, None, GIVEN.device)


def moved():
    rows = make()
    for seed in range(3):
        random = torch.Generator().manual_seed(seed)
        index = torch.randperm(6, generator=random)[:4]
        leaves = rows.leaves(index)
        rows.move(index, {name: torch.randn(leaf.shape, generator=random) for name, leaf in leaves.items()}, 0.1)
    return rows


@pytest.mark.usefixtures("new")
def test_new_part_survives_a_checkpoint():
    rows, back = moved(), make()
    assert isinstance(rows.holders["D"], RowTable)
    assert rows.published()["augment_state_dict"].keys() == {"augmentation", "delay"}
    assert rows.state().keys() == {"weight", "soft_label", "augmentation", "delay"}
    assert not torch.equal(back.holders["D"].values, rows.holders["D"].values)
    assert same_layout(rows.published(), back.published())
    assert same_layout(rows.state(), back.state())
    back.load(copy.deepcopy(rows.published()), copy.deepcopy(rows.state()))
    for letter in "WSAD":
        assert torch.equal(back.holders[letter].values, rows.holders[letter].values)
    # And goes on as it would have: values, running squares and visits are all there.
    for one in (rows, back):
        one.move(INDEX, {letter: torch.ones_like(leaf) for letter, leaf in one.leaves(INDEX).items()}, 0.3)
    for letter in "WSAD":
        assert torch.equal(back.holders[letter].values, rows.holders[letter].values)


@pytest.mark.usefixtures("new")
def test_checkpoint_without_the_new_part_does_not_fit():
    rows = make()
    three = rows_of_setting(GIVEN, 4, "SEP", "BOTH")
    assert not same_layout(three.published(), rows.published())
    assert not same_layout(three.state(), rows.state())


@pytest.mark.usefixtures("new")
def test_new_part_is_among_columns_description_and_bytes():
    rows, three = moved(), rows_of_setting(GIVEN, 4, "SEP", "BOTH")
    values = rows.holders["D"].values[INDEX, 0]
    assert torch.equal(rows.columns(INDEX)["delay"], values)
    assert torch.equal(rows.describe(INDEX)["Delay"], values)
    assert rows.nbytes == three.nbytes + rows.holders["D"].nbytes
    other = make()
    other.fill(INDEX, rows.columns(INDEX), "D")
    assert torch.equal(other.holders["D"].values[INDEX, 0], values)
    assert other.holders["D"].values[[2, 3, 5], 0].tolist() == [2, 3, 5]


@pytest.mark.parametrize("letter", PARTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_columns_are_the_inverse_of_leaves(letter, dtype):
    """Up to a constant per row for soft labels, whose columns are the same for all of them."""
    part = PARTS[letter]
    start = part.start(GIVEN, 4, shared=False, dtype=dtype)
    leaves = start + torch.randn(start.shape, generator=torch.Generator().manual_seed(0))
    columns = part.to_columns(leaves)
    assert columns.keys() == part.columns.keys()
    for name, column in columns.items():
        dimensions = part.columns[name].dimensions
        assert (column.dtype, column.ndim, len(column)) == (dtype, dimensions, len(GIVEN))
    assert part.misfit(columns, GIVEN) is None
    back = part.to_columns(part.to_leaves(columns).to(dtype))
    tolerance = 1e-6 if dtype == torch.float32 else 1e-14
    for name, column in columns.items():
        torch.testing.assert_close(back[name], column, rtol=10 * tolerance, atol=tolerance)

"""What is taken over of learned rows."""

from pathlib import Path

import pytest
import torch
from oracle import rows_of_setting

from hyperopt.rows.confidence import relative_confidence
from hyperopt.rows.rows_file import RowsFile
from hyperopt.runs.starting_rows import StartingRows


def test_factor_is_the_confidence_over_the_highest_of_the_class():
    index, labels = torch.arange(5), torch.tensor([0, 0, 2, 2, 4])
    confidence = torch.tensor([0.9, 0.09, 0.2, 0.05, 0.0])
    expected = torch.tensor([1, 0.1, 1, 0.25, 0])
    torch.testing.assert_close(relative_confidence(confidence, labels), expected)
    columns = {"weight": torch.full((5,), 2.0), "confidence": confidence}
    file = RowsFile(index, labels, "mine", "abc", columns)
    for use, weight in (("C", expected), ("WC", 2 * expected), ("W", torch.full((5,), 2.0))):
        rows = rows_of_setting(labels, 5, los_model="WGHT")
        StartingRows(Path("a.pt"), file, use).fill(rows)
        torch.testing.assert_close(rows.columns(index)["weight"], weight)
    assert file.columns is columns
    assert columns["weight"].tolist() == [2.0] * 5


@pytest.mark.parametrize("use", ["W", "S", "A", "CA", "WCSA"])
def test_parts_that_are_not_taken_over_stay_at_their_start(use):
    labels, index = torch.arange(6) % 3, torch.tensor([4, 1])
    usual, learned, rows = (rows_of_setting(labels, 3, "SEP", "BOTH") for _ in range(3))
    for holder in learned.holders.values():
        holder.values += torch.randn(holder.values.shape, generator=torch.Generator().manual_seed(0))
    columns = learned.columns(index) | {"confidence": torch.tensor([0.5, 1.0])}
    StartingRows(Path("a.pt"), RowsFile(index, labels[index], "mine", "abc", columns), use).fill(rows)
    for letter, holder in rows.holders.items():
        changed = (holder.values != usual.holders[letter].values).any(1).nonzero().flatten().tolist()
        taken = letter in use.replace("C", "W")
        # Of the two images the second has the highest confidence of its class, whose factor is 1.
        assert changed == ([1, 4] if taken else []) or (use == "CA" and letter == "W")

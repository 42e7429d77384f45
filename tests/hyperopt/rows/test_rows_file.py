"""The rows file against the checkpoint that it was written beside, and files that are none."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from damages import Hostile
from oracle import rows_of_setting

from custom_datasets.distortion import Split, distorted_images, train_on_validation
from hyperopt.augmentation.warp import RANGES
from hyperopt.rows.rows_file import RowsFile
from utils.errors import UserError

LABELS = torch.tensor([0, 1, 2, 2, 1, 0])


def learned(augmentation="SEP", loss="BOTH", seed=0):
    found = rows_of_setting(LABELS, 3, augmentation, loss)
    for holder in found.holders.values():
        holder.values += torch.randn(holder.values.shape, generator=torch.Generator().manual_seed(seed))
    return found


def file_of(rows, **told):
    index = torch.tensor([1, 3, 4])
    return RowsFile(index, rows.given[index], "mine", "abc", rows.columns(index) | told)


def rows(*arguments):
    return file_of(learned(*arguments), confidence=torch.tensor([0.1, 0.9, 1]))


def test_columns_are_the_plain_values_of_the_tables():
    found = rows()
    leaves = {letter: holder.values[[1, 3, 4]].double() for letter, holder in learned().holders.items()}
    assert found.given_label.tolist() == [1, 2, 1]
    weight = torch.log1p(leaves["W"][:, 0].exp()) / math.log(2)
    torch.testing.assert_close(found.columns["weight"].double(), weight, rtol=1e-6, atol=0)
    exponentials = leaves["S"].exp()
    torch.testing.assert_close(
        found.columns["soft_label"].double(), exponentials / exponentials.sum(1, keepdim=True), rtol=1e-5, atol=0
    )
    both = 1 / (1 + (-leaves["A"]).exp())
    K = len(RANGES)
    torch.testing.assert_close(
        torch.cat((found.columns["probability"], found.columns["magnitude"]), 1).double(), both, rtol=1e-6, atol=0
    )
    assert found.columns["probability"].shape == (3, K)


def test_shared_augmentation_is_written_for_every_image():
    found = rows("SHA", "NONE")
    assert found.columns["probability"].shape == (3, len(RANGES))
    assert (found.columns["probability"] == found.columns["probability"][0]).all()
    assert found.columns.keys() == {"probability", "magnitude", "confidence"}


@pytest.mark.parametrize("parts", [("SEP", "BOTH"), ("SHA", "NONE"), ("NONE", "WGHT"), ("NONE", "SOFT")])
def test_both_files_hold_what_was_written(tmp_path, parts):
    found = rows(*parts)
    (tmp_path / "a.pt").write_bytes(found.as_pt())
    (tmp_path / "a.npz").write_bytes(found.as_npz())
    for name in ("a.pt", "a.npz"):
        back = RowsFile.read(tmp_path / name).content()
        assert back.keys() == found.content().keys()
        for column, value in found.content().items():
            assert torch.equal(back[column], value) if isinstance(value, torch.Tensor) else back[column] == value


def change(**changes):
    return rows().content() | {"operations": list(RANGES)} | changes


UNFIT = {
    "misspelt": (change(soft_labels=torch.full((3, 3), 1 / 3)), "unknown column 'soft_labels'"),
    "no index": ({"weight": torch.ones(3)}, "no 'index'"),
    "text": (change(weight="heavy"), "damaged"),
    "type": (change(weight=torch.ones(3, dtype=torch.float64)), "weight is torch.float64"),
    "shape": (change(weight=torch.ones(4)), "weight is torch.float32 of shape (4,)"),
    "dimensions": (change(soft_label=torch.ones(3)), "soft_label is torch.float32 of shape (3,)"),
    "below zero": (change(weight=torch.tensor([1.0, -1, 1])), "weight is empty or has a value"),
    "not a number": (change(weight=torch.tensor([1.0, math.nan, 1])), "weight is empty or has a value"),
    "twice": (change(index=torch.tensor([1, 1, 2])), "twice"),
    "sum": (change(soft_label=torch.ones(3, 3)), "does not sum to one"),
    "fewer classes": (change(soft_label=torch.full((3, 2), 0.5)), "a class that soft_label has no column for"),
    "no weight": (change(weight=torch.zeros(3)), "weight is zero for every image"),
    "no confidence": (change(confidence=torch.zeros(3)), "confidence is zero for every image"),
    "too heavy": (change(weight=torch.tensor([1, 1, 1e7])), "weight must be from 0 to 1e+06"),
    "above one": (change(probability=torch.full((3, 7), 1.5)), "from 0 to 1"),
    "confidence above one": (change(confidence=torch.full((3,), 1.5)), "confidence must be from 0 to 1"),
    "rank twice": (change(rank=torch.tensor([0, 1, 1])), "rank must have each place from 0 to 2 once"),
    "rank too high": (change(rank=torch.tensor([1, 2, 3])), "rank must have each place from 0 to 2 once"),
    "rank of another type": (change(rank=torch.tensor([0.0, 1, 2])), "rank is torch.float32 of shape (3,)"),
    "score below zero": (change(score=torch.tensor([1.0, -1, 1])), "score is empty or has a value"),
    "score that is no number": (change(score=torch.tensor([1.0, math.inf, 1])), "score is empty or has a value"),
    "magnitude alone": (change(probability=None), "need each other"),
    "other operations": (change(operations=["flip"] * 7), "the operations must be rotate"),
    "no text": (change(split=5), "must be text"),
    "empty": (change(**{n: v[:0] for n, v in rows().content().items() if isinstance(v, torch.Tensor)}), "empty"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_unfit_file_is_named_with_the_reason(tmp_path, case):
    content, reason = UNFIT[case]
    path = tmp_path / "rows.pt"
    torch.save({name: value for name, value in content.items() if value is not None}, path)
    with pytest.raises(UserError, match=r"rows\.pt") as caught:
        RowsFile.read(path)
    assert reason in str(caught.value)


def test_rank_and_score_are_read_from_both_files(tmp_path):
    ranked = {"rank": torch.tensor([2, 0, 1]), "score": torch.tensor([0.0, 7, 0.5])}
    found = file_of(learned(), **ranked)
    (tmp_path / "a.pt").write_bytes(found.as_pt())
    (tmp_path / "a.npz").write_bytes(found.as_npz())
    for name in ("a.pt", "a.npz"):
        back = RowsFile.read(tmp_path / name)
        assert all(torch.equal(back.columns[column], value) for column, value in ranked.items())
        assert back.letters == "WSAR"
    assert file_of(learned(), score=ranked["score"]).letters == "WSA"


def test_column_that_is_none_is_not_there(tmp_path):
    torch.save(change(weight=None), tmp_path / "rows.pt")
    assert RowsFile.read(tmp_path / "rows.pt").letters == "CSA"


def test_column_that_must_be_there_cannot_be_none(tmp_path):
    torch.save(change(given_label=None), tmp_path / "rows.pt")
    with pytest.raises(UserError, match="it has no 'given_label'"):
        RowsFile.read(tmp_path / "rows.pt")


@pytest.mark.parametrize("name", ["a.pt", "a.npz"])
def test_nothing_foreign_is_executed(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    if name.endswith("pt"):
        torch.save({"index": Hostile()}, name)
    else:
        np.savez(name, index=np.array([Hostile()], dtype=object))
    with pytest.raises(UserError, match="damaged"):
        RowsFile.read(Path(name))
    for content in (b"", b"K", b"PK\x03\x04"):
        Path(name).write_bytes(content)
        with pytest.raises(UserError, match="damaged"):
            RowsFile.read(Path(name))
    assert not Path("executed").exists()


def test_distorted_images_are_those_that_are_not_clean():
    split = Split(np.array([5, 0]), np.array([4, 1, 3]), np.zeros(6, dtype=np.int64))
    assert distorted_images(split).tolist() == [1, 3, 4]
    assert distorted_images(train_on_validation(split, with_distorted=True)).tolist() == [1, 3, 4]
    everything = np.arange(6)[::-1]
    assert distorted_images(Split(everything, everything, split.targets)).tolist() == list(range(6))


def test_run_leaves_the_rows_of_its_last_epoch(train):
    train("-ir", 10, "-nr", 0.1, "--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS")
    (folder,) = Path("local_data/DIGITS").glob("run0")
    (pt,), (npz,), (last,) = (folder.glob(p) for p in ("rows_*.pt", "rows_*.npz", "last_*"))
    found = RowsFile.read(pt)
    _, index, targets = torch.load(next(folder.glob("data_*")), weights_only=True)
    assert found.index.tolist() == sorted(index)
    assert torch.equal(found.given_label, targets[found.index])
    logits = torch.load(last, weights_only=True)["reweight_state_dict"]["weight"][found.index, 0].double()
    torch.testing.assert_close(
        found.columns["weight"].double(), torch.log1p(logits.exp()) / math.log(2), rtol=1e-6, atol=1e-9
    )
    with np.load(npz, allow_pickle=False) as arrays:
        assert all(np.array_equal(arrays[name], np.asarray(value)) for name, value in found.content().items())


def test_rows_belong_to_the_distorted_set_whatever_the_clean_images(train):
    row = ("-ir", 10, "-nr", 0.1, "--los-model", "WGHT", "--epochs", 2)
    for flags in ((), ("--valid-images", 50), ("-r", "run1")):
        train(*row, *flags)
    splits = [RowsFile.read(path).split for path in sorted(Path("local_data/DIGITS").rglob("rows_*.pt"))]
    assert splits[0] == splits[1] != splits[2]


def restored(file, augmentation="SEP", loss="BOTH"):
    found = rows_of_setting(LABELS, 3, augmentation, loss)
    found.fill(file.index, file.columns, "".join(found.holders))
    return found


@pytest.mark.parametrize("parts", [("SEP", "BOTH"), ("SHA", "WGHT"), ("NONE", "SOFT")])
def test_tables_come_back_from_their_plain_values(parts):
    found = rows(*parts)
    back = restored(found, *parts)
    for letter, holder in learned(*parts).holders.items():
        kept, expected = back.holders[letter].values, holder.values
        if letter == "S":  # logits are known up to a constant per row
            kept, expected = kept.log_softmax(1), expected.log_softmax(1)
        chosen = slice(None) if len(expected) == 1 else found.index
        torch.testing.assert_close(kept[chosen], expected[chosen], rtol=0, atol=1e-5)
    again = file_of(back).columns
    assert again.keys() == found.columns.keys() - {"confidence"}
    for name, column in again.items():
        torch.testing.assert_close(column, found.columns[name], rtol=1e-6, atol=1e-6)


def test_images_without_learned_rows_start_as_usual():
    usual = rows_of_setting(LABELS, 3, "SEP", "BOTH")
    back = restored(rows())
    for letter, holder in usual.holders.items():
        assert torch.equal(back.holders[letter].values[[0, 2, 5]], holder.values[[0, 2, 5]])
        assert not torch.equal(back.holders[letter].values[[1, 3, 4]], holder.values[[1, 3, 4]])


@pytest.mark.parametrize("weight", [0.0, 1e-40, 1e-30, 1e-3, 1.0, 30.0, 1e4, 1e38])
def test_extreme_values_stay_finite_and_near(weight):
    end = torch.tensor([[0.0], [1.0], [0.5]]).expand(3, len(RANGES)).contiguous()
    labels = torch.tensor([[1.0, 0, 0], [0, 1e-30, 1], [0.2, 0.3, 0.5]])
    plain = {"weight": torch.full((3,), weight), "soft_label": labels, "probability": end, "magnitude": end.flip(0)}
    back = restored(replace(rows(), columns=plain))
    assert all(holder.values.isfinite().all() for holder in back.holders.values())
    found = file_of(back).columns
    torch.testing.assert_close(found["weight"], plain["weight"], rtol=1e-5, atol=1e-7)
    for name in ("soft_label", "probability", "magnitude"):
        torch.testing.assert_close(found[name], plain[name], rtol=0, atol=1e-6)


def test_rows_that_differ_cannot_be_shared():
    with pytest.raises(UserError, match=r"differ from image to image.*take --aug-model SEP"):
        restored(rows("SEP", "NONE"), "SHA", "NONE")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_file_of_numpy_is_refused(tmp_path, save):
    """Any byte may be another one: what is read is then refused, or as good as what was written."""
    columns = {
        name: value if isinstance(value, str | tuple) else value.numpy() for name, value in rows().content().items()
    }
    save(tmp_path / "a.npz", **columns)
    content = (tmp_path / "a.npz").read_bytes()
    refused = 0
    for place in range(0, len(content), 7):
        for flip in (0x01, 0xFF):
            damaged = bytearray(content)
            damaged[place] ^= flip
            (tmp_path / "b.npz").write_bytes(damaged)
            try:
                RowsFile.read(tmp_path / "b.npz")
            except UserError as error:
                refused += 1
                assert "is not a rows file that can be used" in str(error)
    assert refused > len(content) / 7


def test_sparse_column_is_refused(tmp_path):
    torch.save(change(weight=torch.ones(3).to_sparse()), tmp_path / "a.pt")
    with pytest.raises(UserError, match="is not a rows file that can be used"):
        RowsFile.read(tmp_path / "a.pt")


def test_rows_take_the_order_of_other_images():
    index, given = torch.tensor([7, 2, 5]), torch.tensor([0, 1, 2])
    rows = RowsFile(index, given, "SVHN", "abc", {"weight": torch.tensor([7.0, 2.0, 5.0])})
    ordered = rows.in_order_of(np.array([5, 7, 2]), np.array([2, 0, 1]), 3, Path("a.pt"))
    assert ordered.columns["weight"].tolist() == ordered.index.tolist() == [5, 7, 2]
    assert ordered.given_label.tolist() == [2, 0, 1]
    for index, given in (([5, 7, 3], [2, 0, 1]), ([5, 7, 2], [2, 0, 0]), ([5, 7], [2, 0])):
        with pytest.raises(UserError, match=r"a\.pt is of other images or labels"):
            rows.in_order_of(np.array(index), np.array(given), 3, Path("a.pt"))


def test_arrays_of_the_other_order_of_bytes(tmp_path):
    found = rows()
    arrays = {name: np.asarray(value) for name, value in found.content().items()}
    swapped = {n: a.astype(a.dtype.newbyteorder(">")) if a.dtype.kind in "fi" else a for n, a in arrays.items()}
    np.savez(tmp_path / "a.npz", **swapped)
    assert torch.equal(RowsFile.read(tmp_path / "a.npz").columns["weight"], found.columns["weight"])

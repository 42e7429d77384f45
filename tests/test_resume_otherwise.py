"""What a run that was stopped does not go on with, or not without a word."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, Killed, contents
from real_layouts import write_arrays

from utils.fingerprint import fingerprint
from utils.versions import commit


@pytest.mark.parametrize("change", [("--lr", 0.01), ("--seed", 5), ("--epochs", 9), ("--lr-decay-rate", 0.5)])
def test_other_options_are_refused_by_name(call, stopped, change):
    before = contents(Path("local_data"))
    status, _, err = call("implicit-augment", *stopped[0], *change)
    assert status == 2
    assert change[0].strip("-").replace("-", "_") in err
    assert contents(Path("local_data")) == before


def test_other_split_file_is_refused(call, stopped):
    (split,) = Path("local_data/DIGITS/run0").glob("data_*")
    assert call("implicit-augment", "--no-cuda", *DISTORTION, "-r", "run1", "--epochs", 1)[0] == 0
    split.write_bytes(Path("local_data/DIGITS/run1", split.name).read_bytes())
    before = contents(Path("local_data"))
    status, _, err = call("implicit-augment", *stopped[0])
    assert status == 2
    assert "started on another split file" in err
    assert contents(Path("local_data")) == before


def test_changed_pixels_are_refused(call, killed_at):
    folder = Path("local_data/mine")
    write_arrays(folder, {"train": range(300), "test": range(300, 400)})
    flags = ("--no-cuda", "--dataset", "mine", "--recipe", "DIGITS", "--epochs", 3, "--batch-size", 64)
    revive = killed_at(8)
    with pytest.raises(Killed):
        call("implicit-augment", *flags)
    revive()
    for part in ("train", "test"):
        before = (folder / f"{part}.npz").read_bytes()
        with np.load(folder / f"{part}.npz") as content:
            images, labels = content["images"], content["labels"]
        images[7, 4, 4] ^= 1
        np.savez(folder / part, images=images, labels=labels)
        status, _, err = call("implicit-augment", *flags)
        assert status == 2
        assert "started on another split file or data set" in err
        (folder / f"{part}.npz").write_bytes(before)
    status, _, err = call("implicit-augment", *flags)
    assert status == 0
    assert err.splitlines()[-1] == "note: going on after epoch 1"


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"torch": "0.1"}, f"torch {torch.__version__} instead of 0.1"),
        ({"device": "NVIDIA H100"}, "device cpu instead of NVIDIA H100"),
        ({"python": "3.0"}, None),
        ({"commit": "1234567"}, f"commit {commit()} instead of 1234567"),
        (None, None),
    ],
)
def test_other_versions_than_the_checkpoint_s_are_said(call, stopped, stored, said):
    flags, last, _ = stopped
    content = torch.load(last, weights_only=True)
    versions = content.pop("versions")
    if stored:
        content["versions"] = versions | stored
    torch.save(content | {"checksum": fingerprint(content)}, last)
    status, _, err = call("implicit-augment", *flags)
    assert status == 0
    notes = ["note: going on after epoch 2"]
    notes += [f"note: going on with {said}: the result can differ, in its rounding at least"] if said else []
    assert err.splitlines() == notes


def test_pictures_of_the_first_batches_are_not_silently_left_out(call, stopped):
    status, _, err = call("implicit-augment", *stopped[0], "--plot-debug")
    assert status == 0
    assert "note: --plot-debug draws a run's first batches, which are over; add --fresh\n" in err
    assert not list(Path("local_data/DIGITS/run0").glob("debug_*"))


def test_fresh_comes_before_the_checkpoint(call, stopped):
    status, _, err = call("implicit-augment", *stopped[0], "--fresh")
    assert status == 0
    assert "going on" not in err


LACKED = {
    "other": "without probabilities of other labels: for the epochs so far they are estimated as 1 - p, their upper "
    "bound, with p the given label's",
    "forgotten": "which did not count how often labels are forgotten: that is counted from here on",
}


@pytest.mark.parametrize("lacks", [("other", "forgotten"), ("forgotten",)])
def test_checkpoint_from_before_figures_of_the_labels_goes_on(call, stopped, lacks):
    """Each version's own has what is said of it; what the checkpoint already had ends the same."""
    flags, last, _ = stopped
    content = torch.load(last, weights_only=True)
    confidence = content["training"]["confidence"]
    before = dict(confidence)
    for name in (*lacks, "right", "learned"):
        del confidence[name]
    content.pop("checksum")
    torch.save(content | {"checksum": fingerprint(content)}, last)
    status, _, err = call("implicit-augment", *flags)
    assert status == 0, err
    notes = [f"the checkpoint is of an earlier version, {LACKED[name]}" for name in lacks]
    assert err.splitlines() == [f"note: {note}" for note in ("going on after epoch 2", *notes)]
    (path,) = Path("local_data/DIGITS/run0").glob("predictions_*")
    resumed = dict(np.load(path))
    assert call("implicit-augment", *flags, "--fresh")[0] == 0
    whole = dict(np.load(path))
    end, index = torch.load(last, weights_only=True)["training"]["confidence"], whole["train_index"]
    if "other" in lacks:
        expected = (before["count"] - before["sum"] + end["other"] - before["other"]) / end["count"]
        np.testing.assert_allclose(resumed["train_other_confidence"], expected[index], rtol=1e-5, atol=1e-6)
    # One visit is left, by which nothing is forgotten.
    visited = (end["count"] > before["count"]) & end["right"]
    assert 0 < visited[index].sum() < len(index)
    counts = torch.where(visited, 0, end["count"].max()).long()
    np.testing.assert_array_equal(resumed["train_forgetting"], counts[index])
    for name in whole.keys() - {"train_forgetting", *(("train_other_confidence",) if "other" in lacks else ())}:
        np.testing.assert_array_equal(resumed[name], whole[name])

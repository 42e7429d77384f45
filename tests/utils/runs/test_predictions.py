"""The predictions file against the recorded accuracies and the split file, and files that are none."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from utils.errors import UserError
from utils.passes import Batch, Outputs
from utils.runs import predictions
from utils.runs.predictions import Predictions, predict


def the_file(pattern):
    (path,) = Path("local_data/DIGITS/run0").glob(pattern)
    return path


def test_predictions_are_those_behind_the_recorded_accuracy(train):
    train("-ir", 10, "-nr", 0.3)
    found, result = Predictions.read(the_file("predictions_*"), 10), json.loads(the_file("result_*").read_text())
    correct = found.test_predicted == found.test_label
    assert 100 * correct.mean() == pytest.approx(result["accuracy"]["last_epoch"])
    _, train_index, targets = torch.load(the_file("data_*"), weights_only=True)
    assert sorted(found.train_index) == sorted(train_index)
    assert (found.train_given == targets.numpy()[found.train_index]).all()
    wrong = found.train_given != found.train_true
    assert 0.15 < wrong.mean() < 0.4
    agrees = found.train_predicted == found.train_given
    assert found.train_given_probability[agrees].min() >= 0.1  # of ten classes the most probable one
    assert found.train_given_probability[~agrees].max() <= 0.5
    assert len(load_digits().target) == len(targets) + len(found.test_label)


def test_features_of_a_large_test_set_are_an_even_part(monkeypatch):
    monkeypatch.setattr(predictions, "FEATURED", 4)
    model = torch.nn.Module()
    model.features, model.head = lambda images: images.flatten(1), torch.nn.Linear(3, 2)
    images, labels = torch.randn(10, 3, 1, 1), torch.randint(2, (10,))
    wrong = 1 - labels
    batches = [Batch(-images[part], labels[part], part) for part in torch.arange(10).split(3)]
    confidence = tuple(torch.tensor([share] * 9 + [float("nan")]) for share in (0.5, 0.25))
    test = Outputs(images.flatten(1), labels, model.head(images.flatten(1)).argmax(1))
    forgetting = torch.tensor([3] * 9 + [-1])
    found = predict(model, test, batches, torch.neg, wrong, confidence, forgetting, "table")
    assert found.train_given.tolist() == labels.tolist()
    assert found.train_true.tolist() == wrong.tolist()
    assert found.feature_index.tolist() == [0, 3, 6, 9]
    assert np.array_equal(found.features, images.flatten(1)[found.feature_index].numpy())
    expected = model.head(images.flatten(1)).softmax(1)[torch.arange(10), labels]
    np.testing.assert_allclose(found.train_given_probability, expected.detach().numpy(), rtol=1e-6)
    assert found.train_confidence[:9].tolist() == [0.5] * 9
    assert found.train_confidence[9] == found.train_given_probability[9]
    assert found.train_other_confidence[:9].tolist() == [0.25] * 9
    assert found.train_forgetting.tolist() == [3] * 9 + [int(found.train_predicted[9] != labels[9])]
    assert found.train_other_confidence[9] == pytest.approx(1 - expected[9].item(), abs=1e-6)  # of two classes


@pytest.mark.parametrize(
    "damage",
    [
        "missing",
        "cut",
        "empty",
        "text",
        "lacks",
        "lengths",
        "type",
        "no images",
        "below zero",
        "above one",
        "places",
        "class",
        "other classes",
    ],
)
def test_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "predictions_x.npz"
    numbers, shares = np.arange(3), np.zeros(3, np.float32)
    arrays = dict.fromkeys(Predictions.__dataclass_fields__, numbers) | {"features": np.zeros((3, 2), np.float32)}
    arrays["table"] = np.array("abc")
    arrays |= {name: shares for name in arrays if name.endswith(("probability", "confidence"))}
    arrays["train_probabilities"] = np.zeros((3, 3), np.float32)
    Predictions(**arrays).write(path)
    assert Predictions.read(path, 3).features.shape == (3, 2)
    if damage == "missing":
        path.unlink()
    elif damage in ("cut", "empty", "text"):
        content = path.read_bytes()
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"hello"}[damage])
    else:
        changed = {
            "lengths": {"train_index": numbers[:2]},
            "type": {"features": numbers},
            "no images": {name: array[:0] for name, array in arrays.items() if name.startswith("train")},
            "below zero": {"train_given": numbers - 1},
            "above one": {"train_confidence": shares + 2},
            "places": {"feature_index": numbers + 1},
            "other classes": {"train_probabilities": np.zeros((3, 4), np.float32)},
            "class": {"train_predicted": numbers + 1},
        }
        np.savez(path, **(arrays | changed[damage] if damage in changed else {}))
    with pytest.raises(UserError, match=r"predictions_x\.npz cannot be read .*--fresh"):
        Predictions.read(path, 3)

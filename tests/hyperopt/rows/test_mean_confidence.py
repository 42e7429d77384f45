"""What is kept of every image's given label during a training, against plain loops over the visits of each image."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from hyperopt.rows.confidence import MeanConfidence


def test_confidence_is_the_mean_probability_of_the_given_and_of_the_best_other_label():
    labels = torch.tensor([2, 0, 1])
    confidence, draws = MeanConfidence(labels), torch.Generator().manual_seed(0)
    said = {0: [], 1: []}
    for index in ([0, 1], [1], [1, 0]):
        logits = torch.randn(len(index), 3, generator=draws)
        confidence.add(torch.tensor(index), logits)
        for image, values in zip(index, logits.double().tolist(), strict=True):
            shares = (np.exp(values) / np.exp(values).sum()).tolist()
            said[image].append((shares.pop(labels[image]), max(shares)))
    for column, mean in enumerate((confidence.mean(), confidence.mean_other())):
        assert mean[:2].tolist() == pytest.approx([np.mean(said[image], axis=0)[column] for image in (0, 1)])
        assert mean[2].isnan()
    other = MeanConfidence(labels)
    other.load(confidence.state())
    assert torch.equal(other.mean()[:2], confidence.mean()[:2])
    assert torch.equal(other.mean_other()[:2], confidence.mean_other()[:2])


def forgetting_by_definition(visits):
    """From right to wrong between two visits; None for a label that was never right, -1 without a visit."""
    if not visits:
        return -1
    return sum(right and not still for right, still in pairwise(visits)) if any(visits) else None


def test_forgetting_is_counted_between_consecutive_visits():
    """Image 7 gets only wrong predictions, image 8 only right ones, and image 9 is in no batch."""
    draws = torch.Generator().manual_seed(0)
    labels = torch.randint(3, (10,), generator=draws)
    confidence, visits = MeanConfidence(labels), [[] for _ in labels]
    for _ in range(30):
        index = torch.randperm(9, generator=draws)[:6]
        logits = torch.randn(6, 3, generator=draws)
        for place, sign in ((index == 7, -9), (index == 8, 9)):
            logits[place, labels[index[place]]] = torch.full((int(place.sum()),), float(sign))
        confidence.add(index, logits)
        for image, values in zip(index.tolist(), logits.tolist(), strict=True):
            visits[image].append(values.index(max(values)) == labels[image])
    expected = [forgetting_by_definition(each) for each in visits]
    most = max(map(len, visits))
    assert len({len(each) for each in visits}) > 3
    assert expected[7:] == [None, 0, -1]
    assert min(expected[:7]) > 0
    assert confidence.forgetting().tolist() == [most if count is None else count for count in expected]
    other = MeanConfidence(labels)
    other.load(confidence.state())
    assert torch.equal(other.forgetting(), confidence.forgetting())


def test_no_label_that_was_learned_gets_to_the_count_of_one_that_never_was():
    """At most every second visit forgets, whatever the predictions."""
    for visits in range(1, 9):
        for pattern in range(1, 2**visits):
            said = [bool(pattern >> place & 1) for place in range(visits)]
            confidence = MeanConfidence(torch.zeros(1, dtype=torch.int64))
            for right in said:
                confidence.add(torch.tensor([0]), torch.tensor([[1.0, 0.0] if right else [0.0, 1.0]]))
            assert confidence.forgetting().item() == forgetting_by_definition(said) < visits

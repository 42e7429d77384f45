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

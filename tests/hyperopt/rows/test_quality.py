"""The quality of given labels against its definition, image by image."""

from types import SimpleNamespace

import numpy as np
import pytest

from hyperopt.rows.quality import looks_wrong, quality_of, reference_of

GIVEN = np.array([0, 1, 2, 1, 0])
P, Q = (np.array(values, np.float32) for values in ([0.5, 0.25, 0, 0.1, 0.9], [0.25, 0.75, 0, 0.3, 0.1]))


def test_quality_is_the_share_of_the_given_label_of_the_two():
    """Of an image for which both are rounded to zero it is zero; an older file has no other label."""
    found = SimpleNamespace(train_confidence=P, train_other_confidence=Q)
    assert quality_of(found) == pytest.approx([2 / 3, 1 / 4, 0, 1 / 4, 0.9], abs=1e-6)
    assert quality_of(SimpleNamespace(train_confidence=P, train_other_confidence=None)).tolist() == P.tolist()


def test_label_looks_wrong_below_a_share_of_its_class():
    reference = reference_of(np.array([0.9, 0.4, np.nan]))
    assert reference == pytest.approx([0.9, 0.4, 0.65])
    quality = np.array([0.55, 0.25, 0.38, 0.23, 0.5])
    expected = [value < 0.6 * reference[label] for value, label in zip(quality, GIVEN, strict=True)]
    assert looks_wrong(quality, GIVEN, reference, 0.6).tolist() == expected == [False, False, True, True, True]

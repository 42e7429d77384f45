"""Some classes of a data set, and the first images of these, against selecting them by hand."""

import numpy as np
import pytest
import torch

from custom_datasets.names import BUILT_IN, WHOLE, Subset
from custom_datasets.sources import load_dataset
from custom_datasets.stream import StreamedImages
from custom_datasets.subset import choose, draw
from custom_datasets.table import Dataset, ImageTable
from utils.errors import UserError

CLASSES = 5
TRAIN, TEST = torch.arange(60) * 7 % CLASSES, torch.arange(20) * 3 % CLASSES


def table(labels):
    """Every image is all its place."""
    return ImageTable(torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None].repeat(1, 1, 2, 3), labels)


def whole(**changed):
    files = [f"{place}.png" for place in range(len(TRAIN))]
    parts = {"train": table(TRAIN), "test": table(TEST), "classes": CLASSES, "train_files": files}
    return Dataset(**parts | {"class_names": list("abcde")} | changed)


def places(images):
    return images.images[:, 0, 0, 0].numpy()


def by_hand(labels, classes):
    """Places of the images of some classes, and their new labels."""
    found = [(place, classes.index(label)) for place, label in enumerate(labels.tolist()) if label in classes]
    return np.array(found).T


@pytest.mark.parametrize("classes", [(3, 1), (1, 3), (1, 0), (0, 4, 2), (4, 3, 2, 1, 0)])
def test_classes_are_numbered_in_their_order(classes):
    data = choose(whole(), Subset(classes), "mine")
    for images, labels in ((data.train, TRAIN), (data.test, TEST)):
        own, new = by_hand(labels, classes)
        np.testing.assert_array_equal(places(images), own)
        np.testing.assert_array_equal(images.labels, new)
    np.testing.assert_array_equal(data.places, by_hand(TRAIN, classes)[0])
    assert (data.classes, data.class_names) == (len(classes), ["abcde"[label] for label in classes])
    assert data.train_files == [f"{place}.png" for place in data.places]
    assert data.valid_given == 0


def test_classes_without_names_keep_their_numbers():
    assert choose(whole(class_names=None), Subset((3, 1)), "mine").class_names == ["3", "1"]


def test_a_whole_data_set_stays_itself():
    data = whole()
    assert choose(data, WHOLE, "mine") is data
    assert (WHOLE.words, WHOLE.suffix) == ([], "")
    assert Subset((3, 8), 100).suffix == "_classes_3-8_first_images_100"


def test_first_images_come_before_clean_ones_of_the_rest():
    data = choose(whole(), Subset((3, 1), 10), "mine")
    own, new = by_hand(TRAIN, (3, 1))
    clean = len(own) // 5
    np.testing.assert_array_equal(data.places[:10], own[:10])
    assert len(data.train) == 10 + clean == 10 + data.valid_given
    assert set(data.places[10:]) <= set(own[10:])
    np.testing.assert_array_equal(places(data.train), data.places)
    np.testing.assert_array_equal(data.train.labels, new[np.searchsorted(own, data.places)])
    assert not data.has_clean_part  # they are training images
    again = choose(whole(), Subset((3, 1), 10), "mine")
    np.testing.assert_array_equal(again.places, data.places)


def test_first_images_of_all_classes():
    data = choose(whole(), Subset(None, 30), "mine")
    np.testing.assert_array_equal(data.places[:30], np.arange(30))
    assert (data.classes, data.valid_given) == (CLASSES, 12)
    torch.testing.assert_close(
        data.train.labels[30:].bincount(minlength=CLASSES), torch.full((5,), 12 / 5).round().long(), atol=1, rtol=0
    )
    np.testing.assert_array_equal(places(data.test), np.arange(20))


def test_given_clean_images_stay_and_first_ones_are_of_the_others():
    data = choose(whole(valid_given=20), Subset((2, 0), 12), "mine")
    own, _ = by_hand(TRAIN, (2, 0))
    np.testing.assert_array_equal(data.places, [*own[:12], *own[own >= 40]])
    assert (data.valid_given, data.has_clean_part) == (8, True)
    only_classes = choose(whole(valid_given=20), Subset((2, 0)), "mine")
    assert (only_classes.valid_given, len(only_classes.train)) == (8, 24)


def test_built_in_data_hold_out_their_share_of_clean_images(tmp_path):
    cpu, everything = torch.device("cpu"), load_dataset("DIGITS", tmp_path, torch.device("cpu"))
    for classes in ((3, 8), (1, 0), (0, 1, 2, 3, 4)):
        data = load_dataset("DIGITS", tmp_path, cpu, subset=Subset(classes))
        share = len(data.train) / len(everything.train)
        assert data.held_out == round(BUILT_IN["DIGITS"].validation * share)
        assert load_dataset("DIGITS", tmp_path, cpu, subset=Subset(classes, 60)).valid_given == data.held_out
        assert torch.equal(data.train.images, everything.train.images[data.places])


def test_streamed_images_are_selected_by_file():
    files = [f"{label}/{place}.jpg" for place, label in enumerate(TRAIN.tolist())]
    data = choose(whole(train=StreamedImages(files, TRAIN)), Subset((3, 1), 9), "mine")
    assert data.train.files == [files[place] for place in data.places]
    assert [(3, 1)[label] for label in data.train.labels] == [int(file[0]) for file in data.train.files]


@pytest.mark.parametrize("count", [1, 7, 33, 99, 100])
def test_clean_images_are_drawn_in_the_proportion_of_the_classes(count):
    labels = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [60, 30, 10]))
    drawn = draw(labels, count)
    assert len(np.unique(drawn)) == count
    shares = count * np.array([0.6, 0.3, 0.1])
    assert (np.abs(np.bincount(labels[drawn], minlength=3) - shares) <= 1).all()
    np.testing.assert_array_equal(drawn, draw(labels, count))


@pytest.mark.parametrize(
    ("subset", "changed", "reason"),
    [
        (Subset((3, 5)), {}, "--classes 3,5: mine has no class 5; its classes are 0 to 4"),
        (Subset((3, 4)), {"test": table(torch.tensor([0, 1]))}, "mine has no test image of them"),
        (Subset((1, 0)), {"valid_given": 1}, "mine has no clean image of them"),
        (Subset((3, 1), 21), {}, "are more than there are of 24 training images, beside the 4 clean ones; give 20 or"),
        (Subset(None, 61), {"valid_given": 10}, "60 training images, beside the 10 clean ones; give 50 or fewer"),
        (Subset(None, 4), {}, "these images, in the order of the files, have none of class d; give another number"),
        (Subset(None, 4), {"class_names": None}, "have none of class 3; give another number, or draw .* with -sr"),
        (
            Subset(None, 40),
            {"train": table(torch.cat((TRAIN[:40], torch.zeros(20, dtype=torch.long))))},
            "the 12 clean images, drawn from those after, have none of class b",
        ),
    ],
)
def test_subsets_that_cannot_be_are_refused(subset, changed, reason):
    with pytest.raises(UserError, match=reason) as error:
        choose(whole(**changed), subset, "mine")
    assert "\n" not in str(error.value)

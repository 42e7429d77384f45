"""The page of an audit: what it shows, against the audit's file, the data and scikit-learn; its text; refusals."""

import base64
import csv
import hashlib
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, ESTIMATORS
from PIL import Image
from sklearn.neighbors import NearestNeighbors

from benchmarks.page import made_up
from custom_datasets.names import BUILT_IN
from custom_datasets.sources import load_dataset
from custom_models.classifier import build_model
from hyperopt.report.page import content as page_content
from hyperopt.report.page.content import choose
from hyperopt.report.page.similar import Clean, nearest
from hyperopt.report.page.thumbnails import thumbnail
from hyperopt.report.page.write import page

SETTING = (*DISTORTION, "--aug-model", "SEP", "--los-model", "BOTH", *ESTIMATORS["HES"], "--hyper-start", 1)


class Elements(HTMLParser):
    """The elements of a page, and the texts of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self._inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.scripts[-1] += data


def values_of(text):
    return json.loads(Elements(text).scripts[0])


@pytest.fixture
def whole(call, runs):
    """Writes the page of a finished run: whole(*flags) -> (its values, stderr)."""
    shutil.copytree(runs / "whole", ".", dirs_exist_ok=True)

    def write(*flags):
        status, _, err = call("get-results", *SETTING, "--audit", "audit.html", *flags)
        assert status == 0, err
        return values_of(Path("audit.html").read_text()), err

    return write


def test_page_shows_what_the_audit_lists(whole, results):
    content, err = whole()
    assert "written: audit.html" in err
    results(*SETTING, "--audit", "audit.csv")
    with open("audit.csv", newline="") as file:
        listed = list(csv.DictReader(file))
    assert content["index"] == [int(row["index"]) for row in listed]
    assert content["given"] == [int(row["given_label"]) for row in listed]
    assert content["quality"] == [float(row["quality"]) for row in listed]
    for row, suggested in zip(listed, content["suggested"], strict=True):
        label = int(row["suggested_label"] or -1)
        assert suggested == (label if row["is_label_issue"] == "True" else -2)
    suspects = int(re.search(r"(\d+) of \d+ labels look wrong", content["report"])[1])
    assert sum(content["suspect"]) == suspects
    # The program's own noise: the data set's labels are the true ones, and a table has those of all images.
    assert (content["columns"], content["file"], content["total"]) == (["index", "label"], None, len(listed))
    assert content["own"] == [int(row["true_label"]) for row in listed]
    assert sorted(content["carried"]) == sorted([int(row["index"]), int(row["given_label"])] for row in listed)
    data = load_dataset("DIGITS", Path(), torch.device("cpu"))
    for place in (0, -1):
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(content["picture"][place]))).convert("L"))
        assert (pixels == data.train.images[content["index"][place], 0].numpy()).all()


def test_similar_images_are_the_nearest_clean_ones_of_each_class(whole):
    content, _ = whole()
    (split,), (last,) = (list(Path("local_data/DIGITS/run0").glob(name)) for name in ("data_*", "last_*"))
    valid = np.array(torch.load(split, weights_only=True)[0])
    data, recipe = load_dataset("DIGITS", Path(), torch.device("cpu")), BUILT_IN["DIGITS"]
    model = build_model("smallnet", 1, 10, 0).eval()
    model.encoder.load_state_dict(torch.load(last, weights_only=True)["encoder_state_dict"])
    with torch.no_grad():
        features = model.encoder((data.train.images / 255 - recipe.mean[0]) / recipe.std[0]).numpy()
    for labels, lists in zip((content["given"], content["suggested"]), content["beside"], strict=True):
        for place in range(0, len(labels), 7):
            of_class = valid[data.train.labels.numpy()[valid] == labels[place]] if labels[place] >= 0 else []
            found = [int(content["clean"]["name"][image]) for image in lists[place]]
            assert len(found) == min(3, len(of_class))
            if found:
                search = NearestNeighbors(n_neighbors=len(found), metric="cosine").fit(features[of_class])
                distances, _ = search.kneighbors(features[[content["index"][place]]])
                own = NearestNeighbors(n_neighbors=len(found), metric="cosine").fit(features[found])
                assert own.kneighbors(features[[content["index"][place]]])[0] == pytest.approx(distances, abs=1e-5)
                assert set(found) <= set(of_class.tolist())


def test_page_without_the_network_says_so(whole):
    (last,) = Path("local_data/DIGITS/run0").glob("last_*")
    content, _ = whole()
    last.unlink()
    without, err = whole()
    assert f"note: the page has no similar images: {last} cannot be read" in err
    assert {image for lists in without["beside"] for one in lists for image in one} == set()
    assert without["key"] == content["key"]
    assert without["picture"] == content["picture"]


def test_large_page_has_the_suspects_and_the_next_ones(whole, monkeypatch):
    content, _ = whole()
    suspects = sum(content["suspect"])
    monkeypatch.setattr(page_content, "MOST", suspects + 5)
    fewer, err = whole()
    assert (len(fewer["index"]), sum(fewer["suspect"]), fewer["total"]) == (suspects + 5, suspects, content["total"])
    note = (
        f"the page has {suspects + 5} of the {content['total']} images: {suspects} of the {suspects} whose labels look"
    )
    assert note in err
    assert fewer["notes"][-1].startswith(note)
    monkeypatch.setattr(page_content, "MOST", suspects - 1)
    assert whole()[0]["suspect"] == [1] * (suspects - 1)


@pytest.mark.parametrize(
    ("most", "expected"), [(9, [0, 1, 2, 3, 4]), (4, [0, 1, 2, 4]), (3, [0, 2, 4]), (2, [0, 2]), (1, [0])]
)
def test_choice_of_images(most, expected):
    assert choose(np.array([True, False, True, False, True]), most).tolist() == expected


def test_image_is_not_its_own_neighbour():
    features = torch.nn.functional.normalize(torch.tensor([[1.0, 0], [0.9, 0.1], [0, 1], [0.5, 0.5], [-1, 0]]))
    clean = Clean(np.array([1, 2, 3, 4]), np.array([0, 0, 0, 1]))
    labels = np.array([0, 0, -1]), np.array([1, 1, 0])
    found = nearest(lambda index: features[index], np.array([0, 1, 4]), labels, clean, count=2)
    assert found == [[[0, 2], [2, 1], []], [[3], [3], [1, 2]]]


@pytest.mark.parametrize(
    ("shape", "size"), [((3, 50, 100), (64, 32)), ((1, 40, 40), (40, 40)), ((2, 30, 20), (20, 30))]
)
def test_thumbnails_look_like_the_images(shape, size):
    ramp = np.linspace(0, 255, shape[2])[None, None] * np.linspace(0.5, 1, shape[1])[None, :, None]
    image = (ramp * np.linspace(1, 0.6, shape[0])[:, None, None]).astype(np.uint8)
    found = Image.open(io.BytesIO(base64.b64decode(thumbnail(image))))
    assert found.size == size
    colours = image if len(image) == 3 else image[[0, 0, 0]]
    expected = Image.fromarray(np.ascontiguousarray(colours.transpose(1, 2, 0))).resize(size, Image.Resampling.BOX)
    assert np.abs(np.asarray(found.convert("RGB"), int) - np.asarray(expected, int)).mean() < 4


def test_texts_of_the_user_stay_texts():
    planted = ["</script><script>x()</script>", "<!--<script>", "&lt;", "\udcff", "{{script}}", "a\nb\u2028", "\"'"]
    content = made_up(len(planted), 8, clean=3) | {"file": planted, "classes": planted * 2, "title": planted[0]}
    text = page(content)
    found = Elements(text)
    assert json.loads(found.scripts[0]) == content
    assert [tag for tag, _ in found.tags].count("script") == len(found.scripts) == 2
    assert "<title>Labels of &lt;/script&gt;" in text
    policy = next(
        attributes["content"] for _, attributes in found.tags if "content-security" in str(attributes).lower()
    )
    digest = base64.b64encode(hashlib.sha256(found.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert not re.search(r"(src|href)=.https?:", text)


def test_page_overwrites_pages_alone(whole, refused):
    whole()
    whole()  # over the first one
    Path("mine.html").write_text("<!doctype html>my page")
    Path("folder.html").mkdir()
    for name, problem in {
        "mine.html": "mine.html is there, and this program has not written it; move it away",
        "folder.html": "folder.html is a folder; name a file",
        "nowhere/page.html": "the folder of nowhere/page.html is not there",
        "page.htm": "'page.htm' must end in .csv or .json or .html",
    }.items():
        refused("get-results", (*SETTING, "--audit", name), problem)

"""The page of an audit in headless Chromium: filters, keys, what is kept, saved and read back; other people's names."""

import csv
import json
import time
from itertools import count

import numpy as np
import pytest

from benchmarks.chromium import LIMIT, Chromium, find_chromium
from benchmarks.page import made_up
from hyperopt.report.page.write import page

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium: apt-get install chromium")

CLASSES = ["cat", "dog", '<img src=x onerror="hacked=1">', 'a,"b"\n</script><script>hacked=1</script>']
# Names as people have them; the byte 0xff is not UTF-8.
FILES = [
    "a,b.png",
    'a "quoted".png',
    "two\nlines.png",
    "gr\udcff\u00fc\u00df \U0001f600.png",
    "<b>&amp;.png",
    "=1+1.png",
]
NUMBERS = count()
SHOWN = "[...document.querySelectorAll('.card')].sort((a, b) => a.dataset.position - b.dataset.position)"


def values(images=12, suspects=8):
    """Of a page: given labels 0, 1, 2, 3, 0, ..., the next class is suggested, the last suspect has no suggestion."""
    found = made_up(images, 8, clean=6)
    given = np.arange(images) % len(CLASSES)
    suggested = (given + 1) % len(CLASSES)
    suggested[suspects - 1] = -2
    found |= {"classes": CLASSES, "given": given.tolist(), "own": given.tolist(), "suggested": suggested.tolist()}
    found |= {"suspect": (np.arange(images) < suspects).astype(int).tolist()}
    found["file"] = FILES + [f"{place}.png" for place in range(len(FILES), images)]
    return found


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads):
    with Chromium(downloads, watched=True) as found:
        yield found
        assert found.errors == []
        assert all(address.startswith(("file://", "data:", "blob:")) for address in found.requests)


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the page of these values, under a key of its own, so that nothing is kept: opened(values)."""

    def open_page(content):
        path = tmp_path / f"a page {next(NUMBERS)}.html"
        path.write_text(page(content | {"key": str(path)}))
        browser.open(path)
        return browser

    return open_page


def names(browser):
    return browser.run(f"{SHOWN}.map((card) => card.querySelector('.name').textContent)")


def choose(browser, field, value):
    """Set a filter, as a user does."""
    browser.run(f"(() => {{ const field = document.getElementById({json.dumps(field)});"
                f"field.value = {json.dumps(value)};"
                "field.dispatchEvent(new Event('input', { bubbles: true })); })()")  # fmt: skip


def status(browser):
    return browser.run("document.getElementById('status').textContent")


def saved(browser, downloads):
    """The labels.csv that the page's button saves, as rows."""
    for path in downloads.iterdir():
        path.unlink()
    browser.run("document.getElementById('save').click()")
    path = downloads / "labels.csv"
    end = time.monotonic() + LIMIT
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.01)
    with open(path, newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.reader(file))


def load(browser, path):
    before = status(browser)
    browser.give_file("#file", path)
    browser.wait(f"document.getElementById('status').textContent !== {json.dumps(before)}")


def test_decisions_are_kept_saved_and_read_back(opened, downloads, tmp_path):
    browser, content = opened(values()), values()
    assert names(browser) == content["file"][:8]  # only labels that look wrong
    choose(browser, "pair", "1 2")
    assert names(browser) == [content["file"][1], content["file"][5]]
    browser.keys("r", "k")
    choose(browser, "pair", "")
    browser.keys("k", "ArrowRight", "d", "d", "u", "x")  # the fourth is open again
    browser.keys("End", "r")  # without a suggestion: the list has the focus
    assert browser.run("document.activeElement.id") == "as"
    choose(browser, "as", "0")
    browser.keys("Enter")
    expected = [
        ["file", "given_label", "label"],
        [FILES[0], "cat", "cat"],
        [FILES[1], "dog", CLASSES[2]],
        [FILES[2], CLASSES[2], ""],
        [FILES[5], "dog", "dog"],
        ["7.png", CLASSES[3], "cat"],
    ]
    browser.reload()
    assert "2 kept, 2 relabelled, 1 dropped" in status(browser)
    assert saved(browser, downloads) == expected
    copy = tmp_path / "earlier.csv"
    copy.write_bytes((downloads / "labels.csv").read_bytes() + b"other.png,cat,dog\r\n")
    opened(content)
    assert "0 kept, 0 relabelled, 0 dropped" in status(browser)
    load(browser, copy)
    assert status(browser).startswith("5 decisions of earlier.csv taken over; 1 row of images that this page does not")
    assert saved(browser, downloads) == expected
    browser.keys("u")
    assert saved(browser, downloads) == expected[:1]


TABLES = {  # of a page: what it has, and the rows that are saved when image 0 is dropped and image 2 kept
    "mended before": (
        {"columns": ["file", "given_label", "label"], "own": [1, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]},
        [[FILES[0], "dog", "cat"], ["not here.png", "cat", ""]],
        [[FILES[0], "dog", ""], [FILES[2], CLASSES[2], CLASSES[2]], ["not here.png", "cat", ""]],
    ),
    "true labels known": (
        {"columns": ["file", "label"]},
        [[FILES[0], "cat"], [FILES[1], "dog"]],
        [[FILES[0], ""], [FILES[2], CLASSES[2]], [FILES[1], "dog"]],
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_labels_that_the_run_was_given_are_carried_over(opened, downloads, kind):
    changes, carried, expected = TABLES[kind]
    content = values() | changes | {"carried": carried}
    browser = opened(content)
    browser.keys("d", "ArrowRight", "k")
    rows = saved(browser, downloads)
    assert rows == [changes["columns"], *expected]
    opened(content)
    load(browser, downloads / "labels.csv")
    assert status(browser).startswith("2 decisions of labels.csv taken over")
    assert saved(browser, downloads) == rows


def test_image_that_should_be_left_out(opened, downloads):
    content = values()
    content["suggested"][0], content["beside"][1][0] = -1, []
    browser = opened(content)
    choose(browser, "pair", "0 -1")
    assert names(browser) == [FILES[0], FILES[4]][:1]
    assert browser.run(f"{SHOWN}[0].querySelector('.suggested b').textContent") == "drop it"
    browser.keys("r")  # relabels with no class of its own
    assert browser.run("document.activeElement.id") == "as"


def test_names_are_text_and_run_nothing(opened):
    browser, content = opened(values()), values()
    browser.run("document.getElementById('all').click()")
    assert names(browser) == content["file"]
    shown = browser.run(f"{SHOWN}.map((card) => card.querySelector('.given b').textContent)")
    assert shown == [CLASSES[label] for label in content["given"]]
    assert browser.run("typeof hacked") == "undefined"
    assert browser.run("document.querySelectorAll('script').length") == 2


def test_filters_leave_what_they_say(opened):
    browser, content = opened(values()), values()
    choose(browser, "class", "3")
    assert names(browser) == [content["file"][3], content["file"][7]]
    browser.run("document.getElementById('all').click()")
    assert len(names(browser)) == 12
    choose(browser, "search", "QUOTED")
    assert names(browser) == [FILES[1]]
    choose(browser, "search", "")
    limit = round(content["quality"][4] + 0.01, 2)
    choose(browser, "quality", str(limit))
    assert names(browser) == [f for f, q in zip(content["file"], content["quality"], strict=True) if q <= limit]
    choose(browser, "quality", "1")
    choose(browser, "state", "open")
    browser.keys("k", "d")  # each leaves the list
    assert names(browser) == content["file"][2:]
    choose(browser, "search", "no such name")
    assert names(browser) == []
    assert browser.run("!document.getElementById('nothing').hidden")


OTHER_TABLES = {
    "file;given_label;label\n": "its first line must be file,given_label,label",
    "file,given_label,label\n6.png,dog,cat\n": "row 2 has another given label than <img",
    "file,given_label,label\n8.png,cat,dog\n9.png,dog,bird\n": "the label of row 3 is no class",
    "file,given_label,label\n8.png,cat,dog\n8.png,cat,\n": "row 3 is about an image that an earlier row has",
    'file,given_label,label\n"8.png,cat,dog\n': "a quote is not closed",
}


def test_other_tables_change_nothing(opened, tmp_path):
    browser = opened(values())
    for number, (text, problem) in enumerate(OTHER_TABLES.items()):
        browser.keys("k")
        path = tmp_path / f"other{number}.csv"
        path.write_text(text)
        load(browser, path)
        assert status(browser).startswith(f"other{number}.csv was not loaded: {problem}")
        browser.keys("ArrowLeft", "ArrowRight")
        assert f"{number + 1} kept, 0 relabelled, 0 dropped" in status(browser)


def test_page_works_where_nothing_can_be_kept(opened, browser, downloads):
    refuse = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })"
    )
    opened(values())
    number = browser.send("Page.addScriptToEvaluateOnNewDocument", source=refuse)["identifier"]
    browser.reload()
    browser.keys("d")
    assert "1 dropped; this browser does not keep them: save labels.csv" in status(browser)
    assert saved(browser, downloads)[1:] == [[FILES[0], "cat", ""]]
    browser.send("Page.removeScriptToEvaluateOnNewDocument", identifier=number)
    browser.reload()


def test_features_are_a_table_of_indices(opened, downloads):
    content = values() | {"picture": None, "file": None, "columns": ["index", "given_label", "label"]}
    content["clean"] = {"name": list("uvwxyz"), "picture": None}
    browser = opened(content)
    assert names(browser) == [f"image {index}" for index in content["index"][:8]]
    assert browser.run("document.querySelectorAll('img').length") == 0
    near = browser.run(f"[...{SHOWN}[0].querySelectorAll('.given .similar')].map((name) => name.textContent)")
    assert near == ["uvwxyz"[image] for image in content["beside"][0][0]]
    browser.keys("d")
    assert saved(browser, downloads) == [["index", "given_label", "label"], [str(content["index"][0]), "cat", ""]]


def test_thousands_of_images_have_few_elements(opened):
    images = 10_000
    content = made_up(16, 8, clean=6)
    for name in ("given", "own", "suggested", "quality", "suspect", "picture", "beside"):
        lists = content[name] if name == "beside" else [content[name]]
        repeated = [column * (images // 16) for column in lists]
        content[name] = repeated if name == "beside" else repeated[0]
    content |= {"index": list(range(images)), "file": None, "columns": ["index", "given_label", "label"]}
    content |= {"total": images}
    browser = opened(content)
    browser.run("document.getElementById('all').click()")
    browser.keys("End")
    assert names(browser)[-1] == f"image {images - 1}"
    assert browser.run("document.querySelectorAll('.card').length") < 100
    assert browser.run("document.querySelector('[aria-selected=true]').getAttribute('aria-setsize')") == str(images)

"""Size of the page of an audit, and its speed in headless Chromium: first paint, and steps of scrolling.

    OMP_NUM_THREADS=1 python -m benchmarks.page [--images 10000] [--side 64] [--pictures FOLDER]

Contract: an audit of so many images, a third of whose labels look wrong, with six similar ones of 1,000 clean images
beside each, all made up; random pictures with amplitudes that fall as 1 / frequency, which are larger than photographs
once they are compressed. Seconds until the first paint are the browser's own, from the start of the navigation. A step
is a new place in the list until the browser has drawn it: milliseconds, and those of the page's thread alone, which
other processes do not slow down; medians and quartiles over steps. --pictures writes a picture of the page, far down
and dark.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chromium import Chromium
from benchmarks.report import describe_machine, in_words, print_machine, quartiles
from hyperopt.report.page.thumbnails import thumbnail
from hyperopt.report.page.write import page
from utils.errors import exit_status
from utils.flags import Parser, folder, number

CLEAN, CLASSES, BESIDE, STEPS = 1000, 10, 3, 40
HEIGHT = 800  # pixels of the window
LARGE = 256  # side of the picture that the random pictures are cut from
# Two frames after a scroll: the browser has drawn what the first one changed.
SCROLL = """new Promise((done) => {
  const start = performance.now();
  document.getElementById("scroll").scrollTop = %f;
  requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
})"""


def random_pictures(random: np.random.Generator, count: int, side: int) -> Iterator[np.ndarray]:
    """Pictures uint8 (3, side, side) whose amplitudes fall as 1 / frequency, as those of photographs do."""
    frequency = np.hypot(np.fft.fftfreq(LARGE)[:, None], np.fft.rfftfreq(LARGE)[None])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(np.fft.rfft2(random.normal(size=(4, LARGE, LARGE))) / frequency, (LARGE, LARGE))
    grey, *colours = noise / noise.std((1, 2), keepdims=True)
    pixels = (128 + 70 * (grey + 0.3 * np.stack(colours))).clip(0, 255).astype(np.uint8)
    for top, left in random.integers(LARGE - side, size=(count, 2)):
        yield pixels[:, top : top + side, left : left + side]


def made_up(images: int, side: int, clean: int = CLEAN, seed: int = 0) -> dict[str, Any]:
    """The values of a page with pictures of side x side pixels; `clean` is the number of clean images."""
    random = np.random.default_rng(seed)
    given = random.integers(CLASSES, size=images)
    return {
        "title": "random pictures, run0",
        "key": f"{images} {side} {seed}",
        "report": "The report of the audit.",
        "notes": [],
        "classes": [f"class {label}" for label in range(CLASSES)],
        "columns": ["file", "given_label", "label"],
        "own": given.tolist(),
        "carried": [],
        "total": images,
        "side": side,
        "index": random.permutation(images).tolist(),
        "file": [f"train/class {label}/{place:05}.png" for place, label in enumerate(given)],
        "given": given.tolist(),
        "suggested": ((given + random.integers(1, CLASSES, size=images)) % CLASSES).tolist(),
        "quality": np.sort(random.random(images)).round(6).tolist(),
        "suspect": (np.arange(images) < images // 3).astype(int).tolist(),
        "picture": list(map(thumbnail, random_pictures(random, images, side))),
        "beside": [random.integers(clean, size=(images, BESIDE)).tolist() for _ in range(2)],
        "clean": {
            "name": [f"valid/{place:05}.png" for place in range(clean)],
            "picture": list(map(thumbnail, random_pictures(random, clean, side))),
        },
    }


def main() -> None:
    """The command line."""
    parser = Parser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=number(int, 1, 10**5), default=10_000)
    parser.add_argument("--side", type=number(int, 8, 224), default=64)
    parser.add_argument("--pictures", type=folder, help="folder for a picture of the page, scrolled down, dark")
    options = parser.parse_args()
    print_machine(describe_machine("cpu"))
    with tempfile.TemporaryDirectory() as temporary:
        measure(options, Path(temporary) / "audit.html")


def measure(options: argparse.Namespace, path: Path) -> None:
    """Write the page to `path` and print what it takes."""
    start = time.perf_counter()
    path.write_text(page(made_up(options.images, options.side)))
    print(f"made in {time.perf_counter() - start:.1f} s: {path.stat().st_size / 1e6:.1f} MB")
    with Chromium(path.parent, height=HEIGHT) as browser:
        browser.dark()
        browser.open(path)
        browser.run("document.getElementById('suspects').click()")
        paint = browser.run("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        print(f"first paint after {paint / 1000:.2f} s")
        browser.send("Performance.enable", timeDomain="threadTicks")
        height = browser.run("document.getElementById('cards').offsetHeight")
        cards = browser.run("document.querySelectorAll('.card').length")
        places = {
            "a fifth of a window on": 0.5 * height + 0.2 * HEIGHT * np.arange(STEPS),
            "anywhere": height * np.random.default_rng(1).random(STEPS),
        }
        for step, tops in places.items():
            print(f"{step}: {scroll(browser, tops.tolist())}; {cards} of {options.images} cards exist")
        if options.pictures:
            options.pictures.mkdir(parents=True, exist_ok=True)
            browser.run(SCROLL % (0.9 * height))
            browser.wait("[...document.images].every((image) => image.complete)")
            browser.picture(options.pictures / "page-far-down-dark.png")


def scroll(browser: Chromium, tops: list[float]) -> str:
    """Scroll to each of these places; what a step takes, as text."""
    taken: list[tuple[float, float]] = []
    for top in tops:
        before = thread_milliseconds(browser)
        wall = browser.run(SCROLL % top)
        taken.append((wall, thread_milliseconds(browser) - before))
    wall, own = (in_words(quartiles(column)) for column in zip(*taken, strict=True))
    return f"{wall} ms, of these {own} ms in the page's thread"


def thread_milliseconds(browser: Chromium) -> float:
    """Time that the thread of the page has been busy."""
    found = browser.send("Performance.getMetrics")["metrics"]
    return 1000 * next(metric["value"] for metric in found if metric["name"] == "TaskDuration")


if __name__ == "__main__":
    raise SystemExit(exit_status(main))

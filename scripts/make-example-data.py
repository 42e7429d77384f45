#!/usr/bin/env python3
"""Make a data set like a user's: pictures in folders, 200 of them in the wrong folder, and a small clean set.

    python3 scripts/make-example-data.py local_data/example

It is made from scikit-learn's 1,797 handwritten digits: FOLDER/train/0 .. 9 with 1,497 PNG files, 200 of them in the
folder of another digit, and FOLDER/valid/0 .. 9 with the other 300, all in the right folder. FOLDER/wrong.csv lists the
200 (file, true label), to check an audit with; no script reads it.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).parent.parent))
from utils.errors import UserError, exit_status
from utils.flags import Parser

CLEAN, WRONG, SEED = 300, 200, 0


def main() -> int:
    """The command line; returns the exit status."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="new folder for the pictures")
    folder = parser.parse_args().folder
    return exit_status(lambda: make(folder))


def make(folder: Path) -> None:
    """Write the pictures and the list of wrong ones. Raises UserError when the folder is there already."""
    if folder.exists():
        raise UserError(f"{folder} is there already; name another folder")
    digits = load_digits()
    images, labels = np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target
    places = np.arange(len(labels))
    train, valid = train_test_split(places, test_size=CLEAN, stratify=labels, random_state=SEED)
    random = np.random.default_rng(SEED)
    wrong = random.choice(train, WRONG, replace=False)
    given = labels.copy()
    given[wrong] = (labels[wrong] + random.integers(1, 10, WRONG)) % 10
    for part, chosen in (("train", train), ("valid", valid)):
        for place in chosen:
            path = folder / part / str(given[place]) / f"{place:04}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[place]).save(path)
    with (folder / "wrong.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "true_label"])
        writer.writerows((f"train/{given[place]}/{place:04}.png", labels[place]) for place in sorted(wrong))


if __name__ == "__main__":
    raise SystemExit(main())

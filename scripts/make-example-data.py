#!/usr/bin/env python3
"""Make a data set such as a user has: pictures in folders, 200 of them in the wrong one, and a small clean set.

    python3 scripts/make-example-data.py local_data/digits

Out of scikit-learn's 1,797 handwritten digits: FOLDER/train/0 .. 9 with 1,497 PNG files, 200 of them in the folder of
another digit, and FOLDER/valid/0 .. 9 with the 300 others, all in the right one. FOLDER/wrong.csv lists the truth about
the 200 (file, true label); nothing reads it but whoever wants to check an audit.
"""

import argparse
import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

CLEAN, WRONG = 300, 200


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="new folder for the pictures")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of images (default: 0)")
    flags = parser.parse_args()
    if flags.folder.exists():
        print(f"error: {flags.folder} is there already; name another folder", file=sys.stderr)
        return 2
    make(flags.folder, flags.seed)
    return 0


def make(folder: Path, seed: int) -> None:
    """Write the pictures and the list of wrong ones."""
    digits = load_digits()
    images, labels = np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target
    places = np.arange(len(labels))
    train, valid = train_test_split(places, test_size=CLEAN, stratify=labels, random_state=seed)
    random = np.random.default_rng(seed)
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

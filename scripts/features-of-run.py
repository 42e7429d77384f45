#!/usr/bin/env python3
"""Write the features of a data set by a finished run's network, as a data set of features of its own.

    .venv/bin/python scripts/features-of-run.py local_data/CIFAR-10N/run0 local_data/CIFAR-10N-features

TO gets train.npz, which ends with the clean images that came with the data, if any, and test.npz, both with the data
set's own labels. The network is that of the last epoch, and the images are seen as in evaluation. Files that are there
are not replaced.
"""

import argparse
import io
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hyperopt.report.load import load_run
from utils.errors import UserError, exit_status
from utils.files import replace_file


def main() -> None:
    """Write both parts."""
    parser = argparse.ArgumentParser(description="The features of a data set by a run's network, as a data set.")
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("to", type=Path, help="folder for train.npz and test.npz")
    parser.add_argument("--name", help="of the setting, where the folder has several finished runs")
    flags = parser.parse_args()
    run = load_run(flags.run, flags.name)
    parts = {"train": run.data.train, "test": run.data.test}
    paths = {name: flags.to / f"{name}.npz" for name in parts}
    if there := [str(path) for path in paths.values() if path.exists()]:
        raise UserError(f"{there[0]} is there; move it away, or name another folder")
    flags.to.mkdir(parents=True, exist_ok=True)
    from hyperopt.runs.network import features_of  # imports torch

    network = run.network
    for name, part in parts.items():
        features = features_of(part, network.frozen, network.normalise, workers=0).numpy()
        content = io.BytesIO()
        np.savez(content, features=features, labels=part.labels.numpy())
        replace_file(paths[name], content.getbuffer())
        print(f"written: {paths[name]}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(exit_status(main))

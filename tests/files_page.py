"""What a run has left, against docs/files.md."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import torch
from conftest import ROOT

PAGE = (ROOT / "docs/files.md").read_text()


def named(section):
    """The names in backquotes in a section of the page."""
    text = PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return {name for quoted in re.findall(r"`([^`\n]+)`", text) for name in quoted.split(", ")}


def columns_of_metrics(path):
    """The columns, those of a network's parameters by the parameter."""
    with path.open() as file:
        return [re.sub("_(mean|std)$", "", name) for name in csv.DictReader(file).fieldnames]


def keys(path):
    return torch.load(path, weights_only=True).keys()


def arrays(path):
    with np.load(path) as found:
        return [*found]


CONTENT = {  # by pattern: the section, and how the names are read
    "metrics_*.csv": ("Metrics", columns_of_metrics),
    "rows_*.pt": ("Rows", keys),
    "rows_*.npz": ("Rows", arrays),
    "predictions_*.npz": ("Predictions", arrays),
    "result_*.json": ("Result", lambda path: json.loads(path.read_text())),
    "best_*.pt": ("Checkpoints", keys),
    "last_*.pt": ("Checkpoints", keys),
    "previous_*.pt": ("Checkpoints", keys),
    "network_*.pt": ("Augmentation network", keys),
    "features_*.pt": ("Features", keys),
    "progress_*.json": ("Where", lambda path: json.loads(path.read_text())),
}


def kind(path):
    """A file of a run folder as the page names it."""
    distortion = re.sub(r"ir_\d+_sr_[\d.]+_nr_\d+\.\d+", "ir_IR_sr_SR_nr_NR", path.name)
    if distortion.startswith(("data_", ".labels_")):
        return re.sub(r"NR_.*?(\.pt)?$", r"NR\1", distortion)
    parts = r"(\.lock|best|card|features_[0-9a-f]{8}|last|metrics|network|predictions|previous|progress|result|rows)_"
    name = re.sub(rf"^{parts}\w*?opt_.*?(\.pt|\.npz|\.csv|\.json|\.md|)$", r"\1_NAME\2", path.name)
    return re.sub(r"_[0-9a-f]{8}_", "_HASH_", name)


def undocumented(folder):
    """The files below a folder, and the names in them, that the page lacks, beside where they were found."""
    missing = set()
    for path in (path for path in Path(folder).rglob("run[0-9]/*") if path.is_file()):
        if kind(path) not in named("Where"):
            missing.add((path.name, kind(path)))
        for pattern, (section, read) in CONTENT.items():
            if path.match(pattern):
                missing |= {(section, name) for name in read(path) if name not in named(section)}
    return missing

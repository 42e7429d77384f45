"""What can have happened to the files of a run and of own data: functions that give a function that does it."""

import json
from pathlib import Path

import numpy as np
import torch
from real_layouts import write_arrays, write_folders

from utils.fingerprint import fingerprint
from utils.runs.files import RunFiles

DATA = Path("Dätä 数据/a b")
RUN, MINE = DATA / "DIGITS/run0", DATA / "mine"
METHOD = "-ir 10 -nr 0.1 --hyper-start 1 --aug-model SEP --los-model BOTH --hyper-opt HES"
SETTING = ("--data", DATA, *METHOD.split())
FILES = RunFiles(RUN, "smallnet_opt_HES_est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1_hyper_start_1")
SPLIT = RUN / "data_ir_10_sr_1.0_nr_0.1.pt"
OUTSIDE = Path("elsewhere/mine.txt")  # a file of the user's that links lead to


class Hostile:
    """Unpickled, it makes a file named `executed`."""

    def __reduce__(self):
        return Path.touch, (Path("executed"),)


PARTS = {"train": range(60), "test": range(60, 80)}


def holds(path, content):
    """The file gets this content: bytes, or what torch stores of it."""

    def damage():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)

    return damage


def leads(path, target):
    """A link in place of the file; an absolute target, or one in the working folder."""

    def damage():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(Path.cwd() / target)

    return damage


def is_folder(path):
    def damage():
        path.unlink(missing_ok=True)
        (path / "with a file").mkdir(parents=True)

    return damage


def no_file(path):
    return lambda: path.unlink()


def all_of(*damages):
    return lambda: [damage() for damage in damages]


def forged(key, change):
    """A last checkpoint whose checksum is right, with another value of the key."""

    def damage():
        content = torch.load(FILES.last, weights_only=True)
        content[key] = change(content[key])
        content["checksum"] = fingerprint(content)
        torch.save(content, FILES.last)

    return damage


def within(*path, change):
    """The change, to what lies deep in a dictionary."""

    def deep(content):
        part = content
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = change(part[path[-1]])
        return content

    return deep


def option(key, value):
    """A result file with another option."""

    def damage():
        content = json.loads(FILES.result.read_text())
        content["options"][key] = value
        FILES.result.write_text(json.dumps(content))

    return damage


def archive(**content):
    """Own data with this train.npz; arrays of objects are pickles."""

    def damage():
        write_arrays(MINE, PARTS)
        np.savez(MINE / "train.npz", **{name: array for name, array in content.items() if array is not None})

    return damage


def pictures(*damages):
    return all_of(lambda: write_folders(MINE, PARTS), *damages)

"""Bad files and folders of both scripts: status 2, one line that names the culprit, no file of the user changed."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from damages import (
    DATA,
    FILES,
    MINE,
    OUTSIDE,
    RUN,
    SETTING,
    SPLIT,
    Hostile,
    all_of,
    archive,
    forged,
    holds,
    is_folder,
    leads,
    no_file,
    option,
    pictures,
    within,
)


class Case(NamedTuple):
    """What is done to which files, and what the message must name."""

    damage: Callable[[], object]
    culprit: object
    flags: tuple = ()


def refuses(script, state, cases):
    return {f"{script}: {name}": (script, state, case) for name, case in cases.items()}


NOTHING, FINISHED, STOPPED = "nothing", "finished", "stopped"
VALID, CHOSEN, TARGETS = list(range(314)), list(range(314, 833)), torch.zeros(1257, dtype=torch.int64)
SPLITS = {
    **{f"{content}": content for content in (b"", b"hello\n", b"a", b"K", b"train: 1 2 3\n", b"PK\x03\x04")},
    "hostile": Hostile(),
    "hostile pickle": pickle.dumps(Hostile()),
    "hostile within": (VALID, CHOSEN, Hostile()),
    "a dictionary": {"valid": VALID, "train": CHOSEN, "targets": TARGETS},
    "two parts": (VALID, CHOSEN),
    "four parts": (VALID, CHOSEN, TARGETS, TARGETS),
    "a tensor": TARGETS,
    "a number": 7,
    "decimal targets": (VALID, CHOSEN, TARGETS.float()),
    "targets that are not numbers": (VALID, CHOSEN, TARGETS.float() / 0),
    "targets in a table": (VALID, CHOSEN, TARGETS[:, None]),
    "too few targets": (VALID, CHOSEN, TARGETS[1:]),
    "a class too many": (VALID, CHOSEN, TARGETS + 10),
    "a class below zero": (VALID, CHOSEN, TARGETS - 1),
    "index too large": (VALID, [*CHOSEN, 1257], TARGETS),
    "index below zero": ([*VALID[1:], -1], CHOSEN, TARGETS),
    "index far too large": (VALID, [*CHOSEN, 2**70], TARGETS),
    "words": (VALID, ["1", "2"], TARGETS),
    "nested": ([VALID], CHOSEN, TARGETS),
    "index twice": (VALID, [*CHOSEN[1:], CHOSEN[1]], TARGETS),
    "empty lists": ([], [], TARGETS),
    "of other flags": (VALID, VALID, TARGETS),
}


def smaller(tensor):
    return tensor[:1].clone()


CHECKPOINTS = {
    "empty": b"",
    "text": b"no checkpoint",
    "cut archive": b"PK\x03\x04" + bytes(50),
    "hostile": Hostile(),
    "hostile pickle": pickle.dumps(Hostile()),
    "hostile within": {"epoch": 1, "options": Hostile()},
    "a list": [1, 2],
    "a tensor": torch.zeros(3),
    "empty dictionary": {},
    "of the published code": {"encoder_state_dict": {}, "epoch": 3, "options": {}},
    "sparse": {"checksum": "", "epoch": torch.zeros(3, 3).to_sparse()},
}
FORGED = {
    "no encoder": ("encoder_state_dict", lambda _: {}),
    "encoder is a list": ("encoder_state_dict", list),
    "head of another shape": ("decoder_state_dict", within("weight", change=smaller)),
    "head in float64": ("decoder_state_dict", within("weight", change=torch.Tensor.double)),
    "weights that would be broadcast": ("reweight_state_dict", within("weight", change=smaller)),
    "no soft labels": ("reweight_state_dict", lambda tables: {"weight": tables["weight"]}),
    "augmentation of one row": ("augment_state_dict", within("augmentation", change=smaller)),
    "momentum of another shape": (
        "training",
        within("optimizer", "state", 0, "momentum_buffer", change=smaller),
    ),
    "no momentum": ("training", within("optimizer", "state", change=lambda _: {})),
    "visits of another shape": ("training", within("rows", "weight", "visited", change=smaller)),
    "steps in words": ("training", within("rows", "weight", "step", change=str)),
    "short generator": ("training", within("generators", "augmentation", change=smaller)),
    "no state": ("training", lambda _: None),
    "no epochs": ("epochs", lambda _: []),
    "lost epoch": ("epochs", lambda epochs: epochs[1:]),
    "epochs in words": ("epochs", str),
    "loss in words": (
        "epochs",
        lambda epochs: [json.dumps(json.loads(epoch) | {"train_loss": "low"}) for epoch in epochs],
    ),
    "epochs cut": ("epochs", lambda epochs: [epoch[:-1] for epoch in epochs]),
    "epoch in words": ("epoch", str),
    "log elsewhere": ("log", lambda _: "../../elsewhere"),
    "options in words": ("options", str),
}

NOT_A_NUMBER = b'{"accuracy": {"best_on_test": NaN, "selected_on_validation": 1, "last_epoch": 1}}'
RESULTS = {
    **{f"{content}": content for content in (b"", b"{", b"[]", b"{}", b'"text"', b"\x80", b"null", NOT_A_NUMBER)},
    "accuracy in words": b'{"accuracy": {"best_on_test": "x"}}',
    "deep": b"[" * 100_000,
    "hostile pickle": pickle.dumps(Hostile()),
}


OPTIONS = [
    (key, value)
    for key in ("model", "dataset", "imbalance_ratio", "aug_model", "epochs")
    for value in ("FOO", "10", [1], None)
]
METRICS = (b"", b"a,b\n1,2\n", b"epoch,test_accuracy,test_loss,train_loss\n1,1,1,1\n", pickle.dumps(Hostile()))
OTHER_SETTING = FILES.result.with_name(FILES.result.name.replace("ir_10", "ir_5"))


OBJECTS = np.array([Hostile()] * 60, dtype=object)
IMAGES, LABELS = np.zeros((60, 8, 8), np.uint8), np.arange(60) % 10
ARRAYS = {
    "hostile images": (OBJECTS, LABELS),
    "hostile labels": (IMAGES, OBJECTS),
    "no labels": (IMAGES, None),
    "decimal images": (IMAGES - 0.5, LABELS),
    "flat images": (IMAGES.reshape(60, 64), LABELS),
    "no images": (IMAGES[:0], LABELS[:0]),
    "five dimensions": (IMAGES[..., None, None], LABELS),
    "labels in a table": (IMAGES, LABELS[:, None] * [1, 1]),
    "decimal labels": (IMAGES, LABELS / 2),
    "one class": (IMAGES, LABELS * 0),
    "classes with a gap": (IMAGES, LABELS * 2),
}
OWN = ("--dataset", "mine", "--recipe", "DIGITS")
IN_PLACE = (
    "best",
    "last",
    "previous",
    "metrics",
    "result",
    "progress",
    "lock",
    "rows",
    "rows_npz",
    "card",
    "predictions",
)
BROKEN = "nowhere/at all"

CASES = (
    refuses("implicit-augment", NOTHING, {f"split file, {n}": Case(holds(SPLIT, c), SPLIT) for n, c in SPLITS.items()})
    | refuses(
        "implicit-augment",
        STOPPED,
        {
            **{
                f"checkpoints, {name}": Case(all_of(holds(FILES.last, c), holds(FILES.previous, c)), FILES.last)
                for name, c in CHECKPOINTS.items()
            },
            **{f"forged checkpoint, {name}": Case(forged(*c), FILES.last) for name, c in FORGED.items()},
            "last checkpoint is a broken link": Case(leads(FILES.last, BROKEN), FILES.last),
            "last checkpoint is a loop": Case(leads(FILES.last, FILES.last), FILES.last),
            "split file is a broken link": Case(leads(SPLIT, BROKEN), SPLIT),
            "split file is a link to text": Case(leads(SPLIT, OUTSIDE), SPLIT),
            "split file is a folder": Case(is_folder(SPLIT), SPLIT),
            "split file's lock is a folder": Case(
                all_of(no_file(SPLIT), no_file(RUN / ".lock_split"), is_folder(RUN / ".lock_split")), ".lock_split"
            ),
            **{f"{name} is a folder": Case(is_folder(getattr(FILES, name)), getattr(FILES, name)) for name in IN_PLACE},
            "pictures' folder is a file": Case(
                all_of(no_file(FILES.last), no_file(FILES.previous), holds(FILES.debug, b"mine")),
                FILES.debug,
                ("--plot-debug",),
            ),
        },
    )
    | refuses(
        "implicit-augment",
        NOTHING,
        {
            "best checkpoint of unknown origin": Case(holds(FILES.best, Hostile()), FILES.best),
            "run folder is a broken link": Case(leads(RUN, BROKEN), RUN),
            "run folder is a file": Case(holds(RUN, b"mine"), RUN),
            "run folder is a link to a file": Case(leads(RUN, OUTSIDE), RUN),
            "logs is a file": Case(holds(Path("logs"), b"mine"), "logs"),
            "data folder is a file": Case(holds(DATA, b"mine"), DATA),
            "data folder is a broken link": Case(leads(DATA, BROKEN), DATA),
            "less than a batch": Case(lambda: None, "lower --batch-size", ("-sr", 0.02)),
            "large batch": Case(lambda: None, "lower --batch-size", ("--batch-size", 1000)),
            **{
                f"own arrays, {name}": Case(archive(images=images, labels=labels), MINE / "train.npz", OWN)
                for name, (images, labels) in ARRAYS.items()
            },
            "own arrays, a pickle": Case(
                all_of(archive(), holds(MINE / "train.npz", pickle.dumps(Hostile()))), MINE / "train.npz", OWN
            ),
            "own arrays are a broken link": Case(
                all_of(archive(), leads(MINE / "train.npz", BROKEN)), f"{MINE / 'train.npz'} is a link", OWN
            ),
            "own test arrays are a folder": Case(
                all_of(archive(images=IMAGES, labels=LABELS), is_folder(MINE / "test.npz")), MINE / "test.npz", OWN
            ),
            "own image is a broken link": Case(
                pictures(leads(MINE / "train/0/0.png", BROKEN)), MINE / "train/0/0.png", OWN
            ),
            "own image is a link to text": Case(
                pictures(leads(MINE / "train/0/0.png", OUTSIDE)), MINE / "train/0/0.png", OWN
            ),
            "own image is empty": Case(pictures(holds(MINE / "train/0/0.png", b"")), MINE / "train/0/0.png", OWN),
            "own image is a pickle": Case(
                pictures(holds(MINE / "train/0/0.png", pickle.dumps(Hostile()))), MINE / "train/0/0.png", OWN
            ),
            "own data is a file": Case(holds(MINE, b"mine"), MINE, OWN),
        },
    )
    | refuses(
        "implicit-augment",
        FINISHED,
        {
            **{f"result, {name}": Case(holds(FILES.result, c), FILES.result) for name, c in RESULTS.items()},
            "other options": Case(lambda: None, FILES.result, ("--lr", 0.01)),
        },
    )
    | refuses(
        "get-results",
        FINISHED,
        {
            **{f"result, {name}": Case(holds(FILES.result, c), FILES.result) for name, c in RESULTS.items()},
            **{f"result's {key} is {value}": Case(option(key, value), FILES.result) for key, value in OPTIONS},
            "result is a folder": Case(is_folder(FILES.result), FILES.result),
            "result is a link to text": Case(leads(FILES.result, OUTSIDE), FILES.result),
            "result is a broken link": Case(leads(FILES.result, BROKEN), FILES.name),
            "result of another setting": Case(lambda: FILES.result.rename(OTHER_SETTING), OTHER_SETTING, ("-ir", 5)),
            "figures are a file": Case(lambda: None, OUTSIDE, ("--plot", OUTSIDE)),
            "no run of the setting": Case(lambda: None, "no finished run of smallnet_opt_HES", ("-nr", 0.2)),
            "no setting of the match": Case(no_file(FILES.result), f"no finished run of {FILES.name}"),
            "data folder is a file": Case(lambda: None, OUTSIDE, ("--data", OUTSIDE)),
        },
    )
)


@pytest.fixture(scope="module")
def finished_run(scripts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert scripts["implicit-augment"].main(["--no-cuda", "--epochs", "2", *map(str, SETTING)]) == 0
    return folder


@pytest.mark.parametrize("name", CASES)
def test_files_and_folders(refused, finished_run, name):
    script, state, case = CASES[name]
    OUTSIDE.parent.mkdir()
    OUTSIDE.write_text("mine")
    if state != NOTHING:
        shutil.copytree(finished_run, ".", dirs_exist_ok=True)
    if state == STOPPED:
        FILES.result.unlink()
        shutil.copy(FILES.last, FILES.previous)
    case.damage()
    flags = ("--no-cuda", "--epochs", 2) if script == "implicit-augment" else ()
    refused(script, (*flags, *SETTING, *case.flags), str(case.culprit))


DRAWN_FROM = {
    **{f"metrics, {c}": Case(holds(FILES.metrics, c), FILES.metrics) for c in METRICS},
    "no metrics": Case(no_file(FILES.metrics), FILES.metrics),
    "metrics are a folder": Case(is_folder(FILES.metrics), FILES.metrics),
    **{f"predictions, {c}": Case(holds(FILES.predictions, c), FILES.predictions) for c in (b"", b"K", b"PK\x03\x04")},
    "predictions are a folder": Case(is_folder(FILES.predictions), FILES.predictions),
}


@pytest.mark.parametrize("name", DRAWN_FROM)
def test_what_figures_are_drawn_from(call, finished_run, sketched, name):
    """The table and the other figures are there all the same; the last line names the file."""
    shutil.copytree(finished_run, ".", dirs_exist_ok=True)
    DRAWN_FROM[name].damage()
    status, out, err = call("get-results", *SETTING, "--plot", "figures")
    assert status == 2
    assert "mean +- std" in out
    *others, last = err.splitlines()
    assert last.startswith(f"error: {DRAWN_FROM[name].culprit}")
    assert others
    assert all(line.startswith("written: figures/") for line in others)


@pytest.mark.parametrize("kind", ["best", "metrics", "result", "progress"])
def test_output_is_not_written_through_a_link(call, finished_run, kind):
    shutil.copytree(finished_run, ".", dirs_exist_ok=True)
    path = getattr(FILES, kind)
    FILES.result.unlink()
    OUTSIDE.parent.mkdir()
    OUTSIDE.write_bytes(b"mine")
    leads(path, OUTSIDE)()
    FILES.last.rename("before")
    status, _, err = call("implicit-augment", "--no-cuda", "--epochs", 2, *SETTING, "--fresh")
    assert status == 0, err
    assert OUTSIDE.read_bytes() == b"mine"
    assert not path.is_symlink()
    assert torch.load(FILES.last, weights_only=True)["epoch"] == 2

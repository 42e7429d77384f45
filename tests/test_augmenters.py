"""Augmentation networks through the command line: trained, resumed, stored, taken over and refused."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, Killed, call_in, contents, untimed_checkpoint
from damages import Hostile
from files_page import undocumented

from hyperopt.rows.augmenter_file import AugmenterFile
from utils.errors import UserError
from utils.fingerprint import fingerprint

SHORT = ("--no-cuda", *DISTORTION, "--epochs", 3, "--hyper-start", 1)
NET = ("--aug-model", "NET", "--net-start", "published", "--net-kind", "rotation", "--net-labels")
TAKEN = ("--aug-model", "NET", "--net-kind", "rotation", "--net-labels", "--rows-use", "A")
LEARNED = (*NET, "--los-model", "WGHT", "--hyper-opt", "FIS")
NAME = (
    "smallnet_opt_FIS_est_True_aug_model_NET_los_model_WGHT_ir_10_sr_0.24_nr_0.1_hyper_start_1_net_kind_rotation_"
    "net_start_published_net_labels_True"
)
RUN = Path("local_data/DIGITS/run0")
NETWORK = RUN / f"network_{NAME}.pt"
ROWS = {
    "HES": ("--aug-model", "NET", "--hyper-opt", "HES", "--net-labels"),
    "FIS": LEARNED,
    "UNR": (*NET, "--los-model", "WGHT", "--hyper-opt", "UNR", "--unroll-look", "published"),
    "untrained": ("--aug-model", "NET", "--net-start", "published"),
    "STN": ("--aug-model", "STN"),
}


@pytest.fixture(scope="module")
def learned(scripts, tmp_path_factory):
    """Folder of a run that has learned a network and weights."""
    folder = tmp_path_factory.mktemp("learned")
    assert call_in(folder, scripts["implicit-augment"], *SHORT, *LEARNED)[0] == 0
    return folder


@pytest.fixture
def there(call, learned):
    """A copy of that folder, in which the test runs."""
    shutil.copytree(learned, ".", dirs_exist_ok=True)


def train(call, *flags):
    return call("implicit-augment", *SHORT, *flags)


def network(path):
    return fingerprint(torch.load(path, weights_only=True))


@pytest.mark.parametrize("row", ROWS)
def test_run_is_the_same_twice_and_after_a_kill(call, killed_at, row):
    left = []
    for folder in ("once", "again"):
        revive = killed_at(11) if folder == "again" else lambda: None  # within the third epoch
        if folder == "again":
            with pytest.raises(Killed):
                train(call, *ROWS[row], "--data", folder)
        revive()
        status, _, err = train(call, *ROWS[row], "--data", folder)
        assert status == 0, err
        assert ("going on after epoch" in err) == (folder == "again")
        (run,) = Path(folder).glob("DIGITS/run0")
        (last,), (found,) = run.glob("last_*"), run.glob("network_*")
        left.append((untimed_checkpoint(last), network(found)))
    assert left[0] == left[1]


def test_run_leaves_its_network_its_figures_and_its_pictures(there):
    found = AugmenterFile.read(NETWORK)
    assert found.form == ("rotation", {"rotate": 60}, 1, 10)
    last = torch.load(RUN / f"last_{NAME}.pt", weights_only=True)
    weights = torch.cat([weight.flatten() for weight in found.weights.values()])
    assert torch.equal(weights, last["augment_state_dict"]["augmentation"])
    lines = list(csv.DictReader((RUN / f"metrics_{NAME}.csv").open()))
    assert len({line["rotate_mean"] for line in lines}) == 3
    assert all(0 < float(line["rotate_std"]) < 60 for line in lines)
    with np.load(RUN / f"rows_{NAME}.npz") as rows:
        assert {"weight", "confidence"} <= set(rows)
        assert not {"probability", "magnitude"} & set(rows)
    (log,) = Path("logs/DIGITS").iterdir()
    events = b"".join(path.read_bytes() for path in log.iterdir())
    assert b"Parameter/rotate" in events
    assert b"Learned augmentation" in events


def test_rate_of_tables_is_zero_where_no_table_moves(call):
    """A network has its own; the medians of times are over the epochs after the hyper start all the same."""
    for flags, moves in ((NET, False), ((*NET, "--los-model", "WGHT"), True)):
        assert train(call, *flags, "--hyper-opt", "FIS", "-r", f"run{int(moves)}")[0] == 0
        (path,) = Path(f"local_data/DIGITS/run{int(moves)}").glob("metrics_*.csv")
        lines = list(csv.DictReader(path.open()))
        assert [float(line["hyper_learning_rate"]) > 0 for line in lines] == [False, moves, moves]
        result = path.with_name(path.name.replace("metrics", "result")).with_suffix(".json")
        seconds = [float(line["hyper_seconds"]) for line in lines[1:]]
        assert json.loads(result.read_text())["timing"]["median_seconds"]["hyper"] == pytest.approx(
            sum(seconds) / 2, abs=1e-4
        )


def test_fresh_removes_the_network_with_the_other_files(call, there, killed_at):
    revive = killed_at(3)
    with pytest.raises(Killed):
        train(call, *LEARNED, "--fresh")
    revive()
    assert not NETWORK.exists()


@pytest.mark.parametrize("hyper_opt", ["NONE", "FIS"])
def test_training_goes_on_from_a_learned_network(call, there, hyper_opt):
    """Frozen without an estimator, and moved by one; the rest starts as usual."""
    flags = (*TAKEN, "--los-model", "WGHT", "--rows", NAME, "--hyper-opt", hyper_opt)
    assert train(call, *flags)[0] == 0
    (found,) = RUN.glob(f"network_*_opt_{hyper_opt}_*_use_A.pt")
    assert (network(found) == network(NETWORK)) == (hyper_opt == "NONE")
    with np.load(found.with_name(found.name.replace("network", "rows")).with_suffix(".npz")) as rows:
        assert (rows["weight"] == 1).all() == (hyper_opt == "NONE")
    assert train(call, *flags)[1].startswith("finished already")
    # Rows without their network are other rows.
    other = AugmenterFile.read(NETWORK)
    other.weights["last.bias"].add_(1)
    other.write(NETWORK)
    status, _, err = train(call, *flags)
    assert status == 2
    rows = NETWORK.with_name(f"rows_{NAME}.pt")
    assert f"started with another rows file than {rows}, or another network file than {NETWORK}; put" in err


def test_all_that_is_there_is_taken_over_by_default(call, there):
    assert train(call, *NET, "--los-model", "WGHT", "--rows", NAME)[0] == 0
    (found,) = RUN.glob("network_*_opt_NONE_*.pt")
    assert network(found) == network(NETWORK)
    with np.load(found.with_name(found.name.replace("network", "rows")).with_suffix(".npz")) as rows:
        assert (rows["weight"] != 1).any()


def test_refit_takes_over_the_network_with_the_weights(call, there):
    status, out, err = train(call, *LEARNED, "--refit")
    assert status == 0, err
    assert out.startswith("finished already")
    refit = RUN / f"network_{NAME}_refit_WCA.pt"
    assert network(refit) == network(NETWORK)
    assert train(call, *LEARNED, "--refit")[1].count("finished already") == 2


@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (("--net-kind", "scale", "--net-labels"), "another --net-kind"),
        (("--net-kind", "rotation"), "another --net-labels"),
        (("--net-kind", "rotation", "--net-labels", "--net-ranges", "rotate=10"), "another --net-ranges"),
        (("--net-labels", "--net-start", "published"), "another --net-kind"),
    ],
)
def test_network_of_another_form_is_refused(refused, there, flags, culprit):
    flags = ("--aug-model", "NET", *flags, "--rows", NAME, "--rows-use", "A")
    refused("implicit-augment", (*SHORT, *flags), culprit)


def test_network_of_other_images_is_refused(refused, there):
    found = AugmenterFile.read(NETWORK)
    flags = (*SHORT, *TAKEN, "--rows", NAME)
    AugmenterFile(found.form._replace(channels=3), found.weights).write(NETWORK)
    refused("implicit-augment", flags, "is for images of 3 channels, and these have 1")
    found.weights["label.weight"] = found.weights["label.weight"][:4].clone()
    AugmenterFile(found.form._replace(classes=4), found.weights).write(NETWORK)
    refused("implicit-augment", flags, "knows labels of 4 classes, and these are 10")


def test_rows_without_a_network_are_refused(call, refused, there):
    NETWORK.unlink()
    refused(
        "implicit-augment",
        (*SHORT, *TAKEN, "--rows", NAME),
        f"there is no network file {NETWORK}; take the rows of such a run",
    )
    flags = ("--aug-model", "NET", "--los-model", "WGHT", "--rows", NAME)
    refused("implicit-augment", (*SHORT, *flags), "so that --aug-model NET would have no effect")
    refused(
        "implicit-augment", (*SHORT, "--aug-model", "SEP", "--rows", NAME, "--rows-use", "A"), "has no augmentation"
    )


def test_augmentation_of_another_holder_names_the_right_flag(call, refused, there):
    table = ("--aug-model", "SEP")
    refused(
        "implicit-augment",
        (*SHORT, *table, "--rows", NAME, "--rows-use", "A"),
        f"has no augmentation, which the network {NETWORK} holds; take --aug-model NET in place of SEP",
    )
    assert train(call, *table)[0] == 0
    (path,) = RUN.glob("rows_*_aug_model_SEP_*.pt")
    refused(
        "implicit-augment",
        (*SHORT, *TAKEN, "--rows", path.stem.removeprefix("rows_")),
        f"{path} has its augmentation in a table, and there is no network file",
    )


def test_estimator_that_takes_nothing_by_default_asks_for_the_network(call, refused, there):
    flags = (*SHORT[:-2], *NET, "--net-start", "identity", "--hyper-opt", "CON", "--los-model", "WGHT", "--rows", NAME)
    refused("implicit-augment", flags, "takes over no network by default, so that --aug-model NET would have no effect")
    flags = (*flags, "--rows-use", "A")
    assert call("implicit-augment", *flags)[0] == 0


@pytest.mark.parametrize("net", [NET, TAKEN])
def test_finished_run_stays_finished_without_the_network_that_it_started_from(call, there, net):
    """As without the rows file."""
    flags = (*net, "--los-model", "WGHT", "--rows", NAME)
    assert train(call, *flags)[0] == 0
    NETWORK.unlink()
    status, out, err = train(call, *flags)
    assert status == 0
    assert out.startswith("finished already")
    assert err == f"note: {NETWORK} is not there, so that it was not compared with what the run started from\n"


def test_run_that_took_no_network_is_compared_without_one(call, there):
    flags = (*NET, "--los-model", "WGHT", "--rows", NAME, "--rows-use", "W")
    assert train(call, *flags)[0] == 0
    NETWORK.unlink()
    assert train(call, *flags)[2] == ""
    rows = NETWORK.with_name(f"rows_{NAME}.pt")
    content = torch.load(rows, weights_only=True)
    torch.save(content | {"weight": 2 * content["weight"]}, rows)
    status, _, err = train(call, *flags)
    assert status == 2
    assert "started with another rows file" in err


def test_network_of_a_spatial_transformer_cannot_be_taken_over(call, refused):
    assert train(call, "--aug-model", "STN")[0] == 0
    (path,) = RUN.glob("network_*.pt")
    for name in ("NET", "SEP"):
        flags = ("--aug-model", name, "--rows", path.stem.removeprefix("network_"), "--rows-use", "A")
        refused("implicit-augment", (*SHORT, *flags), f"{path} is of --aug-model STN, whose network sees the image")


WRONG = {
    "not a file of torch": b"network",
    "code": Hostile(),
    "a list": [1, 2],
    "another kind": {"kind": "elastic"},
    "no kind": {"kind": None},
    "a missing range": {"ranges": {}},
    "a foreign range": {"ranges": {"rotate": 60.0, "hue": 0.1}},
    "a range of text": {"ranges": {"rotate": "far"}},
    "too wide a range": {"ranges": {"rotate": 1e9}},
    "a negative number of classes": {"classes": -1},
    "very many classes": {"classes": 10**9},
    "a fraction of a channel": {"channels": 1.5},
    "other parameters": {"parameters": ["scale_x"]},
    "an unknown entry": {"seed": 3},
    "no weights": {"weights": {}},
    "weights of another shape": {"weights": {"last.weight": torch.zeros(2, 2)}},
    "weights that are text": {"weights": {"last.weight": "heavy"}},
    "double weights": {"weights": {"last.bias": torch.zeros(1).double()}},
    "weights without a value": {"weights": {"last.bias": torch.tensor([float("nan")])}},
}


@pytest.mark.parametrize("name", WRONG)
def test_damaged_or_foreign_file_is_refused(refused, there, name):
    wrong = WRONG[name]
    if isinstance(wrong, bytes):
        NETWORK.write_bytes(wrong)
    elif isinstance(wrong, dict):
        content = torch.load(NETWORK, weights_only=True)
        if wrong.get("weights"):
            wrong = {"weights": content["weights"] | wrong["weights"]}
        torch.save(content | wrong, NETWORK)
    else:
        torch.save(wrong, NETWORK)
    refused("implicit-augment", (*SHORT, *TAKEN, "--rows", NAME), f"{NETWORK} is not a network file")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match="there is no network file"):
        AugmenterFile.read(tmp_path / "network_mine.pt")


def test_unbounded_network_that_diverges_ends_the_run(call):
    flags = ("--aug-model", "NET", "--net-start", "published", "--hyper-opt", "FIS")
    status, _, err = train(call, *flags, "--unroll-lr", 1e4, "--unroll-clip", 1e4)
    assert status == 2
    assert "diverged in epoch" in err
    assert "--net-start identity, whose parameters have bounds" in err
    assert len([line for line in err.splitlines() if line.startswith("error")]) == 1


NEEDS = ("--aug-model", "NET", "--hyper-opt", "HES")


@pytest.mark.parametrize("script", ["implicit-augment", "get-results"])
@pytest.mark.parametrize(
    ("flags", "culprit"),
    [
        (("--aug-model", "SEP", "--net-kind", "affine"), "--net-kind has no effect on --aug-model SEP"),
        (("--net-labels",), "--net-labels has no effect on --aug-model NONE"),
        (("--aug-model", "STN", "--unroll-lr=3"), "--unroll-lr has no effect on --aug-model STN"),
        (("--aug-model", "NET"), "starts without any effect, and --hyper-opt NONE does not move it"),
        (("--aug-model", "NET", "--los-model", "SOFT", "--hyper-opt", "GMM"), "--hyper-opt GMM does not move it"),
        (("--aug-model", "NET", "--net-start", "published", "--unroll-clip", "2"), "--unroll-clip has no effect"),
        ((*NEEDS, "--los-model", "WGHT", "--refit", "--rows-use", "W"), "--rows-use W leaves the refit's"),
        ((*NEEDS, "--warp", "original"), "--warp has no effect on --aug-model NET"),
        ((*NEEDS, "--hyper-lr", "0.2"), "--hyper-lr has no effect on --aug-model NET"),
        ((*NEEDS, "--net-kind", "affine-colour"), "--net-kind affine-colour needs colours, and DIGITS is grey"),
        ((*NEEDS, "--net-ranges", "rotate=30,hue=0.1"), "--net-ranges hue=0.1 has no effect on --net-kind affine"),
        ((*NEEDS, "--net-kind", "rotation", "--net-ranges", "rotate=0"), "without a range above zero"),
        ((*NEEDS, "--net-start", "published", "--net-ranges", "rotate=3"), "which has no bounds"),
        (("--aug-model", "STN", "--hyper-opt", "HES"), "take --aug-model NET or --hyper-opt NONE"),
        (("--method", "DABO", "--aug-model", "STN"), "by --hyper-opt UNR; take --aug-model NET or --hyper-opt NONE"),
        ((*NET, "--rows", "mine", "--rows-use", "A"), "--net-start published has no effect on --net-kind rotation"),
        (("--aug-model", "STN", "--rows", "mine"), "leave out --rows"),
    ],
)  # fmt: skip
def test_flags_without_effect_are_refused(refused, script, flags, culprit):
    refused(script, flags, culprit)


def test_malformed_ranges_end_in_one_line(call):
    status, out, err = train(call, *NEEDS, "--net-ranges", "rotate=1000")
    assert (status, out) == (2, "")
    assert "'1000' must be a number from 0 to 180 (degrees) for rotate; --help lists the flags" in err
    assert len(err.splitlines()) == 1
    assert not contents()


def test_name_tells_what_is_unusual(call):
    flags = (*NEEDS, "--net-ranges", "translate=0.2,rotate=30", "--unroll-decay", "0")
    plan = train(call, *flags, "--dry-run")[1]
    assert "_net_ranges_rotate30-translate0.2_unroll_decay_0.0.json" in plan
    assert "_net_" not in train(call, *NEEDS, "--net-ranges", "rotate=60", "--dry-run")[1].splitlines()[-2]
    assert call("implicit-augment", "--aug-model", "NET", "--help")[1].count("--net-kind") == 1
    for script in ("implicit-augment", "get-results"):
        shown = call(script, "--help")[1]
        assert "--net-kind" not in shown
        assert "augmentations whose own flags --aug-model NAME --help shows: NET" in shown


@pytest.mark.usefixtures("sketched")
def test_both_scripts_and_stored_runs_know_the_network(call, there, results):
    status, out, _ = call("get-results", "--all")
    assert status == 0
    assert "NET/WGHT FIS" in out
    assert undocumented("local_data") == set()
    status, out, err = results(*DISTORTION, *LEARNED, "--audit", "audit.csv")
    assert (status, err) == (0, "written: audit.csv\n")
    status, _, err = call("get-results", "--all", "--plot", "figures")
    assert status == 0, err


def test_grey_own_data_with_colours_are_refused_when_the_images_are_known(refused):
    from damages import write_arrays  # a small data set of one's own

    write_arrays(Path("local_data/mine"), {"train": range(60), "test": range(60, 80)})
    flags = ("--dataset", "mine", "--recipe", "DIGITS", *NEEDS, "--net-kind", "affine-colour", "--batch-size", 8)
    refused("implicit-augment", (*map(str, flags), "--no-cuda"), "needs colours, and mine is grey")

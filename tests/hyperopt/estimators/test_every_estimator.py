"""What holds for every estimator of the table, and for one that is added in a test."""

import csv
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from conftest import Killed, call_in, contents
from files_page import undocumented

from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.table import ESTIMATORS, Entry, find_estimator
from hyperopt.options.resolve import options_parser
from hyperopt.options.run_options import RunOptions
from utils.fingerprint import fingerprint
from utils.flags import as_flag, flag, number

DATA = ("-ir", 10, "-sr", 0.24, "-nr", 0.3)
LEARNING = ("--aug-model", "SEP", "--los-model", "BOTH")
ORDERING = ("--aug-model", "TRANSLATE")
TRAINING = ("--no-cuda", "--epochs", 4)  # flags that the results script does not have
SHORT = (*TRAINING, "--hyper-start", 1)


class Toy(Estimator):
    """Fills the weights from the places of the images in the table, before every epoch."""

    fills = "W"

    @dataclass(frozen=True)
    class Options:
        """Its flag."""

        toy_slope: float = flag(0.5, "of the weights", type=number(float, 0, 9))

    def epoch(self, number):
        index = self.training.loaders.train_index
        self.seen = getattr(self, "seen", 0) + len(index)
        weight = 0.1 + self.options.toy_slope * number * (index % 7) / 7
        self.training.rows.fill(index, {"weight": weight.float()}, "W")
        return super().epoch(number)

    def state(self):
        return {"seen": torch.tensor(getattr(self, "seen", 0))}

    def load(self, state):
        self.seen = state["seen"].item()

    def measures(self):
        return {"toy_seen": self.seen}


@pytest.fixture(autouse=True, scope="module")
def toy():
    """The toy stands in the table of estimators, in a module that is found as any other."""
    module = ModuleType("toy_estimator")
    module.Toy = Toy
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "toy_estimator", module)
        patch.setitem(ESTIMATORS, "TOY", Entry("toy_estimator", "Toy", "weights from places"))
        yield


NAMES = [*ESTIMATORS, "TOY"]


def flags_of(name, train):
    """The flags of a run by an estimator; where it starts from another run, that is trained first."""
    common = (*SHORT, *DATA, *(ORDERING if name == "SEL" else LEARNING))
    if name != "CON":
        return (*common, "--hyper-opt", name)
    start = "smallnet_opt_NONE_est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_0.24_nr_0.3_train_on_both"
    assert train(*common, "--train-on", "both")[0] == 0
    return (*common, "--hyper-opt", name, "--rows", start, "--train-on", "both")


@pytest.fixture(scope="module", params=NAMES)
def trained(request, scripts, tmp_path_factory):
    """A finished run by each estimator, in a folder of its own: its name, the folder, its flags, what was printed."""
    folder = tmp_path_factory.mktemp(request.param)
    run = partial(call_in, folder, scripts["implicit-augment"])
    flags = flags_of(request.param, run)
    status, out, err = run(*flags)
    assert status == 0, err
    return request.param, folder, flags, out


def left(name, folder="."):
    """What a run by an estimator has left, but for its clocks."""
    (last,) = Path(folder, "local_data").glob(
        f"DIGITS/run0/last_*_opt_{name}_*.pt" if name != "NONE" else "DIGITS/run0/last_*.pt"
    )
    content = torch.load(last, weights_only=True)
    kept = {key: value for key, value in content.items() if key not in ("epochs", "log", "options", "checksum")}
    kept.pop("rows_checksum")
    with np.load(last.with_name(last.name.replace("last", "rows")).with_suffix(".npz")) as rows:
        columns = {key: torch.from_numpy(rows[key]) for key in rows if rows[key].dtype.kind in "fi"}
    return fingerprint(kept), fingerprint(columns)


def test_run_is_trained_tabulated_and_audited(trained, scripts):
    name, folder, flags, out = trained
    assert f"opt_{name}_est_True" in out
    assert undocumented(folder / "local_data") - {("Metrics", "toy_seen")} == set()
    results = partial(call_in, folder, scripts["get-results"])
    status, out, _ = results("--all")
    assert status == 0
    assert f"{'TRANSLATE/NONE' if name == 'SEL' else 'SEP/BOTH'} {name}" in out
    status, out, err = results(*flags[len(TRAINING) :], "--audit", "audit.csv")
    assert status == 0, err
    assert "labels look wrong" in out
    assert len((folder / "audit.csv").read_text().splitlines()) > 100


def test_run_that_is_killed_goes_on_bit_for_bit(trained, call, killed_at):
    """So the same command gives the same result, too."""
    name, folder, _, _ = trained
    train = partial(call, "implicit-augment")
    flags = flags_of(name, train)
    revive = killed_at(13)  # within the third epoch
    with pytest.raises(Killed):
        train(*flags)
    revive()
    status, _, err = train(*flags)
    assert status == 0
    assert "note: going on after epoch" in err
    assert left(name) == left(name, folder)
    assert train(*flags)[1].startswith("finished already")


@pytest.mark.parametrize("name", NAMES)
def test_flags_are_its_own(call, refused, name):
    own = find_estimator(name).flag_names()
    shown = options_parser(RunOptions, "", name).format_help()
    assert all(as_flag(option) in shown for option in own)
    assert f"\n  {name} " in shown
    foreign = {option for other in NAMES for option in find_estimator(other).flag_names()} - set(own)
    assert foreign
    for option in foreign:
        assert f"\n  {as_flag(option)}" not in shown
        culprit = f"{as_flag(option)} has no effect on --hyper-opt {name}"
        refused("implicit-augment", ("--hyper-opt", name, as_flag(option), "1"), culprit)
        refused("get-results", ("--hyper-opt", name, f"{as_flag(option)}=1"), culprit)


@pytest.mark.parametrize("name", NAMES)
def test_training_never_sees_a_true_label_that_is_not_given(call, name, monkeypatch):
    """With other true labels of the images that are trained on, and the same given ones, the same is learned."""
    from custom_datasets.loaders import Loaders

    train = partial(call, "implicit-augment")
    flags, given = flags_of(name, train), []
    for method in ("train", "hyper"):
        make = getattr(Loaders, method)

        def spy(self, size, make=make):
            batches = make(self, size)
            given.extend((batch.given, self.given[batch.index]) for batch in batches)
            return batches

        monkeypatch.setattr(Loaders, method, spy)
    assert train(*flags)[0] == 0
    assert given
    assert all(torch.equal(seen, expected) for seen, expected in given)


@pytest.mark.parametrize("models", [("--los-model", "SOFT"), ("--aug-model", "SEP"), ()])
def test_estimator_without_a_part_that_it_fills_is_refused(refused, models):
    culprit = "--hyper-opt TOY has nothing to learn; add --los-model WGHT|BOTH"
    refused("implicit-augment", ("--hyper-opt", "TOY", *models), culprit)
    refused("get-results", ("--hyper-opt", "TOY", *models), culprit)


def test_toy_costs_one_file_and_one_line(call, results):
    """Its flag, name, rows, columns and refusals come from the table alone."""
    flags = (*SHORT, *DATA, "--los-model", "WGHT", "--hyper-opt", "TOY", "--toy-slope", 2)
    status, _, err = call("implicit-augment", *flags)
    assert status == 0, err
    (path,) = Path("local_data/DIGITS/run0").glob("rows_*_opt_TOY_*_toy_slope_2.0.npz")
    with np.load(path) as rows:
        expected = 0.1 + 2 * 4 * (rows["index"] % 7) / 7  # the last epoch's
        np.testing.assert_allclose(rows["weight"], expected, rtol=1e-5)
        images = len(rows["index"])
    metrics = list(csv.DictReader(next(path.parent.glob("metrics_*")).open()))
    assert [float(line["toy_seen"]) for line in metrics] == [images, 2 * images, 3 * images, 4 * images]
    before = contents()
    assert call("implicit-augment", *flags)[1].startswith("finished already")
    assert contents() == before
    # Training with its rows, by name and with the letter of what it fills.
    name = path.stem.removeprefix("rows_")
    status, _, err = call("implicit-augment", *SHORT, *DATA, "--los-model", "WGHT", "--rows", name, "--rows-use", "W")
    assert status == 0, err
    assert "toy slope 2.0" in results("--all")[1]
    assert call("implicit-augment", "--help")[1].count("TOY") == 2

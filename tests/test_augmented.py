"""Trainings in which only the first images of an order are augmented."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import DISTORTION, Killed, untimed_checkpoint

from custom_datasets.distortion import distorted_images
from custom_datasets.sources import load_dataset
from hyperopt.estimators.estimator import Estimator
from hyperopt.estimators.table import ESTIMATORS, Entry
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.report.comparisons import is_control
from hyperopt.rows.rows_file import RowsFile
from hyperopt.runs.set_up import images_to_augment, make_training, prepare_split
from hyperopt.runs.stages import stages
from utils.errors import UserError
from utils.fingerprint import fingerprint
from utils.flags import count_of, count_or_share, flag

IMAGES = 133  # of the distorted training set
RUN = Path("local_data/DIGITS/run0")
SETTING = (*DISTORTION, "--aug-model", "RAND")
BASELINE = "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_10_sr_0.24_nr_0.1"
FINISHED = "finished already, --fresh starts over"
DEVICE = torch.device("cpu")


class Ordering(Estimator):
    """Orders the images by a fixed shuffle of their places."""

    fills = "R"

    @dataclass(frozen=True)
    class Options:
        """Its flag."""

        toy_step: str = flag("7", "of the shuffle")

    def epoch(self, number):
        index = self.training.loaders.train_index.sort().values
        self.training.rows.fill(index, {"rank": self.ranks(len(index)) * number % len(index)}, "R")
        return super().epoch(number)

    def ranks(self, images):
        return torch.arange(images) * int(self.options.toy_step) % images

    def columns(self, index):
        return {"score": self.ranks(len(index)).float()}


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """An estimator that orders images stands in the table of estimators."""
    module = ModuleType("toy_order")
    module.Ordering = Ordering
    monkeypatch.setitem(sys.modules, "toy_order", module)
    monkeypatch.setitem(ESTIMATORS, "ORD", Entry("toy_order", "Ordering", "by places"))


@pytest.fixture
def train(train):
    """Trains two epochs; where rows are learned, they move in the second."""
    return lambda *flags: train("--epochs", 2, *flags)


@pytest.fixture
def ranked(train):
    """The rows file of a finished run of the same data, with ranks."""
    assert train(*DISTORTION, "--los-model", "WGHT")[0] == 0
    (path,) = RUN.glob("rows_*.pt")
    rank = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(1))
    torch.save(torch.load(path, weights_only=True) | {"rank": rank}, "ranked.pt")
    return rank


def options(*flags):
    return resolve(parse_options(RunOptions, "", [*map(str, flags)]))


def the_file(pattern):
    (path,) = RUN.glob(pattern)
    return path


def weights(path):
    content = torch.load(path, weights_only=True)
    return fingerprint({name: content[name] for name in ("encoder_state_dict", "decoder_state_dict")})


@pytest.fixture
def training(tmp_path, monkeypatch):
    """training(*flags) -> a training at its start, with a rank for all but the last three images of its set."""
    monkeypatch.chdir(tmp_path)

    def make(*flags):
        run = options(*DISTORTION, "--rows", "ranked.pt", "--precision", "fp32", *flags)
        data = load_dataset("DIGITS", run.folder, DEVICE)
        run.files.folder.mkdir(parents=True, exist_ok=True)
        found = make_training(run, data, prepare_split(run, data), DEVICE)
        index = found.loaders.train_index[:-3]
        found.rows.fill(index, {"rank": torch.randperm(len(index), generator=torch.Generator().manual_seed(1))}, "R")
        return found

    return make


@pytest.mark.parametrize("flags", [("--aug-model", "RAND"), ("--cutout", 4), ("--aug-model", "SEP", "--cutout", 3)])
def test_view_of_each_image_is_strong_or_base(training, flags):
    """Both are drawn of the whole batch: the strong ones as without an order, then the base ones."""
    run = training("--augmented", 50, *flags)
    batch = next(iter(run.loaders.train(64)))
    start = run.draws.get_state()
    strong = run.views.training(batch.images)
    base = run.views.base(batch.images)
    end = run.draws.get_state()
    run.draws.set_state(start)
    found = run.strong(batch)
    assert torch.equal(run.draws.get_state(), end)
    chosen = [run.rows.order.rank[image] < 50 for image in batch.index]
    assert 10 < sum(chosen) < 40
    assert not torch.equal(strong, base)
    for place, augmented in enumerate(chosen):
        assert torch.equal(found[place], (strong if augmented else base)[place])
    if "A" not in run.rows.holders:
        return
    with torch.no_grad():
        run.draws.set_state(end)
        moved = run.rows._effect(found, run.rows.leaves(batch.index)["A"], run.draws)
        run.draws.set_state(start)
        seen, _ = run.augmented(batch)
    for place, augmented in enumerate(chosen):
        assert torch.equal(seen[place], (moved if augmented else base)[place])


def test_draws_do_not_depend_on_the_order(training):
    one, other = (training("--augmented", count, "--aug-model", "RAND") for count in ("10", "90%"))
    for run in (one, other):
        run.augmented(next(iter(run.loaders.train(64))))
    assert torch.equal(one.draws.get_state(), other.draws.get_state())


@pytest.mark.parametrize(("augmented", "count"), [("133", 133), ("50%", 67), ("49.9%", 66), ("1", 1), ("0.4%", 1)])
def test_number_of_augmented_images_is_of_the_distorted_ones(training, augmented, count):
    run = training("--aug-model", "RAND", "--augmented", augmented, "--train-on", "both")
    assert run.rows.order.first == count
    assert len(run.loaders.train_index) > IMAGES


@pytest.mark.parametrize(
    ("text", "normal", "of_200"),
    [("007", "7", 7), ("50.0%", "50%", 100), ("12.50%", "12.5%", 25), ("0.25%", "0.25%", 1), ("0.24%", "0.24%", 0)],
)
def test_amounts_have_one_text_each(text, normal, of_200):
    assert count_or_share(text) == count_or_share(normal) == normal
    assert count_of(normal, 200) == of_200


def test_share_of_no_image_and_more_images_than_there_are_are_named():
    split = SimpleNamespace(train=np.arange(133), valid=np.arange(133, 200))
    assert len(distorted_images(split)) == IMAGES
    with pytest.raises(UserError, match="--augmented 134 is 134 of 133 images; lower it"):
        images_to_augment("134", split)
    with pytest.raises(UserError, match=r"--augmented 0\.3% is 0 of 133 images; raise it"):
        images_to_augment("0.3%", split)
    assert images_to_augment(None, split) is None


@pytest.mark.parametrize("flags", [(), ("--train-on", "both"), ("--hyper-opt", "CON", "--los-model", "WGHT")])
def test_order_of_a_file_is_trained_with_and_left(train, ranked, flags):
    use = ("--rows-use", "R") if "CON" in flags else ()
    status, out, err = train(*SETTING, "--rows", "ranked.pt", "--augmented", "050", *flags, *use)
    assert (status, err) == (0, "")
    assert "_augmented_50_rows_ranked" in out
    left = RowsFile.read(the_file("rows_*_augmented_50_*.pt"))
    assert torch.equal(left.columns["rank"], ranked)
    assert "R" in left.letters
    assert train(*SETTING, "--rows", "ranked.pt", "--augmented", 90, *flags, *use)[0] == 0
    one, other = (weights(the_file(f"last_*_augmented_{count}_*.pt")) for count in (50, 90))
    assert one != other


@pytest.mark.parametrize("estimator", ["HES", "FIS", "UNR"])
def test_augmentation_is_learned_for_the_first_images_alone(train, ranked, estimator):
    learned = ("--aug-model", "SEP", "--los-model", "WGHT", "--hyper-opt", estimator)
    flags = (*DISTORTION, *learned, "--rows", "ranked.pt", "--rows-use", "R", "--augmented", "40%", "--hyper-start", 0)
    status, _, err = train(*flags)
    assert (status, err) == (0, "")
    left = RowsFile.read(the_file("rows_*_augmented_40%_*.pt")).columns
    first, moved = ranked < 53, (left["magnitude"] != 0.5).any(1)
    assert not moved[~first].any()
    # Not every image is in a batch, or moves an operation that happens.
    assert moved[first].float().mean() > 0.7
    assert (left["weight"][~first] != 1).float().mean() > 0.7


CHAIN = (*SETTING, "--hyper-opt", "ORD", "--toy-step", 5)
ORDERED = "smallnet_opt_ORD_est_True_aug_model_RAND_los_model_NONE_ir_10_sr_0.24_nr_0.1_toy_step_5"


def test_estimator_that_orders_is_a_stage_before_the_training():
    run = options(*CHAIN, "--augmented", "50%", "--fresh")
    ordering, training = stages(run)
    assert ordering.run == ordering.training == options(*CHAIN)
    assert training.run is run
    assert run.name == f"{ORDERED.replace('_toy', '_augmented_50%_toy')}"
    flags = ("--augmented", "50%", "--rows", ordering.run.name, "--rows-use", "R", "--fresh")
    assert training.training == options(*SETTING, *flags)
    assert training.rows_path == ordering.run.files.rows
    assert [run.row_parts, ordering.run.row_parts, training.training.row_parts] == ["R"] * 3
    assert [stage.run for stage in stages(options(*CHAIN))] == [options(*CHAIN)]


def test_chain_is_both_commands_by_hand(train, results):
    assert train(*CHAIN, "--augmented", "50%")[0] == 0
    assert train(*CHAIN)[1].startswith(FINISHED)
    left = RowsFile.read(RUN / f"rows_{ORDERED}.pt")
    rank = torch.arange(IMAGES) * 5 * 2 % IMAGES  # of the second epoch
    assert torch.equal(left.columns["rank"], rank)
    assert torch.equal(left.columns["score"], (torch.arange(IMAGES) * 5 % IMAGES).float())
    status, _, err = train(*SETTING, "--augmented", "50%", "--rows", ORDERED, "--rows-use", "R")
    assert (status, err) == (0, "")
    assert weights(the_file("last_*ORD*augmented*")) == weights(the_file("last_*opt_NONE_est_*augmented*"))
    assert weights(the_file("last_*ORD*augmented*")) != weights(RUN / f"last_{ORDERED}.pt")
    before = {path: path.read_bytes() for path in RUN.iterdir()}
    out = train(*CHAIN, "--augmented", "50%")[1]
    assert [line.split(":")[0] for line in out.splitlines()] == [FINISHED] * 2
    assert {path: path.read_bytes() for path in RUN.iterdir()} == before
    name = ORDERED.replace("_toy", "_augmented_50%_toy")
    assert train(*SETTING, "--augmented", 5, "--rows", name)[0] == 0
    labels = [record["row"] for record in json.loads(results("--all", "--format", "json")[1])]
    assert "RAND/NONE ORD augmented 50% toy step 5" in labels
    assert results(*CHAIN, "--augmented", "50%", "--audit", "audit.csv")[0] == 0


def test_run_without_a_limit_is_that_without_an_order(train):
    """An estimator that orders images changes nothing in its own training."""
    assert train(*CHAIN)[0] == train(*SETTING)[0] == 0
    assert weights(RUN / f"last_{ORDERED}.pt") == weights(the_file("last_*opt_NONE_est_*RAND*"))


def test_chain_that_dies_ends_like_one_that_never_did(train, killed_at):
    flags = (*CHAIN, "--augmented", 30)
    assert train(*flags, "--data", "whole")[0] == 0
    for number in (8, 12, 7):
        revive = killed_at(number)
        with pytest.raises(Killed):
            train(*flags)
        revive()
    assert train(*flags)[0] == 0
    whole, last = (sorted((Path(data) / "DIGITS/run0").glob("last_*")) for data in ("whole", "local_data"))
    assert [untimed_checkpoint(path) for path in last] == [untimed_checkpoint(path) for path in whole]


def test_earlier_stage_is_started_over_by_its_own_command(train):
    assert train(*CHAIN)[0] == 0
    status, _, err = train(*CHAIN, "--augmented", 30, "--lr", 0.01)
    assert status == 2
    assert "which is this one with --fresh and without --augmented)" in err


def test_more_images_than_there_are_are_refused_before_the_first_stage(train):
    status, out, err = train(*CHAIN, "--augmented", 134)
    assert (status, out.count("epoch")) == (2, 0)
    assert "--augmented 134 is 134 of 133 images; lower it" in err


def test_dry_run_shows_both_stages(train):
    status, out, _ = train(*CHAIN, "--augmented", "50%", "--dry-run")
    assert status == 0
    plans = [dict(line.split(maxsplit=1) for line in part.splitlines()) for part in out.split("\n\n")]
    rows = str(RUN / f"rows_{ORDERED}.pt")
    figures = [(plan["augmented"], plan["trained_on"], plan["starts_from"]) for plan in plans]
    assert figures == [("None", "distorted", "usual rows"), ("50%", "distorted", f"{rows} (not there)")]


def test_training_with_an_order_is_no_control():
    flags = (*SETTING, "--augmented", 5)
    runs = [options(*SETTING), options(*flags, "--rows", "x.pt"), options(*flags, "--hyper-opt", "ORD")]
    assert [is_control(SimpleNamespace(options=run)) for run in runs] == [True, False, False]


REFUSED = {
    "--aug-model RAND --augmented 0": "0 is out of range; it must be at least 1",
    "--aug-model RAND --augmented 0%": "0 is out of range; it must be above 0",
    "--aug-model RAND --augmented 101%": "101 is out of range; it must be above 0 and at most 100",
    "--aug-model RAND --augmented half": "'half' is not a whole number",
    "--aug-model RAND --augmented 5": "--augmented needs an order of the images; add --rows RUN --rows-use R, or "
    "--hyper-opt SEL|ORD",
    "--aug-model RAND --augmented 5 --los-model WGHT --rows x.pt --rows-use W": "add --rows RUN --rows-use R",
    "--aug-model RAND --augmented 5 --los-model WGHT --rows x.pt --hyper-opt CON": "add --rows RUN --rows-use R",
    "--augmented 5 --hyper-opt ORD": "add --aug-model or --cutout",
    "--augmented 5 --rows x.pt": "add --aug-model or --cutout",
    "--aug-model RAND --rows x.pt --rows-use R": "--rows-use R is an order of images, which has an effect with "
    "--augmented; add it",
    "--aug-model RAND --hyper-opt ORD --augmented 5 --rows x.pt": "leave out --rows",
    "--aug-model RAND --hyper-opt ORD --augmented 5 --oversplit": "--augmented and --oversplit exclude each other",
    "--aug-model RAND --hyper-opt ORD --augmented 5 --refit": "--refit learns rows first; add",
    "--aug-model SEP --hyper-opt FIS --augmented 5 --refit": "--augmented and --refit exclude each other",
    "--aug-model RAND --rows x.pt --augmented 5 --train-on valid": "which --train-on valid leaves out",
    "--aug-model RAND --los-model SOFT --hyper-opt GMM --augmented 5": "--augmented has no effect on --hyper-opt GMM",
    "--aug-model SEP --hyper-opt FIS --refit --rows-use R": "--rows-use R is an order of images",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_contradictions_are_refused_in_one_line(refused, flags):
    refused("implicit-augment", flags.split(), REFUSED[flags])


def test_file_without_ranks_is_refused(train, ranked):
    content = torch.load("ranked.pt", weights_only=True)
    del content["rank"]
    torch.save(content, "plain.pt")
    for use in ((), ("--rows-use", "R")):
        status, _, err = train(*SETTING, "--los-model", "WGHT", "--augmented", 5, "--rows", "plain.pt", *use)
        assert (status, len(err.splitlines())) == (2, 1)
        assert "plain.pt has no rank, only WC; " in err

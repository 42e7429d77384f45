"""ReSmooth's views, losses and stages: what a step trains on, and what a command leaves."""

import csv
import dataclasses
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import DISTORTION, Killed, contents
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from test_epochs import TRAIN, make  # noqa: F401  # a fixture

from custom_datasets.sources import load_dataset
from hyperopt.estimators.view_losses import first_of_kind, weighted
from hyperopt.options.stored import read_result
from hyperopt.report.figures.mixture import draw_mixture
from hyperopt.report.review import review_run
from hyperopt.rows.rows_file import RowsFile
from hyperopt.runs import command
from hyperopt.runs.stages import FinishedRun
from utils.errors import UserError
from utils.file_lock import hold
from utils.fingerprint import CHECKSUM, fingerprint
from utils.passes import Batch
from utils.runs.files import RunFiles

RAND = ("--hyper-opt", "GMM", "--aug-model", "RAND", "--los-model")
GMM = (*RAND, "SOFT")
POSTERIOR = torch.tensor([0.9, 0.2, 0.7, 0.4, 0.6, 0.1])
NAME = "smallnet_opt_GMM_est_True_aug_model_RAND_los_model_SOFT_ir_10_sr_0.24_nr_0.1"
BASELINE = "smallnet_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_10_sr_0.24_nr_0.1"


def batch_of(estimator, size):
    index = TRAIN.repeat(-(-size // len(TRAIN)))[:size]
    training = estimator.training
    return Batch(training.data.train.images[index], training.rows.given[index], index)


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.2, 51), (0.6, 153), (1, 256)])
def test_leading_views_are_original(make, share, count):  # noqa: F811
    """The rest is augmented; here the policy inverts the pictures."""
    estimator = make(*GMM, "--mixture-originals", str(share), *(["--mixture-smooth-originals"] if share == 1 else []))
    training = estimator.training
    inverting = lambda images: training.views.base(255 - images)  # noqa: E731
    training.views = dataclasses.replace(training.views, training=inverting)
    batch = batch_of(estimator, 256)
    views = estimator.views(batch)
    assert views.originals == count
    normalised = training.views.evaluation(batch.images)
    inverted = training.views.evaluation(255 - batch.images)
    assert torch.equal(views.images[:count], normalised[:count])
    assert torch.equal(views.images[count:], inverted[count:])


def test_loss_is_the_weighted_mean_over_original_and_augmented_views(make):  # noqa: F811
    estimator = make(*GMM, "--mixture-originals", "0.25", "--mixture-smooth", "0.3")
    estimator.detector.fit()
    state = estimator.training.draws.get_state()
    batch = batch_of(estimator, 32)
    found = estimator.loss(batch)
    estimator.training.draws.set_state(state)
    views = estimator.views(batch)
    assert torch.equal(views.posterior[:8], torch.ones(8))
    amount = (1 - views.posterior) * 0.3
    target = (1 - amount)[:, None] * F.one_hot(batch.given, 10) + amount[:, None] / 10
    losses = F.cross_entropy(estimator.training.model(views.images), target, reduction="none")
    assert found.item() == pytest.approx((0.25 * losses[:8].mean() + 0.75 * losses[8:].mean()).item(), rel=1e-5)


def test_originals_are_smoothed_by_their_own_posterior(make):  # noqa: F811
    estimator = make(*GMM, "--mixture-originals", "0.25", "--mixture-smooth-originals", "--mixture-smooth", "0.3")
    posterior = torch.arange(32) / 32
    estimator.detector.posterior = lambda images, given: posterior
    batch = batch_of(estimator, 32)
    views = estimator.views(batch)
    assert torch.equal(views.posterior, posterior)
    amount = (1 - posterior) * 0.3
    target = (1 - amount)[:, None] * F.one_hot(batch.given, 10) + amount[:, None] / 10
    losses = F.cross_entropy(estimator.training.model(views.images), target, reduction="none")
    expected = 0.25 * losses[:8].mean() + 0.75 * losses[8:].mean()
    assert estimator.mean_loss(views).item() == pytest.approx(expected.item(), rel=1e-5)
    # What is remembered is of the augmented views.
    assert estimator.measures() == pytest.approx({"posterior": posterior[8:].mean().item(), "strange_views": 8 / 24})
    torch.testing.assert_close(estimator.detector.mean(batch.index[8:]), posterior[8:])


def test_originals_alone_have_no_measure_of_augmented_views(make):  # noqa: F811
    estimator = make(*GMM, "--mixture-originals", "1", "--mixture-smooth-originals")
    estimator.detector.posterior = lambda images, given: torch.full((32,), 0.5)
    batch = batch_of(estimator, 32)
    views = estimator.views(batch)
    expected = F.cross_entropy(estimator.training.model(views.images), batch.given, label_smoothing=0.2)
    assert estimator.mean_loss(views).item() == pytest.approx(expected.item(), rel=1e-5)
    assert estimator.measures() == {}


@pytest.mark.parametrize("form", ["corrected", "released"])
def test_augmented_views_alone_are_distilled(make, form):  # noqa: F811
    estimator = make(*GMM, "--mixture-originals", "0.25", "--distil", form, "--distil-temperature", "3")
    batch = batch_of(estimator, 32)
    views = estimator.views(batch)
    assert estimator.measures() == {}
    student, teacher = estimator.training.model(views.images), estimator.detector.logits(views.images)
    pair = [(logits[8:] / 3).log_softmax(1) for logits in (student, teacher)]
    divergence = F.kl_div(*(pair if form == "corrected" else pair[::-1]), reduction="batchmean", log_target=True)
    hard = F.cross_entropy(student[8:] / (1 if form == "corrected" else 3), batch.given[8:])
    originals = F.cross_entropy(student[:8], batch.given[:8])
    expected = 0.25 * originals + 0.75 * (hard + 0.5 * 9 * divergence)
    assert estimator.mean_loss(views).item() == pytest.approx(expected.item(), rel=1e-5)


def test_weight_of_a_view_is_its_posterior(make):  # noqa: F811
    estimator = make(*RAND, "WGHT", "--mixture-originals", "0")
    estimator.detector.fit()
    batch = batch_of(estimator, 32)
    state = estimator.training.draws.get_state()
    found = estimator.loss(batch)
    estimator.training.draws.set_state(state)
    views = estimator.views(batch)
    losses = F.cross_entropy(estimator.training.model(views.images), batch.given, reduction="none")
    assert found.item() == pytest.approx((views.posterior * losses).mean().item(), rel=1e-5)


def test_weights_are_positive_where_every_view_is_strange(make, tmp_path):  # noqa: F811
    """No rows file may have zero for all images; the released fit can round all posteriors to it."""
    estimator = make(*RAND, "WGHT")
    index = TRAIN.sort().values
    estimator.detector.remember(index, torch.zeros(len(index)))
    columns = estimator.columns(index)
    assert not columns["posterior"].any()
    assert (columns["weight"] > 0).all()
    path = tmp_path / "rows.pt"
    path.write_bytes(RowsFile(index, estimator.training.rows.given[index], "DIGITS", "abc", columns).as_pt())
    assert RowsFile.read(path).letters == "W"


def test_all_views_smoothed_alike_is_torchs_label_smoothing(make):  # noqa: F811
    flags = ("--mixture-posterior", "ood", "--mixture-smooth", "0.2", "--mixture-originals", "0")
    estimator = make(*GMM, *flags)
    assert estimator.detector is None
    batch = batch_of(estimator, 32)
    state = estimator.training.draws.get_state()
    found = estimator.loss(batch)
    estimator.training.draws.set_state(state)
    logits = estimator.training.model(estimator.views(batch).images)
    assert found.item() == pytest.approx(F.cross_entropy(logits, batch.given, label_smoothing=0.2).item(), rel=1e-5)


def test_weightings():
    draws = torch.Generator().manual_seed(0)
    assert weighted(POSTERIOR, "regular", draws) is POSTERIOR
    torch.testing.assert_close(weighted(weighted(POSTERIOR, "reverse", draws), "reverse", draws), POSTERIOR)
    mixed = weighted(POSTERIOR, "random", draws)
    assert not torch.equal(mixed, POSTERIOR)
    assert torch.equal(mixed.sort().values, POSTERIOR.sort().values)
    uniform = weighted(torch.ones(4000), "uniform", draws)
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.02)
    assert uniform.std().item() == pytest.approx(12**-0.5, abs=0.02)


def test_released_form_smooths_originals_only_in_an_ablation(make):  # noqa: F811
    flags = ("--mixture-form", "released", "--mixture-originals", "0.5", "--mixture-smooth", "0.4")
    for weighting, share in (("regular", 1), ("reverse", 0.6)):
        estimator = make(*GMM, *flags, "--mixture-weighting", weighting)
        estimator.training.model.head.weight.data.zero_()
        estimator.training.model.head.bias.data.copy_(torch.arange(10.0))
        batch = batch_of(estimator, 32)
        views = dataclasses.replace(estimator.views(batch), posterior=torch.ones(32))
        nll = F.cross_entropy(torch.arange(10.0).expand(32, 10), batch.given, reduction="none")
        uniform = -torch.arange(10.0).log_softmax(0).mean() * (1 - share)
        augmented = 0.6 * nll[16:] + uniform
        expected = ((share * nll[:16] + uniform).mean() + augmented.mean()) / 2
        assert estimator.mean_loss(views).item() == pytest.approx(expected.item(), rel=1e-5)


def test_kinds_of_views_are_compared_in_equal_numbers():
    assert first_of_kind(POSTERIOR, "id").tolist() == [0, 2, 4]
    assert first_of_kind(POSTERIOR, "ood").tolist() == [1, 3, 5]
    assert first_of_kind(POSTERIOR, "mix").tolist() == [0, 1, 2]
    for kind in ("id", "ood", "mix"):
        assert len(first_of_kind(torch.tensor([0.9, 0.8, 0.1]), kind)) == 1
        assert len(first_of_kind(torch.ones(5), kind)) == 0


@pytest.mark.parametrize("kind", ["id", "ood", "mix"])
def test_step_without_a_kind_of_views_is_left_out(make, kind):  # noqa: F811
    estimator = make(*GMM, "--mixture-originals", "0", "--compare-views", kind)
    before = [weight.clone() for weight in estimator.training.model.parameters()]
    posteriors = iter((torch.ones(32), torch.arange(32) % 2 * 0.8))
    estimator.detector.posterior = lambda images, given: next(posteriors)
    batch = batch_of(estimator, 32)
    assert estimator.step(batch).item() == 0
    assert all(torch.equal(a, b) for a, b in zip(estimator.training.model.parameters(), before, strict=True))
    assert estimator.step(batch).item() > 0
    assert not all(torch.equal(a, b) for a, b in zip(estimator.training.model.parameters(), before, strict=True))


@pytest.mark.slow
def test_noise_pictures_are_strange(call):
    """Half of the augmented views are replaced by noise; the detector has seen none of it."""
    from hyperopt.options.resolve import parse_options, resolve
    from hyperopt.options.run_options import RunOptions
    from hyperopt.runs.run import distort, read_data
    from hyperopt.runs.set_up import make_training
    from hyperopt.runs.stages import stages

    flags = ("--no-cuda", "--epochs", "25", *GMM, "--precision", "fp32")
    chain = stages(resolve(parse_options(RunOptions, "", flags)))
    assert call("implicit-augment", *flags[:3])[0] == 0
    options = chain[-1].run
    data = read_data(options, torch.device("cpu"))
    training = make_training(options, data, distort(options, data), torch.device("cpu"))
    random, noisy = torch.Generator().manual_seed(0), []

    def half_noise(images):
        noisy.append(torch.arange(len(images)) % 2 == 0)
        noise = torch.randint(256, images.shape, generator=random, dtype=torch.uint8)
        return training.views.base(torch.where(noisy[-1][:, None, None, None], noise, images))

    training.views = dataclasses.replace(training.views, training=half_noise)
    estimator = options.estimator_class(options.estimator, training)
    estimator.begin(FinishedRun(chain[0].run.files, data.classes))
    fitted = estimator.detector.fit()
    posterior, is_noise = estimator.detector.mean(fitted.index), torch.cat(noisy)
    assert roc_auc_score(is_noise, 1 - posterior) > 0.95
    assert posterior[~is_noise].mean() > 0.9


def short(*flags):
    return ("--no-cuda", "--epochs", 3, *DISTORTION, *GMM, *flags)


@pytest.fixture(scope="module")
def trained(scripts, tmp_path_factory):
    """A folder in which both stages of a command have been trained, and what it has printed."""
    from conftest import call_in

    folder = tmp_path_factory.mktemp("mixture")
    status, out, err = call_in(folder, scripts["implicit-augment"], *short())
    assert status == 0, err
    return folder, out


@pytest.fixture
def copy(call, trained):
    shutil.copytree(trained[0], ".", dirs_exist_ok=True)
    return RunFiles(Path("local_data/DIGITS/run0"), NAME), RunFiles(Path("local_data/DIGITS/run0"), BASELINE)


def test_command_trains_the_baseline_then_its_own_run(trained, call):
    _, out = trained
    summaries = [line for line in out.splitlines() if line.startswith("run0 ")]
    assert [line.split(":")[0] for line in summaries] == [f"run0 {BASELINE}", f"run0 {NAME}"]
    # The baseline is that of its own command, which finds it finished.
    shutil.copytree(trained[0], ".", dirs_exist_ok=True)
    status, out, _ = call("implicit-augment", "--no-cuda", "--epochs", 3, *DISTORTION)
    assert (status, out.startswith("finished already")) == (0, True)


def test_rows_are_the_means_over_views(copy):
    files, _ = copy
    with np.load(files.rows_npz) as rows:
        posterior, soft, given = rows["posterior"], rows["soft_label"], rows["given_label"]
    assert ((posterior >= 0) & (posterior <= 1)).all()
    amount = (1 - posterior) * 0.4
    expected = np.eye(10)[given] * (1 - amount)[:, None] + amount[:, None] / 10
    np.testing.assert_allclose(soft, expected, atol=1e-6)
    state = torch.load(files.last, weights_only=True)["training"]["estimator"]["posterior"]
    counted = state["count"][state["count"] > 0]
    assert (counted >= 1).all()  # at least the view of the fit
    assert counted.sum() > len(posterior)


def test_audit_by_the_posterior_sorts_by_that_of_the_rows_file(copy, call):
    files, _ = copy
    setting = (*DISTORTION, *GMM, "--quality", "posterior", "--threshold", "0.5")
    status, out, err = call("get-results", *setting, "--audit", "audit.csv")
    assert status == 0, err
    with np.load(files.rows_npz) as rows:
        posterior = dict(zip(rows["index"].tolist(), rows["posterior"].tolist(), strict=True))
    with open("audit.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    found = {int(line["index"]): float(line["posterior"]) for line in lines}
    assert found == pytest.approx(posterior, abs=1e-4)
    assert [line["quality"] for line in lines] == [line["posterior"] for line in lines]
    assert list(found.values()) == sorted(found.values())
    strange = sum(value < 0.5 for value in found.values())
    assert f"{strange} of {len(found)} labels look wrong (posterior below 0.5)" in out


def test_audit_by_the_posterior_needs_one(trained, call, refused):
    shutil.copytree(trained[0], ".", dirs_exist_ok=True)
    refused(
        "get-results",
        [*DISTORTION, "--audit", "a.csv", "--quality", "posterior"],
        "audit a run of --hyper-opt GMM without",
    )


def test_figure_shows_the_mixture_of_the_run(copy):
    files, _ = copy
    result, data = read_result(files.result), load_dataset("DIGITS", Path(), torch.device("cpu"))
    figures = draw_mixture(review_run(files, data, result))
    (axes,) = figures["mixture"].axes
    for view in axes.patches:
        heights, edges, _ = view.get_data()
        assert (heights * np.diff(edges)).sum() == pytest.approx(0.5)  # each view is half of all
    state = torch.load(files.last, weights_only=True)["training"]["estimator"]
    with np.load(files.rows_npz) as rows:
        numbers = state["mixture"][rows["given_label"]].double().numpy()  # of the class of every image
    for line, component in zip(axes.lines, range(2), strict=False):
        share, mean, deviation = numbers[:, :, component].T[:, :, None]
        x, density = line.get_data()
        np.testing.assert_allclose(density, (share * norm.pdf(x, mean, deviation)).mean(0), rtol=1e-4, atol=1e-9)
        assert f"{100 * share.mean():.0f} %" in line.get_label()
    p = [float(view.get_title().split("p = ")[1]) for view in figures["views"].axes if view.get_title()]
    assert len(p) > 8
    assert sorted(p, key=lambda value: value <= 0.5) == p  # those in distribution first


def test_figure_of_the_released_fit_has_every_loss(copy, call):
    """Also those below the robust fit's floor: here the detector is sure of most images."""
    files, baseline = copy
    checkpoint = torch.load(baseline.last, weights_only=True)
    checkpoint["decoder_state_dict"]["weight"] *= 1000
    store(baseline.last, checkpoint)
    flags = short("--mixture-fit", "released")
    assert call("implicit-augment", *flags)[0] == 0
    released = RunFiles(files.folder, f"{NAME}_mixture_fit_released")
    result, data = read_result(released.result), load_dataset("DIGITS", Path(), torch.device("cpu"))
    figure = draw_mixture(review_run(released, data, result))["mixture"]
    for view in figure.axes[0].patches:
        heights, edges, _ = view.get_data()
        assert edges[0] < -20
        assert (heights * np.diff(edges)).sum() == pytest.approx(0.5)
    assert "left end" not in figure.get_suptitle()


def test_figure_of_another_detector_is_refused(copy, call):
    files, baseline = copy
    checkpoint = torch.load(baseline.last, weights_only=True)
    checkpoint["decoder_state_dict"]["bias"] += 1
    store(baseline.last, checkpoint)
    result, data = read_result(files.result), load_dataset("DIGITS", Path(), torch.device("cpu"))
    with pytest.raises(UserError, match="another network than that of"):
        draw_mixture(review_run(files, data, result))


def store(path, checkpoint):
    """Write a changed checkpoint with the checksum of its content."""
    checkpoint = {name: value for name, value in checkpoint.items() if name != CHECKSUM}
    torch.save(checkpoint | {CHECKSUM: fingerprint(checkpoint)}, path)


def test_other_runs_have_no_such_figure(copy, call):
    """The refit of such a run has no mixture either."""
    files, baseline = copy
    assert call("implicit-augment", *short("--refit"))[0] == 0
    for run in (baseline, RunFiles(files.folder, f"{NAME}_refit_S")):
        result, data = read_result(run.result), load_dataset("DIGITS", Path(), torch.device("cpu"))
        assert draw_mixture(review_run(run, data, result)) == {}


@pytest.mark.usefixtures("sketched")
def test_without_the_baseline_all_other_figures_are_drawn(copy, call):
    """As where another file that a figure is drawn from is damaged."""
    _, baseline = copy
    baseline.last.write_bytes(b"")
    status, out, err = call("get-results", *DISTORTION, *GMM, "--audit", "audit.csv", "--plot", "figures")
    *others, last = err.splitlines()
    assert (status, last.startswith(f"error: {baseline.last} cannot be read")) == (2, True)
    assert "audit of run0" in out
    assert any(line.startswith("written: figures/suspects_") for line in others)


@pytest.mark.parametrize("number", [3, 9, 21, 27])
def test_killed_in_either_stage_it_goes_on_bit_for_bit(call, trained, killed_at, number):
    revive = killed_at(number)
    with pytest.raises(Killed):
        call("implicit-augment", *short())
    revive()
    status, _, err = call("implicit-augment", *short())
    assert status == 0, err
    for name in (NAME, BASELINE):
        folder = Path("local_data/DIGITS/run0")
        (ours, theirs) = (RunFiles(path, name) for path in (folder, trained[0] / folder))
        one, other = (torch.load(files.last, weights_only=True) for files in (ours, theirs))
        for part in ("encoder_state_dict", "decoder_state_dict"):
            assert all(torch.equal(one[part][key], other[part][key]) for key in other[part])
        assert str(one["training"].get("estimator")) == str(other["training"].get("estimator"))
        assert ours.predictions.exists()


def test_finished_run_is_compared_with_its_detector(copy, call, refused):
    """The baseline trained anew with other numbers is another detector."""
    _, baseline = copy
    for path in (baseline.result, baseline.last):
        path.unlink()
    content = dict(torch.load(RunFiles(Path("local_data/DIGITS/run0"), NAME).last, weights_only=True))
    assert content["network_checksum"]
    assert call("implicit-augment", *short()[: -len(GMM)], "--fresh")[0] == 0
    assert call("implicit-augment", *short())[1].count("finished already") == 2  # the same network again
    checkpoint = torch.load(baseline.last, weights_only=True)
    checkpoint["decoder_state_dict"]["bias"] += 1
    store(baseline.last, checkpoint)
    refused_after_stage(call, "another network")


def refused_after_stage(call, culprit):
    """Refused in the last stage, after an earlier one has been reported."""
    before = contents()
    status, _, err = call("implicit-augment", *short())
    assert status == 2
    (line,) = [line for line in err.splitlines() if line.startswith("error")]
    assert culprit in line
    assert contents() == before


def test_detector_of_another_split_is_refused(copy, call):
    files, baseline = copy
    files.result.unlink()
    files.last.unlink()
    files.best.unlink()
    checkpoint = dict(torch.load(baseline.last, weights_only=True))
    checkpoint["data"] = "of another one"
    store(baseline.last, checkpoint)
    status, _, err = call("implicit-augment", *short())
    assert status == 2
    assert "was trained on another split file or data set" in err


def test_stage_that_another_process_trains_is_waited_for(copy, call):
    _, baseline = copy
    released, freed = threading.Event(), []

    def other():
        with hold(baseline.lock, 0):
            released.set()
            time.sleep(1)
            freed.append(True)

    thread = threading.Thread(target=other)
    thread.start()
    released.wait()
    status, _, err = call("implicit-augment", *short())
    assert status == 0
    assert freed
    assert f"waiting for another process, which trains {BASELINE}" in err
    thread.join()


def test_stage_that_another_process_begins_meanwhile_is_waited_for(copy, call, monkeypatch):
    """Two commands that start together: this one has found nobody at work, and looks for the lock later."""
    _, baseline = copy
    result = baseline.result.read_bytes()
    baseline.result.unlink()
    taken, begun = threading.Event(), []

    def other():
        with hold(baseline.lock, 0):
            taken.set()
            time.sleep(1)
            baseline.result.write_bytes(result)

    def begin(files, wait=command.wait_for_writer):
        wait(files)
        if not begun:
            begun.append(threading.Thread(target=other))
            begun[0].start()
            taken.wait()

    monkeypatch.setattr(command, "wait_for_writer", begin)
    status, out, err = call("implicit-augment", *short())
    begun[0].join()
    assert status == 0, err
    assert f"waiting for another process, which trains {BASELINE}" in err
    assert out.count("finished already") == 2


def test_last_stage_of_other_options_is_refused_before_the_first_is_trained(copy, refused):
    _, baseline = copy
    refused("implicit-augment", short("--seed", 7, "--dry-run"), "or another run folder (this is an earlier stage")
    for path in (baseline.result, baseline.last, baseline.best, baseline.previous):
        path.unlink(missing_ok=True)
    refused("implicit-augment", short("--seed", 7), "seed 0 instead of 7")


def test_rows_that_do_not_exist_are_refused_before_the_first_stage_is_trained(refused):
    flags = ("--epochs", 3, "--hyper-opt", "GMM", "--aug-model", "SEP", "--los-model", "SOFT", "--rows", "other")
    refused("implicit-augment", flags, "no finished run other")


@pytest.mark.parametrize("damaged", [False, True])
def test_message_about_the_detector_has_the_command_that_trains_it_again(copy, call, damaged):
    _, baseline = copy
    content = baseline.last.read_bytes()
    baseline.last.unlink()
    if damaged:
        baseline.last.write_bytes(content[:1000])
    again = ("--no-cuda", "--epochs", 3, *DISTORTION, "--method", "ReSmooth", "--rand", "2,9")
    status, _, err = call("implicit-augment", *again, "--mixture-smooth", 0.1, "--refit", "--fresh")
    assert status == 2
    assert f"{baseline.last} cannot be read" in err
    advice = "give its own command, which is this one with {flags} and without --refit, --mixture-smooth)\n"
    flags = "--aug-model NONE --rand 3,5 --los-model NONE --hyper-opt NONE --fresh"
    assert err.endswith(advice.format(flags=flags))
    assert call("implicit-augment", *again, *flags.split())[0] == 0
    assert baseline.last.exists()
    assert call("implicit-augment", *short())[1].count("finished already") == 2  # the same network again


def test_refit_takes_over_what_the_mixture_fills():
    """Not the learned augmentation, which stays at its start."""
    from hyperopt.options.resolve import parse_options, resolve
    from hyperopt.options.run_options import RunOptions

    for los_model, use in (("SOFT", "S"), ("WGHT", "WC"), ("BOTH", "WC")):
        flags = ("--hyper-opt", "GMM", "--aug-model", "SEP", "--los-model", los_model, "--refit")
        assert resolve(parse_options(RunOptions, "", flags)).rows_use == use


def test_refit_trains_on_its_soft_labels(copy, call):
    status, out, err = call("implicit-augment", *short("--refit"))
    assert status == 0, err
    assert f"{NAME}_refit_S:" in out


SEP_BOTH = ("--hyper-opt", "GMM", "--aug-model", "SEP", "--los-model", "BOTH")
REFUSED = {
    ("--hyper-opt", "GMM", "--los-model", "SOFT"): "add --aug-model, such as RA",
    ("--hyper-opt", "GMM", "--aug-model", "RAND"): "has nothing to learn",
    ("--hyper-opt", "GMM", "--aug-model", "SEP"): "has nothing to learn; add --los-model SOFT|WGHT|BOTH",
    (*GMM, "--mixture-originals", "1"): "--mixture-originals 1 has no augmented views",
    (*GMM, "--mixture-originals", "1", "--mixture-weighting", "uniform"): "add --mixture-smooth-originals",
    (*GMM, "--mixture-posterior", "ood", "--mixture-fit", "released"): "--mixture-fit has an effect only with",
    (*GMM, "--mixture-posterior", "ood", "--mixture-weighting", "random"): "--mixture-weighting has an effect only",
    (*GMM, "--mixture-posterior", "ood", "--distil", "corrected"): "--mixture-posterior has an effect only with",
    (*GMM, "--distil", "corrected", "--mixture-smooth", "0.2"): "--mixture-smooth has an effect only with",
    (*GMM, "--distil", "corrected", "--distil-classes", "3"): "--distil-classes has an effect only with",
    (*GMM, "--distil-weight", "3"): "--distil-weight has an effect only with --distil",
    (*GMM, "--compare-views", "id"): "add --mixture-originals 0",
    (
        "--hyper-opt",
        "GMM",
        "--los-model",
        "WGHT",
        "--aug-model",
        "RAND",
        "--mixture-form",
        "released",
    ): "--los-model SOFT",
    (
        "--hyper-opt",
        "GMM",
        "--los-model",
        "BOTH",
        "--aug-model",
        "RAND",
        "--mixture-posterior",
        "ood",
    ): "weigh by a fitted",
    (*GMM, "--rows", "other"): "fills its rows anew for every view; leave out --rows",
    (*SEP_BOTH, "--rows", "other", "--rows-use", "S"): "fills the soft label anew for every view; change --rows-use",
    (*SEP_BOTH, "--rows", "other", "--rows-use", "C"): "fills the weight anew for every view; change --rows-use",
    (*SEP_BOTH, "--refit", "--rows-use", "A"): "--hyper-opt GMM does not fill the augmentation; change --rows-use",
    (*GMM, "--mixture-posterior", "ood", "--refit"): "--refit takes over what a fitted posterior fills",
    (*GMM, "--distil", "corrected", "--refit"): "--refit takes over what a fitted posterior fills",
    (*GMM, "--distil", "corrected", "--mixture-originals", "1"): "has no augmented views; lower it\n",
    (*GMM, "--mixture-originals", "0.03"): "0.03 is less than one image of --batch-size 32; raise one of them, or take",
    (*GMM, "--mixture-originals", "0", "--mixture-smooth-originals"): "has no original views to smooth",
    ("--hyper-opt", "GMM", "--aug-model", "SHA"): "add --los-model SOFT|WGHT|BOTH",
    ("--hyper-opt", "HES", "--los-model", "SOFT", "--mixture-smooth", "0.2"): "has no effect on --hyper-opt HES",
}


@pytest.mark.parametrize("flags", REFUSED, ids=" ".join)
def test_flags_that_do_not_fit_are_refused_by_name(refused, flags):
    refused("implicit-augment", flags, REFUSED[flags])

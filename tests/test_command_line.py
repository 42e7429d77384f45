"""Both scripts through their command line, at toy scale on DIGITS."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import DISTORTION, call_in
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from custom_datasets.sources import load_dataset

ROOT = Path(__file__).parent.parent
ALL = ("-ir", 10, "-nr", 0.1)  # 519 images
SETTINGS = {
    "NONE": (),
    "SHA": ("--aug-model", "SHA", "--hyper-opt", "HES"),
    "SEP": ("--aug-model", "SEP", "--hyper-opt", "HES"),
    "SEP/WGHT": ("--aug-model", "SEP", "--los-model", "WGHT", "--hyper-opt", "HES"),
    "SEP/SOFT": ("--aug-model", "SEP", "--los-model", "SOFT", "--hyper-opt", "HES"),
    "SEP/BOTH": ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES"),
    "control": ("--aug-model", "SEP", "--los-model", "BOTH"),
    "original warp": ("--aug-model", "SEP", "--warp", "original", "--hyper-opt", "HES"),
    "overfit": ("--aug-model", "SEP", "--hyper-opt", "HES", "--overfit"),
    "oversplit": ("--aug-model", "SEP", "--hyper-opt", "HES", "--oversplit"),
    "head steps": ("--los-model", "BOTH", "--hyper-opt", "HES", "--hyper-steps", 3),
    "FIS": ("--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "FIS"),
    "FIS, overfit": ("--los-model", "SOFT", "--hyper-opt", "FIS", "--overfit"),
    "FIS by batches": ("--los-model", "WGHT", "--hyper-opt", "FIS", "--hyper-valid", "batch", "--hyper-damping", 10),
    "HES on all": ("--los-model", "WGHT", "--hyper-opt", "HES", "--hyper-valid", "full", "--hyper-steps", 1),
    "lenet": ("--model", "lenet"),
    "RAND": ("--aug-model", "RAND"),
    "AUTO": ("--aug-model", "AUTO", "--policy", "SVHN"),
    "DADA": ("--aug-model", "DADA", "--policy", "CIFAR10"),
    "on valid": ("--train-on", "valid", "--aug-model", "SHA"),
    "on both": ("--train-on", "both", "--aug-model", "SEP", "--los-model", "BOTH", "--valid-images", 50),
    "few clean images": (*["--aug-model", "SEP", "--los-model", "BOTH", "--hyper-opt", "HES"], "--valid-images", 50),
}
BOTH = SETTINGS["SEP/BOTH"]


def the_file(pattern, data="local_data"):
    (path,) = (Path(data) / "DIGITS").glob(pattern)
    return path


def timeless(path):
    result = json.loads(path.read_text())
    del result["timing"]
    return result


@pytest.fixture(scope="module")
def made(scripts, tmp_path_factory):
    """made(name, commands) -> a folder in which these commands were run, made once for several tests."""
    folders = {}

    def make(name, commands):
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name)
            for flags in commands:
                common = ("--no-cuda", "--epochs", 3, "--hyper-start", 1)
                assert call_in(folders[name], scripts["implicit-augment"], *common, *flags)[0] == 0
        return folders[name]

    return make


@pytest.fixture
def both(call, made):
    """A run that has learned all parts, in the test's folder."""
    shutil.copytree(made("both", [(*ALL, *BOTH)]), ".", dirs_exist_ok=True)


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_trains_and_its_results_are_found(train, results, setting):
    status, out, _ = train(*DISTORTION, *SETTINGS[setting], "--epochs", 2)
    assert status == 0
    assert "best on test" in out
    status, out, _ = results(*DISTORTION, *SETTINGS[setting])
    assert status == 0
    accuracy = json.loads(the_file("run0/result_*.json").read_text())["accuracy"]
    figures = [figure for figure in out.splitlines()[2].split()[1:] if figure != "-"]
    assert figures == [f"{value:.2f}" for value in accuracy.values()]


def test_files_of_a_run(both):
    name = "smallnet_opt_HES_est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1_hyper_start_1"
    assert sorted(path.name for path in Path("local_data/DIGITS/run0").iterdir()) == [
        ".labels_ir_10_sr_1.0_nr_0.1",
        f".lock_{name}",
        ".lock_split",
        f"best_{name}.pt",
        f"card_{name}.md",
        "data_ir_10_sr_1.0_nr_0.1.pt",
        f"last_{name}.pt",
        f"metrics_{name}.csv",
        f"predictions_{name}.npz",
        f"result_{name}.json",
        f"rows_{name}.npz",
        f"rows_{name}.pt",
    ]
    result = json.loads(the_file("run0/result_*").read_text())
    metrics = list(csv.DictReader(the_file("run0/metrics_*").open()))
    tests = [float(line["test_accuracy"]) for line in metrics]
    valids = [float(line["valid_accuracy"]) for line in metrics]
    assert [line["epoch"] for line in metrics] == ["1", "2", "3"]
    assert [float(line["hyper_learning_rate"]) > 0 for line in metrics] == [False, True, True]
    assert result["accuracy"] == {
        "best_on_test": max(tests),
        "selected_on_validation": tests[valids.index(max(valids))],
        "last_epoch": tests[-1],
        "last_five": pytest.approx(sum(tests) / 3),
    }
    assert result["images"] == {"train": 519, "valid": 314, "test": 540}
    assert result["seed"] == 0
    assert result["options"]["aug_model"] == "SEP"
    assert {"python", "torch", "torchvision", "numpy"} <= result["versions"].keys()
    assert len(result["accuracy_per_class"]["last_epoch"]) == 10


def test_checkpoints_hold_the_published_entries(both):
    result = json.loads(the_file("run0/result_*").read_text())
    for kind, key in (("best", "best_on_test"), ("last", "last_epoch")):
        checkpoint = torch.load(the_file(f"run0/{kind}_*"), weights_only=True)
        assert checkpoint["acc"] == result["accuracy"][key]
        assert checkpoint["epoch"] == result["epochs"][key]
        assert checkpoint["decoder_state_dict"]["weight"].shape == (10, 64)
        assert checkpoint["reweight_state_dict"]["soft_label"].shape == (1257, 10)
        assert checkpoint["augment_state_dict"]["augmentation"].shape == (1257, 14)
        assert any(name.endswith("running_mean") for name in checkpoint["encoder_state_dict"])


def test_only_training_images_rows_move(both):
    valid, chosen, _ = torch.load(the_file("run0/data_*"), weights_only=True)
    weight = torch.load(the_file("run0/last_*"), weights_only=True)["reweight_state_dict"]["weight"][:, 0]
    moved = weight.nonzero()[:, 0].tolist()
    assert set(moved) <= set(chosen)
    assert len(moved) > 0.99 * len(chosen)
    assert not set(moved) & set(valid)


def test_control_leaves_the_rows_at_their_start(train):
    train(*DISTORTION, *SETTINGS["control"])
    checkpoint = torch.load(the_file("run0/last_*"), weights_only=True)
    assert (checkpoint["reweight_state_dict"]["weight"] == 0).all()
    assert checkpoint["augment_state_dict"]["augmentation"].unique().numel() == 2


def test_tensorboard_has_the_published_tags_and_more(both):
    (folder,) = Path("logs/DIGITS").iterdir()
    assert folder.name.startswith("run0_smallnet_opt_HES")
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    assert {"Accuracy", "Train Loss", "Test Loss"} < set(tags["scalars"])
    assert {"Validation Accuracy", "Learning Rate", "Hyper Learning Rate", "Seconds/train pass"} < set(tags["scalars"])
    assert {"Weight", "Probability/rotate", "Magnitude/scale_y"} < set(tags["histograms"])
    assert tags["images"] == ["Learned augmentation"]
    assert [picture.step for picture in events.Images("Learned augmentation")] == [1, 2, 3]
    picture = np.asarray(Image.open(io.BytesIO(events.Images("Learned augmentation")[2].encoded_image_string)))
    _, chosen, _ = torch.load(the_file("run0/data_*"), weights_only=True)
    data = load_dataset("DIGITS", Path(), torch.device("cpu"))
    assert np.array_equal(picture[2:10, 2:10, 0], data.train.images[chosen[0], 0])  # the first image, as it is
    assert not np.array_equal(picture[2:10], picture[12:20])
    (table,) = events.Tensors("Options/text_summary")
    assert b"| noise_ratio | 0.1 |" in table.tensor_proto.string_val[0]
    metrics = list(csv.DictReader(the_file("run0/metrics_*").open()))
    assert [s.value for s in events.Scalars("Accuracy")] == pytest.approx([float(r["test_accuracy"]) for r in metrics])


def test_same_command_gives_the_same_result_whatever_the_workers_and_the_cores(train):
    contents = []
    for folder, workers, cores in (("a", 4, 2), ("b", 0, 1)):
        torch.set_num_threads(cores)
        train(*DISTORTION, *BOTH, "--data", folder, "--workers", workers)
        run = Path(folder) / "DIGITS" / "run0"
        (result,), (metrics,), (checkpoint,) = (run.glob(p) for p in ("result_*", "metrics_*", "last_*"))
        columns = [
            {key: value for key, value in line.items() if not key.endswith("seconds")}
            for line in csv.DictReader(metrics.open())
        ]
        tensors = torch.load(checkpoint, weights_only=True)["reweight_state_dict"]["soft_label"]
        contents.append((timeless(result), columns, tensors.tolist()))
    assert contents[0] == contents[1]


def test_row_does_not_depend_on_the_rows_before_it(train):
    train(*DISTORTION, *BOTH, "--data", "first")
    train(*DISTORTION, "--data", "second")
    train(*DISTORTION, *BOTH, "--data", "second")
    splits, results = (
        [the_file(f"run0/{kind}", data) for data in ("first", "second")] for kind in ("data_*", "result*HES*")
    )
    assert splits[0].read_bytes() == splits[1].read_bytes()
    assert timeless(results[0]) == timeless(results[1])


def test_number_of_threads_changes_the_rounding_alone(train):
    """Within 1e-4 of the loss after two epochs; over a long run rounding can grow into another result."""
    losses = []
    for threads in (1, 2):
        train(*DISTORTION, *BOTH, "--epochs", 2, "--threads", threads, "--fresh")
        losses.append([float(line["train_loss"]) for line in csv.DictReader(the_file("run0/metrics_*").open())])
    torch.set_num_threads(1)
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.parametrize("folder", ["with space", "Ünïcödé-数据", "-dash"])
def test_unusual_folder_names(train, results, folder):
    data = f"--data={folder}/a b"
    assert train(*DISTORTION, data, "--epochs", 1)[0] == 0
    status, out, err = results(*DISTORTION, data)
    assert (status, err) == (0, "")
    assert "run0" in out


def test_runs_differ(train):
    splits = []
    for run in ("run0", "run1"):
        train(*DISTORTION, "--epochs", 1, "-r", run)
        splits.append(torch.load(the_file(f"{run}/data_*"), weights_only=True)[1])
    assert splits[0] != splits[1]
    first, second = (timeless(the_file(f"{run}/result_*")) for run in ("run0", "run1"))
    assert first["accuracy"] != second["accuracy"]


def test_rows_of_a_run_share_the_split_file(train):
    train(*DISTORTION, "--epochs", 1)
    before = the_file("run0/data_*").read_bytes()
    train(*DISTORTION, *BOTH, "--epochs", 2)
    assert the_file("run0/data_*").read_bytes() == before


def test_oversplit_trains_and_validates_on_everything(train):
    """Whatever ratio is given: it says where the noise is. The split file is that of the other rows."""
    train("--oversplit", "-sr", "0.5", "-ir", "10", "--epochs", 1)
    assert json.loads(the_file("run0/result_*").read_text())["images"] == {"train": 1257, "valid": 1257, "test": 540}
    valid, kept, _ = torch.load(the_file("run0/data_ir_10_sr_0.5_nr_0.0.pt"), weights_only=True)
    assert len(valid) == 314
    assert len(kept) < 471


def test_finished_run_says_so_and_is_left_alone(train):
    train(*DISTORTION)
    before = {path: path.read_bytes() for path in Path("local_data").rglob("*") if path.is_file()}
    status, out, _ = train(*DISTORTION)
    assert status == 0
    assert out.startswith("finished already")
    assert {path: path.read_bytes() for path in before} == before


def test_finished_run_with_other_options_is_refused(train):
    train(*DISTORTION)
    before = the_file("run0/result_*").read_bytes()
    status, _, err = train(*DISTORTION, "--lr", 0.01)
    assert status == 2
    assert "lr 0.05 instead of 0.01" in err
    assert the_file("run0/result_*").read_bytes() == before


@pytest.mark.parametrize("setting", ["NONE", "SEP/BOTH"])
def test_result_from_before_an_option_existed_is_found(train, results, setting):
    """With usual values for the options that it does not know, and the published ones written out."""
    train(*DISTORTION, *SETTINGS[setting])
    path = the_file("run0/result_*")
    content = json.loads(path.read_text())
    for name in ("hyper_valid", "hyper_damping"):
        content["options"].pop(name, None)
    assert setting == "NONE" or (content["options"]["hyper_iters"], content["options"]["hyper_alpha"]) == (5, 0.01)
    path.write_text(json.dumps(content))
    assert results(*DISTORTION, *SETTINGS[setting])[0] == results("--all")[0] == 0
    status, out, _ = train(*DISTORTION, *SETTINGS[setting])
    assert (status, out.startswith("finished already")) == (0, True)


def test_fresh_starts_over(train):
    train(*DISTORTION)
    status, *_ = train(*DISTORTION, "--lr", 0.01, "--fresh")
    assert status == 0
    assert json.loads(the_file("run0/result_*").read_text())["options"]["lr"] == 0.01


def test_dry_run_prints_the_plan_and_leaves_nothing(call):
    status, out, _ = call("implicit-augment", *ALL, *BOTH, "--dry-run")
    assert status == 0
    plan = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert plan["model"] == "smallnet"
    assert plan["hyper_start"] == "50"
    assert plan["result"].endswith(
        "result_smallnet_opt_HES_est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1.json"
    )
    assert not list(Path().iterdir())


def test_dry_run_of_the_results_names_the_files_and_reads_none(call):
    for run in ("run0", "run2", "run10", "runs"):
        Path("local_data/DIGITS", run).mkdir(parents=True)
    name = "smallnet_opt_HES_est_True_aug_model_SEP_los_model_BOTH_ir_10_sr_1.0_nr_0.1"
    result = Path(f"local_data/DIGITS/run2/result_{name}.json")
    result.write_text("no result")
    status, out, err = call("get-results", *ALL, *BOTH, "--dry-run")
    assert (status, err) == (0, "")
    plan = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert (plan["row"], plan["hyper_start"]) == (name, "50")
    assert [key for key in plan if key.startswith("run") and key != "runs"] == ["run0", "run2", "run10"]
    assert plan["run2"] == f"{result} (there)"
    assert plan["run10"] == f"{str(result).replace('run2', 'run10')} (not there)"


def test_plot_debug_writes_the_first_batches(train):
    train(*DISTORTION, *BOTH, "--plot-debug", "--epochs", 1, "--hyper-start", 0)
    names = sorted(path.name for path in the_file("run0/debug_*").iterdir())
    assert names == [f"batch_{n}_{when}.png" for n in range(3) for when in ("after", "before")]


def test_unused_flag_of_the_published_code_is_said_to_be_without_effect(train):
    status, _, err = train(*DISTORTION, "--epochs", 1, "--lr-decay-epochs", "50,100")
    assert status == 0
    assert "--lr-decay-epochs has no effect" in err


@pytest.fixture
def four_runs(call, made):
    """Three runs of the baseline, and of the other setting the one that these lack."""
    commands = [(*DISTORTION, "-r", f"run{run}", *(BOTH if run == 2 else ())) for run in range(4)]
    shutil.copytree(made("four runs", commands), ".", dirs_exist_ok=True)


def test_results_of_a_setting_are_averaged_and_missing_runs_named(four_runs, results):
    status, out, _ = results(*DISTORTION)
    assert status == 0
    lines = out.splitlines()
    accuracies = [json.loads(the_file(f"run{r}/result_*NONE_los*").read_text())["accuracy"] for r in (0, 1, 3)]
    for column, key in enumerate(("best_on_test", "selected_on_validation", "last_epoch")):
        values = torch.tensor([a[key] for a in accuracies], dtype=torch.float64)
        assert f"{values.mean():.2f} +- {values.std():.2f}" == " ".join(lines[5].split()[3 + 3 * column :][:3])
        assert f"{100 - values.mean():.2f} +- {values.std():.2f}" == " ".join(lines[6].split()[3 + 3 * column :][:3])
    assert lines[-1] == "missing: run2"


def test_runs_with_other_options_are_pointed_out(train, results):
    train(*DISTORTION, "--epochs", 1)
    train(*DISTORTION, "--epochs", 1, "-r", "run1", "--lr", 0.01)
    assert "stands apart from run0: lr 0.01, not 0.05" in results(*DISTORTION)[1]


def test_figures_of_trained_runs_are_drawn(four_runs, results, sketched):
    status, _, err = results("--all", "--plot", "figures")
    assert status == 0
    assert "note" not in err
    for kind in ("learning_curves", "errors", "classes", "confusion", "embedding", "rows"):
        path = Path(f"figures/{kind}_DIGITS_ir_10_sr_0.24_nr_0.1.png")
        assert str(path) in err
        assert path.read_bytes().startswith(b"\x89PNG")


def test_minus_zero_is_zero(call):
    status, out, _ = call("implicit-augment", "-nr", "-0.0", "--dry-run")
    assert status == 0
    assert "nr_0.0" in out


def test_runs_of_the_same_seed_are_pointed_out(train, results):
    train(*DISTORTION, "--epochs", 1)
    train(*DISTORTION, "--epochs", 1, "-r", "run1", "--seed", 0)
    assert "run1 has the same seed as run0" in results(*DISTORTION)[1]


def test_folders_that_are_no_runs_are_left_out(train, results):
    train(*DISTORTION, "--epochs", 1)
    for name in ("run007", "run20261121", "mine", "run-1"):
        shutil.copytree("local_data/DIGITS/run0", f"local_data/DIGITS/{name}")
    assert train(*DISTORTION, "--epochs", 1, "-r", "mine", "--seed", 0)[1].startswith("finished already")
    status, out, _ = results(*DISTORTION)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[2:-2]] == ["run0"]


def python(script, *flags, cwd):
    return subprocess.run(
        [sys.executable, ROOT / script, *flags], cwd=cwd, capture_output=True, text=True, check=False, timeout=120
    )


def test_scripts_as_processes(tmp_path):
    flags = ("--no-cuda", "--epochs", 1, "--hyper-start", 0, *DISTORTION, *BOTH)
    trained = python("implicit-augment.py", *map(str, flags), cwd=tmp_path)
    assert (trained.returncode, trained.stderr) == (0, "")
    table = python("get-results.py", "--all", cwd=tmp_path)
    assert (table.returncode, table.stderr) == (0, "")
    assert "SEP/BOTH HES" in table.stdout

"""docs/files.md against the files of short runs, and against the tables that other files are made of."""

import dataclasses
import shutil
from pathlib import Path

from conftest import FLAGS
from files_page import kind, named, undocumented

from hyperopt.augmentation.augmenter_names import KINDS, RESIDUAL
from hyperopt.report.audit import HEADER
from hyperopt.report.figures import FIGURES
from hyperopt.report.options import ResultOptions
from hyperopt.rows.rows_file import COLUMNS, TEXTS
from utils.flags import as_flag
from utils.runs.files import RunFiles
from utils.runs.predictions import Predictions


def test_what_a_finished_and_a_stopped_run_leave_is_on_the_page(runs):
    for name in ("whole", "stopped"):
        assert len(list((runs / name).rglob("run0/*"))) >= 8
        assert undocumented(runs / name) == set()


def test_a_file_and_a_column_that_the_page_lacks_are_noticed(runs, tmp_path):
    (folder,) = runs.glob("whole/local_data/DIGITS/run0")
    shutil.copytree(folder, tmp_path / "run0")
    (metrics,) = tmp_path.glob("run0/metrics_*.csv")
    metrics.write_text(metrics.read_text().replace("test_loss", "lost"))
    (tmp_path / "run0/surplus.txt").write_text("")
    assert undocumented(tmp_path) == {("Metrics", "lost"), ("surplus.txt", "surplus.txt")}


def test_every_file_of_a_run_is_on_the_page():
    files = RunFiles(Path("run0"), "net_opt_NONE_est_True_aug_model_NONE_los_model_NONE_ir_1_sr_1.0_nr_0.0")
    paths = [value for name in dir(RunFiles) if isinstance(value := getattr(files, name), Path) and name != "folder"]
    paths.remove(files.debug)
    assert len(paths) == 13
    named_kinds = {kind(path) for path in (*paths, files.features("0" * 64, "1" * 64))} - {kind(files.damaged)}
    assert named_kinds | {"damaged_NAME.pt"} <= named("Where")


def test_every_column_that_some_estimator_or_augmentation_has_is_on_the_page():
    assert {*COLUMNS, *TEXTS} <= named("Rows")
    assert {field.name for field in dataclasses.fields(Predictions)} <= named("Predictions")
    parameters = {*RESIDUAL, *(name for names in KINDS.values() for name in names)}
    assert parameters | {"posterior", "strange_views", "budget", "test_augmented_accuracy"} <= named("Metrics")


def test_what_the_results_script_writes_is_on_the_page(runs, call, sketched):
    shutil.copytree(runs / "whole", ".", dirs_exist_ok=True)
    page = named("What `get-results.py` writes")
    assert set(HEADER) <= page
    status, _, err = call("get-results", "--all", "--runs-csv", "runs.csv", "--plot", "figures")
    assert status == 0, err
    assert set(Path("runs.csv").read_text().splitlines()[0].split(",")) <= page
    drawn = {path.stem.replace("DIGITS_ir_10_sr_0.24_nr_0.1", "DATASET_WHICH") for path in Path("figures").iterdir()}
    assert "learning_curves_DATASET_WHICH" in drawn
    assert drawn <= page
    assert {f"{name}_DATASET_WHICH" for name in FIGURES} <= page
    writing = {name for name, value in ResultOptions.__dataclass_fields__.items() if "Path | None" in str(value.type)}
    writing -= {"runs", "plot", "predict", "to"}
    words = {word for text in page for word in text.split()}
    assert {as_flag(name) for name in writing} | {"--plot", "--predict", "--to"} <= words


def test_names_of_runs_are_those_of_the_page(runs):
    (result,) = (runs / "whole").rglob("result_*.json")
    assert FLAGS[:2] == ("-ir", 10)
    published = "MODEL_opt_ESTIMATOR_est_True_aug_model_AUGMENTATION_los_model_LOSS_ir_IR_sr_SR_nr_NR"
    values = {"MODEL": "smallnet", "ESTIMATOR": "HES", "AUGMENTATION": "SEP", "LOSS": "BOTH", "IR": "10", "SR": "0.24"}
    assert f"    {published}\n" in (Path(__file__).parent.parent / "docs/files.md").read_text()
    for word, value in (values | {"NR": "0.1"}).items():
        published = published.replace(f"_{word}", f"_{value}") if word != "MODEL" else published.replace(word, value)
    assert result.stem == f"result_{published}_hyper_start_1"

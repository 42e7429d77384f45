"""The flags of the results script: a setting, and what to show of it, of all settings, or of one run."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hyperopt.options.setting import Setting
from hyperopt.report.audit import FORMATS, INDEX_FORMATS, QUALITIES
from hyperopt.report.audit_files import AUDIT_FILES
from hyperopt.report.own_files import NETWORKS
from hyperopt.report.page.write import PAGE
from hyperopt.report.tables import LAYOUTS
from hyperopt.rows.quality import THRESHOLD
from utils.flags import MANY, file_of, flag, flag_fields, folder, number, pattern, plain_name
from utils.runs.accuracies import ACCURACIES

NO_CHOICE = {"data", "dataset", "runs", "method"}  # flags that say where runs are, or stand for other flags
COMPARED = ("errors", "labels", "audits", "curves")


@dataclass(frozen=True)
class ResultOptions(Setting):
    """All flags of the results script."""

    folders: list[Path] | None = flag(
        None,
        "run folders to show side by side, with what differs first, such as local_data/DIGITS/run0",
        type=folder,
        nargs="*",
        positional=True,
        group="which runs, beside the flags of a setting below",
    )
    run_folder: str | None = flag(
        None,
        "the run of --audit and its exports, --export and --predict, such as run0 (default: the lowest finished one)",
        "-r",
        type=plain_name,
    )
    all: bool = flag(
        False, "a table of all settings of the data set that have results", group="tables, comparisons and figures"
    )
    compare: str | None = flag(
        None,
        "compare the settings of the data set: test errors against the number of clean images, with paired tests "
        "(errors, the default); how well learned rows tell wrong labels (labels), or how well audits do (audits); "
        "accuracies against the number of augmented images (curves)",
        choices=COMPARED,
        nargs="?",
        const="errors",
    )
    match: re.Pattern[str] | None = flag(
        None, "with --all, --compare and run folders, only settings whose name matches this pattern", type=pattern
    )
    only_runs: list[int] | None = flag(
        None,
        "with --compare, the N of the runN that are compared (default: all)",
        type=number(int, 0, MANY),
        nargs="+",
    )
    against: re.Pattern[str] | None = flag(
        None,
        "with --compare errors, compare with the setting whose name in the table matches this (default: the strongest "
        "control)",
        type=pattern,
    )
    accuracy: str = flag("last_five", "with --compare errors, the accuracy to compare by", choices=tuple(ACCURACIES))
    format: str = flag("text", "how --all is printed", choices=tuple(LAYOUTS))
    dry_run: bool = flag(False, "print the resolved setting and the files that its results are read from, and stop")
    runs_csv: Path | None = flag(
        None,
        "file (.csv) for one line per finished run that is shown: setting, accuracies, time; its other runs are kept",
        type=file_of(".csv"),
    )
    plot: Path | None = flag(None, "folder to draw figures into, each as PNG and as PDF", type=folder)
    audit: Path | None = flag(
        None,
        "file (.csv, .json, or .html: a page to look at) for the audit of a run's training labels, the most suspicious "
        "first; a report is printed",
        type=file_of(*FORMATS, PAGE),
        group="audit of a run",
    )
    export_clean: Path | None = flag(
        None,
        "file (.txt or .npy) for the training images whose label does not look wrong: file names, or their places",
        type=file_of(*INDEX_FORMATS),
    )
    export_labels: Path | None = flag(
        None, "file (.csv) for the suggested labels, which --labels of a training reads", type=file_of(".csv")
    )
    export_folders: Path | None = flag(
        None, "new folder for the training pictures that are kept, in a folder per suggested label", type=folder
    )
    links: bool = flag(False, "with --export-folders: links to the pictures in place of copies")
    probabilities: Path | None = flag(
        None, "file (.npy) for the probabilities of all classes of the training images", type=file_of(".npy")
    )
    threshold: float = flag(
        THRESHOLD,
        "for --audit and exports: a label looks wrong whose quality is below this share of the accuracy on the "
        "clean images of its class, averaged over the epochs",
        type=number(float, 0, 1),
    )
    quality: str = flag(
        QUALITIES[0],
        "for --audit and exports: the network's probabilities, or, of a run of GMM, the mean posterior, for "
        "which the threshold is absolute",
        choices=QUALITIES,
    )
    export: Path | None = flag(
        None,
        "file (.pt2 or .onnx) for the network of a run: it takes pictures of any size and returns logits",
        type=file_of(*NETWORKS),
        group="network of a run",
    )
    predict: Path | None = flag(
        None,
        "folder of pictures, picture, or .npz or .npy file, whose classes the network of a run predicts",
        type=folder,
    )
    to: Path | None = flag(None, "for --predict: file (.csv) for a line per picture", type=file_of(".csv"))
    # The names of the options whose flags are on the command line, also with their default values.
    given: frozenset[str] = dataclasses.field(default=frozenset(), metadata={"identity": False})

    @property
    def wanted(self) -> dict[str, Any]:
        """The values of the flags of a setting that were given, by which runs are chosen."""
        values = self.values(Setting)
        return {name: values[name] for name in (self.given & values.keys()) - NO_CHOICE}

    @classmethod
    def flags_in_order(cls) -> list[dataclasses.Field]:
        """What to show first, then the flags of a setting, which are needed where several settings have results."""
        shared = {field.name for field in flag_fields(Setting)}
        return sorted(flag_fields(cls), key=lambda field: field.name in shared)

    @property
    def audit_files(self) -> dict[str, Path]:
        """The paths of the files that are asked of an audit, by option, in the order in which they are written."""
        return {name: path for name in AUDIT_FILES if (path := getattr(self, name))}

    @property
    def uses_network(self) -> bool:
        """Whether the network of a run is needed."""
        return bool(self.export or self.predict)

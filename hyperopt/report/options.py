"""The flags of the results script: a setting, and what to show of it, of all settings, or of one run."""

import re
from dataclasses import dataclass
from pathlib import Path

from hyperopt.options.setting import Setting
from hyperopt.report.audit import FORMATS, INDEX_FORMATS, QUALITIES
from hyperopt.report.page.write import PAGE, refuse_other_file
from hyperopt.report.tables import LAYOUTS
from hyperopt.rows.quality import THRESHOLD
from utils.errors import UserError
from utils.flags import MANY, as_flag, file_of, flag, flag_fields, folder, number, pattern, plain_name
from utils.runs.accuracies import ACCURACIES

COMPARED = ("errors", "labels", "audits", "curves")
DRAWN = ("errors", "curves")  # of these, with figures


@dataclass(frozen=True)
class ResultOptions(Setting):
    """All flags of the results script."""

    all: bool = flag(False, "a table of all settings of the data set that have results")
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
        None, "with --all and --compare, only the settings whose name matches this regular expression", type=pattern
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
        None, "file (.csv) for one line per finished run that is shown: setting, accuracies, time", type=file_of(".csv")
    )
    plot: Path | None = flag(None, "folder to draw figures into, each as PNG and as PDF", type=folder)
    audit: Path | None = flag(
        None,
        "file (.csv, .json, or .html: a page to look at) for the audit of a run's training labels, the most suspicious "
        "first; a report is printed",
        type=file_of(*FORMATS, PAGE),
    )
    export_clean: Path | None = flag(
        None,
        "file (.txt or .npy) for the indices of the training images whose label does not look wrong",
        type=file_of(*INDEX_FORMATS),
    )
    threshold: float = flag(
        THRESHOLD,
        "for --audit and --export-clean: a label looks wrong whose quality is below this share of the accuracy on the "
        "clean images of its class, averaged over the epochs",
        type=number(float, 0, 1),
    )
    quality: str = flag(
        QUALITIES[0],
        "for --audit and --export-clean: the network's probabilities, or, of a run of GMM, the mean posterior, for "
        "which the threshold is absolute",
        choices=QUALITIES,
    )
    run_folder: str | None = flag(
        None, "for --audit and --export-clean: the run (default: the lowest finished one)", "-r", type=plain_name
    )

    def check_flags(self) -> None:
        """Raise UserError for flags that have no effect together."""
        audits = self.audit or self.export_clean
        self._check_belonging()
        if self.all or self.compare:
            self._check_every_setting()
        if self.plot and self.compare not in (None, *DRAWN):
            raise UserError(f"--compare {self.compare} is a table alone; leave out --plot")
        belong_to_audits = {"-r": self.run_folder, "--threshold": self.threshold != THRESHOLD}
        belong_to_audits |= {"--quality": self.quality != QUALITIES[0]}
        if given := [name for name, there in belong_to_audits.items() if there and not audits]:
            raise UserError(f"{given[0]} is for --audit and --export-clean; add one")
        for path in (self.audit, self.export_clean, self.runs_csv):
            if path and not path.parent.is_dir():
                raise UserError(f"the folder of {path} is not there; make it, or name another")
            if path and any(path.parent.glob("result_*.json")):
                raise UserError(f"the folder of {path} is a run's; name a file elsewhere")
        if self.audit and self.audit.suffix == PAGE:
            refuse_other_file(self.audit)
        if self.dry_run and (audits or self.plot or self.runs_csv):
            raise UserError("--dry-run writes and draws nothing; leave out --plot, --runs-csv, --audit, --export-clean")

    def _check_belonging(self) -> None:
        """Refuse flags of --all and --compare without these."""
        errors = self.compare == "errors"
        belongs = {
            "format": ("--all", self.all),
            "match": ("--all or --compare", self.all or self.compare),
            "only_runs": ("--compare", self.compare),
            "against": ("--compare errors", errors),
            "accuracy": ("--compare errors", errors),
        }
        for name, (owner, there) in belongs.items():
            if getattr(self, name) != getattr(ResultOptions, name) and not there:
                raise UserError(f"{as_flag(name)} is for {owner}; add it")

    def _check_every_setting(self) -> None:
        """Refuse flags that choose a setting together with --all and --compare, which show every setting."""
        shown = "all" if self.all else "compare"
        beside = {shown, "data", "dataset", "match", "plot", "runs_csv"}
        beside |= {"format", "only_runs", "against", "accuracy"}  # checked in `_check_belonging`
        # A method first: the other flags that it presets were not given.
        for field in sorted(flag_fields(type(self)), key=lambda field: field.name != "method"):
            if field.name not in beside and getattr(self, field.name) != field.default:
                raise UserError(f"--{shown} shows every setting; leave out {as_flag(field.name)}")

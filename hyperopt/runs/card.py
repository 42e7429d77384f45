"""The card of a rows file: what the rows were learned from, and what they must not be used for."""

from custom_datasets.distortion import Split
from custom_datasets.table import Dataset
from hyperopt.options.run_options import RunOptions
from hyperopt.rows.letters import in_words
from hyperopt.rows.rows_file import RowsFile
from utils.runs.accuracies import ACCURACIES
from utils.runs.files import RunFiles

LETTERS = 16  # shown of a fingerprint


def card(
    options: RunOptions, files: RunFiles, data: Dataset, split: Split, rows: RowsFile, accuracies: dict[str, float]
) -> str:
    """The card of the rows of a run as Markdown; `accuracies` are those of the run, in percent."""
    facts = {
        "data": f"{options.dataset}, {data.classes} classes{''.join(f', {words}' for words in options.subset.words)}",
        "rows": f"{len(rows.index)} training images, with {_columns(rows)}",
        "given labels": _given_labels(options.noise_ratio, data, split),
        "fingerprint of the training set": f"`{rows.split[:LETTERS]}...`, whole in the file as `split`",
        "clean images": _clean_images(data, split),
        "filled by": _filled_by(options),
        "run": f"{files.folder.name}, seed {options.seed}, {options.epochs} epochs of {options.model}",
        "test accuracy": ", ".join(f"{ACCURACIES[name]} {value:.2f} %" for name, value in accuracies.items()),
    }
    lines = [
        f"# Rows of {files.name}",
        "",
        f"`{files.rows.name}` and `{files.rows_npz.name}` hold a row for each training image of one run.",
        "",
        "| | |",
        "|---|---|",
        *[f"| {name} | {_cell(value)} |" for name, value in facts.items()],
        "",
        "They must not be used",
        "",
        *[f"- {warning}" for warning in _warnings(options, len(rows.index), data.tested_on_valid)],
    ]
    return "\n".join(lines) + "\n"


def _columns(rows: RowsFile) -> str:
    return ", ".join(name.replace("_", " ") for name in rows.columns)


def _given_labels(noise_ratio: float, data: Dataset, split: Split) -> str:
    if data.given:
        found = data.given.summary(split, data.train.labels.cpu().numpy())
        differ = f"{found['differ']} of {found['images']} differ from the data set's own"
        return f"of {data.given.source}{', which mends the data set' if data.given.mends else ''}: {differ}"
    if noise_ratio:
        return f"the data set's own, of which a share of {noise_ratio} was drawn anew"
    return "the data set's own"


def _clean_images(data: Dataset, split: Split) -> str:
    came = "which came with the data" if data.has_clean_part else "drawn from its training images"
    return f"{len(split.valid)}, {came}"


def _filled_by(options: RunOptions) -> str:
    source = f", starting from the rows of {options.rows}" if options.rows else ""
    parts = " and ".join(in_words(letter) for letter in options.filled_parts)
    filled = f"{options.hyper_opt}: {parts}" if parts else "no estimator"
    return f"{filled}{source}"


def _warnings(options: RunOptions, images: int, tested_on_valid: bool) -> list[str]:
    found = [
        f"with other images, labels or another split: a row belongs to an image by its place, and to the label that "
        f"these {images} images had.",
        "as a verdict on an image that nobody has looked at: a low weight says that the network disagrees.",
    ]
    if options.estimator_class.hyper_options and options.filled_parts:
        on = "test" if options.overfit else "clean"
        found.insert(
            0,
            f"to measure anything on the {on} images: the rows were fitted to them, so that the accuracy on these "
            "images says nothing of a network that is trained with the rows.",
        )
    if options.overfit or tested_on_valid:
        found.append("to report a test accuracy: the test images of this run are no others than the clean ones.")
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

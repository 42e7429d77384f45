"""The table of what `benchmarks.gpu_report` has found.

    python -m benchmarks.gpu_table [FOLDER]

A line says what was measured, the figure, the bar that is set for it, and whether it is reached.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.precision import ESTIMATORS
from utils.errors import UserError, exit_status
from utils.flags import Parser

SHARE = 0.45  # of the peak, in a train pass
RATE = 300_000  # images/s of RAND
SPREAD = 1  # distance of rows between GPU and CPU, over that between bf16 and fp32
NAMES = {"plain": "NONE"}  # of methods, where they differ
# In the order of the table.
ORDER = ("tests", "cuda-tests", "FIS", "UNR", "GMM", "transforms-256", "transforms-2048", "devices")
COLUMNS = ("", "figure", "bar", "reached", "GPU", "torch", "date")


class Line(NamedTuple):
    """What, figure and bar in words, and whether the bar is reached; None without one."""

    what: str
    figure: str
    bar: str = "-"
    reached: bool | None = None


def main() -> None:
    """Print the table of a folder."""
    parser = Parser(description="The table of what a GPU report has found.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("local_data/gpu-report"), help="of its files")
    print_table(parser.parse_args().folder)


def print_table(folder: Path) -> None:
    """Print the table as Markdown. Raises UserError for a folder without any record."""
    records = {name: folder / f"{name}.json" for name in ORDER}
    found = {name: json.loads(path.read_text()) for name, path in records.items() if path.exists()}
    if not found:
        raise UserError(f"{folder} has nothing that a GPU report has found; run scripts/gpu-report.sh first")
    print(f"\n| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    seen = set[str]()
    for name, record in found.items():
        for line in lines_of(name, record):
            if line.what in seen:  # the baseline, which is measured beside every method
                continue
            seen.add(line.what)
            reached = {True: "yes", False: "no", None: "-"}[line.reached]
            cells = (line.what, line.figure, line.bar, reached, *(record[key] for key in COLUMNS[4:]))
            print(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")


def lines_of(name: str, record: dict[str, Any]) -> list[Line]:
    """The lines of a record."""
    if name.endswith("tests"):
        what = "`make test`" if name == "tests" else "the CUDA tests"
        return [Line(what, record["last words"], "none fails", record["status"] == 0)]
    if record["status"] != 0:
        return [Line(name, f"failed with status {record['status']}: {record['last words']}", "runs", False)]
    numbers = record["numbers"]
    if name.startswith("transforms"):
        return of_transforms(numbers)
    return of_devices(numbers) if name == "devices" else of_epoch(numbers)


def of_epoch(numbers: dict[str, Any]) -> list[Line]:
    """Shares of the peak of the train passes, which have a bar, and of hyper passes."""
    lines = []
    for line in numbers["passes"]:
        if line["pass"] == "evaluation":
            continue
        method, share = line["method"], line["share of peak"]
        ratio = numbers["run / plain run"].get(method)
        figure = (
            f"{100 * share:.1f} % of {numbers['peak, TFLOP/s']:.0f} TFLOP/s, {line['images per second']:,.0f} images/s"
        )
        what = f"{NAMES.get(method, method)}, {line['pass']} pass"
        if line["pass"] == "train":
            whole = f"; a run takes {ratio['median']:.2f} times NONE's" if ratio else ""
            lines.append(Line(what, figure + whole, f"{100 * SHARE:.0f} %", share >= SHARE))
        else:
            lines.append(Line(what, figure))
    return lines


def of_transforms(numbers: dict[str, Any]) -> list[Line]:
    """The rate of the policy."""
    rate, batch = numbers["images_per_second"]["tensors"]["median"], numbers["shape"][0]
    what = f"{numbers['policy']}, batches of {batch}"
    return [Line(what, f"{rate:,.0f} images/s", f"{RATE:,} images/s", rate >= RATE)]


def of_devices(numbers: dict[str, Any]) -> list[Line]:
    """How far apart the same runs are on GPU and CPU, as compared with bf16 and fp32 on the GPU."""
    rows = [part for estimator in ESTIMATORS for part in numbers[estimator]["rows"].values()]
    largest = max(part["devices"] / part["precisions"] for part in rows)
    others = min(part["seeds"] / part["precisions"] for part in rows)
    errors = [numbers[estimator]["errors between"] for estimator in ESTIMATORS]
    devices, precisions = (sum(found[key] for found in errors) / len(errors) for key in ("devices", "precisions"))
    return [
        Line(
            "learned rows: distance of fp32 on GPU and CPU over that of bf16 and fp32",
            f"{largest:.2f} at most (other seeds: {others:.0f} at least)",
            f"{SPREAD}",
            largest <= SPREAD,
        ),
        Line(
            "test errors: difference of fp32 on GPU and CPU", f"{devices:.2f} points (bf16 and fp32: {precisions:.2f})"
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(exit_status(main))

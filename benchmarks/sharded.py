"""Rows that are spread over processes: memory of each, and whether their steps are those of one process.

    python -m benchmarks.sharded [--images 1000000] [--classes 1000] [--processes 4]

Contract: the rows (weight, soft label, augmentation) of so many images of random classes at their start, then `STEPS`
steps of random gradients on random batches, in one process and in several. Memory is what the process has resident
after the steps, beyond what it had before the rows were made. The steps are compared by the rows of `COMPARED` images.
"""

import argparse
import os
import tempfile
from pathlib import Path

import torch

from benchmarks.report import how_many, launch
from hyperopt.augmentation.warp import PaperWarp
from hyperopt.head.losses import LOSSES
from hyperopt.rows.rows import make_rows
from utils.errors import exit_status
from utils.flags import Parser
from utils.processes import leave, processes
from utils.share import Share

SEED, BATCH, STEPS, COMPARED = 0, 256, 5, 2000


def main() -> None:
    """Measure one process and several, and print a table."""
    parser = Parser(description="Memory and steps of rows that are spread over processes.")
    parser.add_argument("--images", type=how_many, default=1_000_000, help="rows")
    parser.add_argument("--classes", type=how_many, default=1000, help="of the soft labels")
    parser.add_argument("--processes", type=how_many, default=4, help="over which the rows are spread")
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.output:
        measure(flags)
        return
    whole, shared = found_by(flags, 1), found_by(flags, flags.processes)
    alone, largest = whole["memory"].item(), shared["memory"].max().item()
    difference = max((whole["rows"][letter] - rows).abs().max().item() for letter, rows in shared["rows"].items())
    print("| processes | rows of each, GiB | share of one process's |\n|---|---|---|")
    print(f"| 1 | {alone:.3f} | 1 |\n| {flags.processes} | {largest:.3f} | {largest / alone:.3f} |")
    print(f"\nlargest difference of a row after {STEPS} steps: {difference:.2g}")


def found_by(flags: argparse.Namespace, count: int) -> dict:
    """What so many processes measure."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "found.pt"
        sizes = "--images", str(flags.images), "--classes", str(flags.classes)
        launch("benchmarks.sharded", count, output, *sizes)
        found: dict = torch.load(output, weights_only=True)
    return found


def measure(flags: argparse.Namespace) -> None:
    """Make the rows and move them, in this process, which others may share."""
    group, random = processes(), torch.Generator().manual_seed(SEED)
    given = torch.randint(flags.classes, (flags.images,), generator=random)
    before = resident()
    loss, warp, device = LOSSES["symmetric KL"], PaperWarp(), torch.device("cpu")
    rows = make_rows(given, flags.classes, "WSA", False, loss, warp, device, owners=group)
    for _ in range(STEPS):
        index = torch.randperm(flags.images, generator=random)[:BATCH]
        share = Share(group, BATCH)
        gradients = {
            letter: share.cut(torch.randn(leaves.shape, generator=random))
            for letter, leaves in rows.leaves(index).items()
        }
        rows.move(share.cut(index), gradients, 0.05, share)
    memory = torch.cat(group.gather(torch.tensor([(resident() - before) / 2**30])))
    compared = rows.leaves(torch.randperm(flags.images, generator=random)[:COMPARED])
    if group.leads:
        torch.save({"memory": memory, "rows": compared}, flags.output)


def resident() -> int:
    """Bytes of the process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    leave(exit_status(main))

"""A run that goes on from its last checkpoint."""

import sys
from functools import partial
from typing import Any

import torch

from hyperopt.estimators.estimator import Estimator
from hyperopt.options.stored import different_from_stored
from hyperopt.rows.confidence import complete, lacks_forgetting, lacks_other
from hyperopt.runs.stages import Stage
from utils.files import bytes_there, refuse_full_disk
from utils.runs.checkpoint import Origin, find_checkpoint
from utils.versions import note_other_versions

# Room for so many checkpoints: the last one, the one before, the one being written, at most one for the best, and one
# for the rows, which are written twice at the end and which a checkpoint holds with a running square of the same size.
COPIES = 5
ESTIMATED = (
    "the checkpoint is of an earlier version, without probabilities of other labels: for the epochs so far they are "
    "estimated as 1 - p, their upper bound, with p the given label's"
)
COUNTED_FROM_HERE = (
    "the checkpoint is of an earlier version, which did not count how often labels are forgotten: that is counted from "
    "here on"
)


def find_state(stage: Stage, estimator: Estimator, origin: Origin, device: torch.device) -> dict[str, Any] | None:
    """Load the run's last checkpoint, if there is one, into the estimator and its training; return it.

    Raises UserError when it is damaged or of another run, or when the disk has no space for the next ones.
    """
    training, files, identity = estimator.training, stage.run.files, stage.run.identity
    checkpoint, group = None, training.group
    if not stage.run.fresh:
        expected = training.published() | {"training": estimator.whole_layout()}
        different = partial(different_from_stored, ours=identity)
        with group.leader_first():  # which renames a damaged one, and has the whole of sharded rows
            checkpoint = find_checkpoint(files, origin, expected if group.leads else {}, different, update)
    if checkpoint:
        estimator.load_whole(checkpoint, checkpoint["training"])
        if stage.run.plot_debug:
            print("note: --plot-debug draws a run's first batches, which are over; add --fresh", file=sys.stderr)
        note_other_versions(checkpoint.get("versions"), device)
    refuse_full_disk(files.folder, COPIES * training.checkpoint_bytes() - bytes_there(files.checkpoints))
    return checkpoint


def update(checkpoint: dict[str, Any]) -> list[str]:
    """Bring the checkpoint of an earlier version up to date, in place. Returns notes about it."""
    state = checkpoint["training"]
    if not isinstance(state, dict) or not lacks_forgetting(state.get("confidence")):
        return []
    notes = [ESTIMATED] if lacks_other(state["confidence"]) else []
    state["confidence"] = complete(state["confidence"])
    return [*notes, COUNTED_FROM_HERE]

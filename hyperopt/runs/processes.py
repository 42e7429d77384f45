"""A run that several processes train: what it cannot have, and who writes."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from custom_models.classifier import Classifier
from hyperopt.options.run_options import RunOptions
from utils.errors import UserError
from utils.flags import as_flag
from utils.group import Group
from utils.runs.files import RunFiles
from utils.runs.lock import BusyError, only_writer


def refuse_small_batches(options: RunOptions, clean: int, processes: int) -> None:
    """Raise UserError when one of several processes would have no image of a batch."""
    used = {"batch_size": options.batch_size}
    if "hyper_batch_size" in options.estimator_class.hyper_options:
        used["hyper_batch_size"] = options.hyper_batch_size
    for name, size in used.items():
        if size < processes:
            raise UserError(f"{as_flag(name)} {size} leaves some of {processes} processes without an image; raise it")
    if options.estimator_class.hyper_options and clean < processes:
        raise UserError(f"{clean} clean images leave some of {processes} processes without one; start fewer processes")


def synchronised(options: RunOptions, model: Classifier) -> Classifier:
    """The classifier with batch norms that take their statistics from the whole batch, on the GPUs of all processes.

    Raises UserError for an estimator that differentiates its gradients, which torch's SyncBatchNorm cannot do.
    """
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    if norms and options.estimator_class.needs_float32(options):
        raise UserError(
            "batch norms over several GPUs have no second derivative: take --unroll-form difference, a --model without "
            "batch norms, or one process"
        )
    found: Classifier = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return found


def note_undivided(rows_on: str, group: Group) -> None:
    """A note on stderr where rows are to be spread over processes, and there is one alone."""
    if rows_on == "sharded" and group.size == 1:
        print("note: --rows-on sharded has no effect in a single process, which holds all rows", file=sys.stderr)


@contextmanager
def one_writer(files: RunFiles, group: Group) -> Iterator[None]:
    """Let the leader keep other runs from the setting's files. Raises BusyError in every process."""
    with ExitStack() as stack:

        def take() -> BusyError | None:
            try:
                stack.enter_context(only_writer(files))
            except BusyError as error:
                return error
            return None

        if busy := group.agree(take):
            raise busy
        yield

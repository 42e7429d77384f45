"""A command's stages, planned or trained one after the other: what the training script does, for a notebook as well."""

import dataclasses
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any

from custom_models.names import LINEAR
from hyperopt.options.checked import checked
from hyperopt.options.resolve import resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import finished_result
from hyperopt.runs.plan import plan, summary
from hyperopt.runs.refusals import refuse_unfit
from hyperopt.runs.stages import Stage, explaining_fresh, stages
from utils.group import Group
from utils.precision import pick_precision
from utils.processes import processes
from utils.runs.lock import BusyError, wait_for_writer

if TYPE_CHECKING:
    import torch


def train_options(options: RunOptions) -> dict[str, Any]:
    """Train the run that the options describe, stage by stage, and return its result; a finished run is reported.

    The options need not be resolved. A summary of each stage is printed, notes are printed to stderr. Raises UserError
    for a mistake of the user; the process is left as it was.
    """
    return train_stages(prepare(options))


def plan_options(options: RunOptions) -> str:
    """What `train_options` would do, as text; nothing is written."""
    chain = prepare(options)
    return "\n\n".join(plan_stage(stage, chain[-1]) for stage in chain)


def prepare(options: RunOptions) -> list[Stage]:
    """The stages of a command; what shows in the options alone is refused, and notes on them are printed to stderr."""
    options = resolve(checked(options))
    refuse_unfit(options)
    never_mixed = options.model == LINEAR or options.estimator_class.needs_float32(options)
    precision = "fp32" if never_mixed and options.precision == "auto" else options.precision
    options = dataclasses.replace(options, precision=pick_precision(precision, options.gpu, options.no_cuda))
    for note in options.notes:
        print(f"note: {note}", file=sys.stderr)
    return stages(options)


def plan_stage(stage: Stage, last: Stage) -> str:
    """The plan of a stage, as text."""
    with explaining_fresh(stage, last):
        return plan(stage, finished(stage))


def train_stages(chain: list[Stage]) -> dict[str, Any]:
    """Report the finished stages, train the others; returns the result of the last one.

    What a later stage would refuse for certain is refused first.
    """
    last = chain[-1]
    group = processes()
    with ExitStack() as afterwards:

        @cache
        def device() -> "torch.device":
            from hyperopt.runs.run import prepare_device  # imports torch, as does the other code that trains
            from utils.process_state import process_state

            afterwards.enter_context(process_state())
            return prepare_device(last.run)

        for stage in chain if len(chain) > 1 else ():
            with explaining_fresh(stage, last):
                refuse_unfit_start(stage)
        for place, stage in enumerate(chain, 1):
            with explaining_fresh(stage, last):
                result = complete(stage, device, chain[place:], group)
    return result


def refuse_unfit_start(stage: Stage) -> None:
    """Refuse a stage that is finished with other options, or whose rows of --rows do not fit."""
    if not stage.run.fresh:
        finished_result(stage.run.files, stage.run.identity)
    if stage.run.rows:
        from hyperopt.runs.starting_rows import find_starting_rows  # imports torch

        find_starting_rows(stage.training)


def complete(stage: Stage, device: Callable[[], "torch.device"], later: list[Stage], group: Group) -> dict[str, Any]:
    """Report or train a stage, for its result.

    If another process trains it, wait for an earlier stage, which others may share, and with --wait for the last one.
    """
    waits = bool(later) or stage.run.wait
    while True:
        if waits:
            group.agree(lambda: wait_for_writer(stage.run.files))
        try:
            return report_or_train(stage, device, later, group)
        except BusyError:  # begun since by another process
            if not waits:
                raise


def report_or_train(
    stage: Stage, device: Callable[[], "torch.device"], later: list[Stage], group: Group
) -> dict[str, Any]:
    """Report a stage if it is finished, else train it; returns its result."""
    if result := group.agree(lambda: finished(stage)):
        from hyperopt.runs.finished import check_finished, refuse_missing_rows

        check_finished(stage, result)
        if later:
            refuse_missing_rows(stage, later[0])
        print(f"finished already, --fresh starts over: {summary(result)}")
        return result
    from hyperopt.runs.run import train
    from utils.device import memory_mistakes

    with memory_mistakes():
        result = train(stage, device(), later, group)
    print(summary(result))
    return result


def finished(stage: Stage) -> dict[str, Any] | None:
    """The result of a stage's run if it is finished and not to be started over."""
    result = None if stage.run.fresh else finished_result(stage.run.files, stage.run.identity)
    path = stage.rows_path
    if result and path:
        from hyperopt.runs.starting_rows import refuse_other_rows  # imports torch

        refuse_other_rows(path, stage.training, stage.run.files, result)
    if result and stage.network_files:
        from hyperopt.runs.earlier import refuse_other_network  # imports torch

        refuse_other_network(stage, result)
    return result

#!/usr/bin/env python3
"""Train a classifier on a biased, noisy training set while learning how to augment, weigh and label every image.

A stopped run goes on when the same command is given again: from its last checkpoint, or from the one before if that is
damaged. With --fresh, or without a checkpoint, a run starts from scratch.
"""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from custom_models.names import LINEAR
from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import finished_result
from hyperopt.runs.plan import plan, summary
from hyperopt.runs.refusals import refuse_unfit
from hyperopt.runs.stages import Stage, explaining_fresh, stages
from utils.errors import exit_status
from utils.precision import pick_precision
from utils.runs.lock import BusyError, wait_for_writer

if TYPE_CHECKING:
    import torch


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments))


def run(arguments: Sequence[str] | None) -> None:
    """Resolve the options; then print the plan, report a finished run, or train, stage by stage."""
    options = resolve(parse_options(RunOptions, __doc__, arguments))
    refuse_unfit(options)
    exact = options.model == LINEAR or options.estimator_class.needs_float32(options)
    precision = "fp32" if exact else options.precision
    options = dataclasses.replace(options, precision=pick_precision(precision, options.gpu, options.no_cuda))
    for note in options.notes:
        print(f"note: {note}", file=sys.stderr)
    chain = stages(options)
    if options.dry_run:
        print("\n\n".join(plan_stage(stage, chain[-1]) for stage in chain))
    else:
        train_stages(chain)


def plan_stage(stage: Stage, last: Stage) -> str:
    """The plan of a stage, as text."""
    with explaining_fresh(stage, last):
        return plan(stage, finished(stage))


def train_stages(chain: list[Stage]) -> None:
    """Report the finished stages, train the others. What a later stage would refuse for certain is refused first."""
    last = chain[-1]

    @cache
    def device() -> "torch.device":
        from hyperopt.runs.run import prepare_device  # imports torch, as does the other code that trains

        return prepare_device(last.run)

    for stage in chain if len(chain) > 1 else ():
        with explaining_fresh(stage, last):
            refuse_unfit_start(stage)
    for place, stage in enumerate(chain, 1):
        with explaining_fresh(stage, last):
            complete(stage, device, chain[place:])


def refuse_unfit_start(stage: Stage) -> None:
    """Refuse a stage that is finished with other options, or whose rows of --rows do not fit."""
    if not stage.run.fresh:
        finished_result(stage.run.files, stage.run.identity)
    if stage.run.rows:
        from hyperopt.runs.starting_rows import find_starting_rows  # imports torch

        find_starting_rows(stage.training)


def complete(stage: Stage, device: Callable[[], "torch.device"], later: list[Stage]) -> None:
    """Report or train a stage. If another process trains it, wait, unless it is the last one: others may share it."""
    while True:
        if later:
            wait_for_writer(stage.run.files)
        try:
            report_or_train(stage, device, later)
        except BusyError:  # begun since by another process
            if not later:
                raise
        else:
            return


def report_or_train(stage: Stage, device: Callable[[], "torch.device"], later: list[Stage]) -> None:
    """Report a stage if it is finished, else train it."""
    if result := finished(stage):
        from hyperopt.runs.finished import check_finished, refuse_missing_rows

        check_finished(stage, result)
        if later:
            refuse_missing_rows(stage, later[0])
        print(f"finished already, --fresh starts over: {summary(result)}")
        return
    from hyperopt.runs.run import train
    from utils.device import memory_mistakes

    with memory_mistakes():
        print(summary(train(stage, device(), later)))


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


if __name__ == "__main__":
    raise SystemExit(main())

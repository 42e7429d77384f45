#!/usr/bin/env python3
"""Train a classifier on a biased, noisy training set while learning how to augment, weigh and label every image.

A stopped run goes on when the same command is given again: from its last checkpoint, or from the one before if that is
damaged. With --fresh, or without a checkpoint, a run starts from scratch.
"""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

from hyperopt.options.resolve import parse_options, resolve
from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import finished_result
from hyperopt.runs.plan import plan, summary
from hyperopt.runs.refusals import refuse_unfit
from hyperopt.runs.stages import Stage, explaining_fresh, stages
from utils.errors import exit_status
from utils.precision import pick_precision
from utils.runs.lock import wait_for_writer


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments))


def run(arguments: Sequence[str] | None) -> None:
    """Resolve the options; then print the plan, report a finished run, or train, stage by stage."""
    options = resolve(parse_options(RunOptions, __doc__, arguments))
    refuse_unfit(options)
    options = dataclasses.replace(options, precision=pick_precision(options.precision, options.gpu, options.no_cuda))
    for note in options.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.dry_run:
        print("\n\n".join(plan(stage, finished(stage)) for stage in stages(options)))
    else:
        train_stages(stages(options))


def train_stages(chain: list[Stage]) -> None:
    """Report the finished stages, train the others."""
    device = None
    for stage in chain:
        with explaining_fresh(stage, chain[-1]):
            if stage is not chain[-1]:
                wait_for_writer(stage.run.files)
            if result := finished(stage):
                from hyperopt.runs.finished import check_finished  # imports torch, as does the code below

                check_finished(stage, result)
                print(f"finished already, --fresh starts over: {summary(result)}")
                continue
            from hyperopt.runs.run import prepare_device, train  # import torch, which the code above does not need
            from utils.device import memory_mistakes

            with memory_mistakes():
                device = device or prepare_device(stage.run)
                print(summary(train(stage, device, last=stage is chain[-1])))


def finished(stage: Stage) -> dict[str, Any] | None:
    """The result of a stage's run if it is finished and not to be started over."""
    result = None if stage.run.fresh else finished_result(stage.run.files, stage.run.identity)
    path = stage.rows_path
    if result and path:
        from hyperopt.runs.starting_rows import refuse_other_rows  # imports torch

        refuse_other_rows(path, stage.run.files, result)
    if result and stage.earlier:
        from hyperopt.runs.earlier import refuse_other_network  # imports torch

        refuse_other_network(stage, result)
    return result


if __name__ == "__main__":
    raise SystemExit(main())

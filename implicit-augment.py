#!/usr/bin/env python3
"""Train a classifier on a biased, noisy training set while learning how to augment, weigh and label every image.

A run that was stopped goes on when the same command is given again. What it starts from, in this order: scratch with
--fresh; its last checkpoint, or the one before if that is damaged; scratch.
"""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

from custom_datasets.errors import DataError
from custom_models.names import ModelError
from custom_transforms.errors import PolicyError
from hyperopt.runs.plan import plan, summary
from hyperopt.runs.refusals import refuse_unfit
from utils.errors import UserError, exit_status
from utils.options import TrainOptions, parse_options, resolve
from utils.precision import pick_precision
from utils.run_folder import finished_result, rows_file


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments), (UserError, DataError, ModelError, PolicyError))


def run(arguments: Sequence[str] | None) -> None:
    """Resolve the options, then plan, report what is finished, or train, stage by stage."""
    options = resolve(parse_options(TrainOptions, __doc__, arguments))
    refuse_unfit(options)
    options = dataclasses.replace(options, precision=pick_precision(options.precision, options.gpu, options.no_cuda))
    for note in options.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.dry_run:
        print("\n\n".join(plan(stage, finished(stage)) for stage in options.stages))
    else:
        train_stages(options)


def train_stages(options: TrainOptions) -> None:
    """Report what is finished, train the rest."""
    device = None
    for number, stage in enumerate(options.stages, start=1):
        if result := finished(stage):
            from hyperopt.runs.finished import check_finished  # brings torch, as what follows does

            check_finished(stage, result)
            print(f"finished already, --fresh starts over: {summary(result)}")
            continue
        from hyperopt.runs.run import prepare_device, train  # these bring torch, which all of the above does without
        from utils.device import memory_mistakes

        with memory_mistakes():
            device = device or prepare_device(options)
            print(summary(train(stage, device, options.stages[number:])))


def finished(options: TrainOptions) -> dict[str, Any] | None:
    """The result of the run if it is finished and not to be started over."""
    result = None if options.fresh else finished_result(options)
    if result and rows_file(options):
        from hyperopt.runs.starting_rows import refuse_other_rows  # brings torch

        refuse_other_rows(options, result)
    return result


if __name__ == "__main__":
    raise SystemExit(main())

#!/usr/bin/env python3
"""Train a classifier on a biased, noisy training set while learning how to augment, weigh and label every image.

A run that was stopped goes on when the same command is given again. What it starts from, in this order: scratch with
--fresh; its last checkpoint, or the one before if that is damaged; scratch.
"""

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

import torch

from custom_datasets import DataError, find_source
from custom_models import ModelError, parse_model
from custom_transforms import PolicyError
from hyperopt.runs.finished import check_finished
from hyperopt.runs.plan import plan, summary
from hyperopt.runs.preparation import make_policy, refuse_training_on_test
from hyperopt.runs.run import train
from hyperopt.runs.starting_rows import refuse_other_rows
from utils.device import check_compiler, memory_mistakes, pick_device, pick_precision
from utils.errors import UserError, exit_status
from utils.options import TrainOptions, parse_options, resolve
from utils.run_folder import dataset_folder, finished_result


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments), (UserError, DataError, ModelError, PolicyError))


def run(arguments: Sequence[str] | None) -> None:
    """Resolve the options, then plan, report what is finished, or train, stage by stage."""
    options = resolve(parse_options(TrainOptions, __doc__, arguments))
    options = dataclasses.replace(options, precision=pick_precision(options.precision, options.gpu, options.no_cuda))
    find_source(options.dataset, dataset_folder(options))
    parse_model(options.model)
    make_policy(options)
    refuse_training_on_test(options)
    for note in options.notes:
        print(f"note: {note}", file=sys.stderr)
    if options.dry_run:
        print("\n\n".join(plan(stage, finished(stage)) for stage in options.stages))
        return
    device = None
    for number, stage in enumerate(options.stages, start=1):
        if result := finished(stage):
            check_finished(stage, result)
            print(f"finished already, --fresh starts over: {summary(result)}")
            continue
        with memory_mistakes():
            device = device or prepare_device(options)
            print(summary(train(stage, device, options.stages[number:])))


def finished(options: TrainOptions) -> dict[str, Any] | None:
    """The result of the run if it is finished and not to be started over."""
    result = None if options.fresh else finished_result(options)
    if result:
        refuse_other_rows(options, result)
    return result


def prepare_device(options: TrainOptions) -> torch.device:
    """The device that the options choose."""
    device = pick_device(options.gpu, options.no_cuda, options.threads)
    if options.compile:
        check_compiler(device)
    return device


if __name__ == "__main__":
    raise SystemExit(main())

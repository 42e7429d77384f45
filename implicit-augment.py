#!/usr/bin/env python3
"""Train a classifier on a biased, noisy training set while learning how to augment, weigh and label every image.

A stopped run goes on when the same command is given again: from its last checkpoint, or from the one before if that is
damaged. With --fresh, or without a checkpoint, a run starts from scratch.
"""

from collections.abc import Sequence

from utils.errors import exit_status, imports

with imports():
    from hyperopt.options.resolve import parse_options
    from hyperopt.options.run_options import RunOptions
    from hyperopt.runs.command import plan_options, train_options
    from utils.processes import leave, one_voice


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    return exit_status(lambda: run(arguments))


def run(arguments: Sequence[str] | None) -> None:
    """Print the plan, report a finished run, or train, stage by stage."""
    with one_voice():
        options = parse_options(RunOptions, __doc__, arguments)
        if options.dry_run:
            print(plan_options(options))
        else:
            train_options(options)


if __name__ == "__main__":
    leave(main())

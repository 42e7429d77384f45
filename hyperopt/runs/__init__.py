"""Runs: distorted data, starting rows, the frame of a training, stages, from the plan to the result."""

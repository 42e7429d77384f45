"""The rows of a training set: their parts, the tables that hold them, and their file."""

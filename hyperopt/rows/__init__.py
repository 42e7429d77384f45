"""The rows of a training set: their parts, the tables and networks that hold them, and their files."""

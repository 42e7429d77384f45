"""A run: its distorted data, the rows it starts from, its passes, from the first epoch to the result."""

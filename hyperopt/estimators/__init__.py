"""The estimators, which fill the rows, and their table."""

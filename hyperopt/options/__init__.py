"""The options of a run: its setting, their checks, and the options of stored runs."""

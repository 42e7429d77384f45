"""Options, run folders, schedule, passes over the data, results."""

"""The ground floor, which knows no method: flags, recipes, errors, device, threads, speed, seeds, passes, files."""

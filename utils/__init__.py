"""The ground floor, which knows no method: flags, recipes, errors, device, speed, seeds, schedule, passes, files."""

"""Which runs of a setting are repetitions: runs on the same data with the same options except the seed."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import DATA, classes_of

Results = dict[int, dict[str, Any]]  # by run number, in ascending order

# Repetitions may differ in these. Each run folder has learned rows of its own; of given labels the content is compared.
# A run goes on only in its own precision, but other runs may have another one: like a version it changes the rounding,
# and a note says so.
FREE_OPTIONS = ("seed", "rows", "labels", "precision")
# Versions that can change a result's rounding; Python's version is left out, since it affects no number.
VERSIONS = ("torch", "torchvision", "numpy", "device", "threads")
COMMIT_LETTERS = 12  # shown of 40
# What the versions that stored no commit did differently, and for which options of a run.
DONE_OTHERWISE: dict[str, Callable[[RunOptions], bool]] = {
    "started Wide ResNets otherwise": lambda options: str(options.model).startswith("wresnet"),
    "had other arithmetic for --warp original": lambda options: options.warp == "original",
    "trained on other images for --oversplit": lambda options: options.oversplit,
    "showed the rows other test images for --overfit": lambda options: options.overfit,
}


def split_repetitions(results: Results) -> list[Results]:
    """The runs in groups of repetitions, ordered by their lowest runs.

    A result that lacks such data goes to the first group from which it is not known to differ.
    """
    groups: list[Results] = []
    for run, result in sorted(results.items()):
        for group in groups:
            if not any(differences(other, result) for other in group.values()):
                group[run] = result
                break
        else:
            groups.append({run: result})
    return groups


def differences(first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Why the other result is not of a repetition of the first, as text; only data that both have are compared."""
    data = [f"other {name}" for name, _, _ in _differing(data_of(first), data_of(other))]
    options = [f"{name} {theirs}, not {ours}" for name, ours, theirs in _differing(_options(first), _options(other))]
    return data + options + _done_otherwise(first, other)


def _done_otherwise(first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """If one of the two is of an earlier version: what that did differently for such runs."""
    if ("commit" in first) == ("commit" in other):
        return []
    whose = "that one is" if "commit" in other else "it is"
    kinds = [words for words, is_kind in DONE_OTHERWISE.items() if is_kind(first["options"])]
    return [f"{whose} of an earlier version, which {words}" for words in kinds]


def _differing(first: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Names and values of what is known of both and differs."""
    pairs = ((name, first.get(name), other.get(name)) for name in sorted(first.keys() | other.keys()))
    return [(name, ours, theirs) for name, ours, theirs in pairs if None not in (ours, theirs) and ours != theirs]


def data_of(result: dict[str, Any]) -> dict[str, Any]:
    """The entries of a result about its data; None for those that it lacks."""
    images = dict(result.get("images") or {})
    if result["options"].imbalance_ratio > 1 or result["options"].subsample_ratio < 1:
        images.pop("train", None)  # the seed chooses the images that are kept, and their classes decide how many
    return {
        **{name: result.get(key) for key, name in DATA.items()},
        "given labels": (result.get("labels") or {}).get("fingerprint"),
        **{f"number of {part} images": count for part, count in images.items()},
        "number of classes": classes_of(result),
        "class names": result.get("class_names"),
        "kind of test images": result.get("tested_on"),
    }


def _options(result: dict[str, Any]) -> dict[str, Any]:
    """The options that repetitions share."""
    return {name: value for name, value in result["options"].identity.items() if name not in FREE_OPTIONS}


def doubts(results: Results) -> list[str]:
    """Notes on what a mean over repetitions assumes: data that are not known, versions that differ."""
    if len(results) == 1:
        return []
    unknown = defaultdict(list)
    for key, name in DATA.items():
        unknown[tuple(run for run, result in results.items() if result.get(key) is None)].append(name)
    unknown.pop((), None)
    notes = [
        f"not known which {' and '.join(names)} {_listed(list(runs))} were made with: averaged all the same"
        for runs, names in unknown.items()
    ]
    for name in ("precision", *VERSIONS, "commit"):
        runs = defaultdict(list)
        for run, result in results.items():
            if (value := version_of(result, name)) is not None:
                runs[value].append(run)
        if len(runs) > 1:
            listed = "; ".join(f"{value}: {_listed(those)}" for value, those in runs.items())
            notes.append(f"averaged over runs of different {name} ({listed})")
    return notes


def version_of(result: dict[str, Any], name: str) -> Any:
    """The version, or the precision, of a result by its name in `VERSIONS`; None if that is not known."""
    if name == "precision":
        return result["options"].precision
    if name == "commit":
        if name not in result:
            return "an earlier version"
        commit = result[name]
        return commit[:COMMIT_LETTERS] + commit[40:] if commit else "not known"
    return (result.get("versions") or {}).get(name)


def _listed(runs: list[int]) -> str:
    return ", ".join(name_ranges(runs))


def name_ranges(runs: list[int]) -> list[str]:
    """Names of runs in ascending order, with ranges: run1, run4 to run9."""
    ends: list[list[int]] = []
    for run in runs:
        if ends and run == ends[-1][1] + 1:
            ends[-1][1] = run
        else:
            ends.append([run, run])
    return [f"run{first}" if first == last else f"run{first} to run{last}" for first, last in ends]

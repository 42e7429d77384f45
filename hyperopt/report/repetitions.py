"""Which runs of a row repeat one another: those on the same data with the same options, but for the seed."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from hyperopt.options.run_options import RunOptions
from hyperopt.options.stored import DATA, classes_of

Results = dict[int, dict[str, Any]]  # by run number, in ascending order

# Repetitions may differ in these. Learned rows lie in every run folder. A run goes on in its own precision alone, but
# another run's may be another: like a version it changes the rounding, which a note says.
FREE_OPTIONS = ("seed", "rows", "precision")
# What can change a result's rounding; Python's version shapes no number.
VERSIONS = ("torch", "torchvision", "numpy", "device", "threads")
COMMIT_LETTERS = 12  # of 40 that are shown
# What the version that recorded no commit did otherwise, and whether a run of these options is of that kind.
DONE_OTHERWISE: dict[str, Callable[[RunOptions], bool]] = {
    "started Wide ResNets otherwise": lambda options: str(options.model).startswith("wresnet"),
    "had other arithmetic for --warp original": lambda options: options.warp == "original",
    "trained on other images for --oversplit": lambda options: options.oversplit,
    "showed the rows other test images for --overfit": lambda options: options.overfit,
}


def split_repetitions(results: Results) -> list[Results]:
    """The runs in groups of repetitions, in the order of their lowest runs.

    A run that does not say what it is of goes to the first group that it is not known to differ from.
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
    """In words, why the other result is not of a repetition of the first; of what both of them say."""
    data = [f"other {name}" for name, _, _ in _both_know(_data(first), _data(other))]
    options = [f"{name} {theirs}, not {ours}" for name, ours, theirs in _both_know(_options(first), _options(other))]
    return data + options + _done_otherwise(first, other)


def _done_otherwise(first: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What an earlier version, of which one of the two is, did otherwise for runs of their kind."""
    if ("commit" in first) == ("commit" in other):
        return []
    whose = "that one is" if "commit" in other else "it is"
    kinds = [words for words, is_kind in DONE_OTHERWISE.items() if is_kind(first["options"])]
    return [f"{whose} of an earlier version, which {words}" for words in kinds]


def _both_know(first: dict[str, Any], other: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """Names and values of what is known of both and differs."""
    pairs = ((name, first.get(name), other.get(name)) for name in sorted(first.keys() | other.keys()))
    return [(name, ours, theirs) for name, ours, theirs in pairs if None not in (ours, theirs) and ours != theirs]


def _data(result: dict[str, Any]) -> dict[str, Any]:
    """What a result says of the data that it is of, None for what it does not say."""
    images = dict(result.get("images") or {})
    if result["options"].imbalance_ratio > 1 or result["options"].subsample_ratio < 1:
        images.pop("train", None)  # the seed decides which images are left, and by their classes how many
    return {
        **{name: result.get(key) for key, name in DATA.items()},
        **{f"number of {part} images": count for part, count in images.items()},
        "number of classes": classes_of(result),
        "class names": result.get("class_names"),
        "kind of test images": result.get("tested_on"),
    }


def _options(result: dict[str, Any]) -> dict[str, Any]:
    """The options that repetitions share."""
    return {name: value for name, value in result["options"].identity.items() if name not in FREE_OPTIONS}


def doubts(results: Results) -> list[str]:
    """Lines on what a mean over repetitions takes for granted: data that are not known, versions that differ."""
    if len(results) == 1:
        return []
    unknown = defaultdict(list)
    for key, name in DATA.items():
        unknown[tuple(run for run, result in results.items() if result.get(key) is None)].append(name)
    unknown.pop((), None)
    notes = [
        f"not known which {' and '.join(names)} {_words(list(runs))} were made with: averaged all the same"
        for runs, names in unknown.items()
    ]
    for name in ("precision", *VERSIONS, "commit"):
        runs = defaultdict(list)
        for run, result in results.items():
            if (value := _version(result, name)) is not None:
                runs[value].append(run)
        if len(runs) > 1:
            listed = "; ".join(f"{value}: {_words(those)}" for value, those in runs.items())
            notes.append(f"averaged over runs of different {name} ({listed})")
    return notes


def _version(result: dict[str, Any], name: str) -> Any:
    if name == "precision":
        return result["options"].precision
    if name == "commit":
        if name not in result:
            return "an earlier version"
        commit = result[name]
        return commit[:COMMIT_LETTERS] + commit[40:] if commit else "not known"
    return (result.get("versions") or {}).get(name)


def _words(runs: list[int]) -> str:
    return ", ".join(name_ranges(runs))


def name_ranges(runs: list[int]) -> list[str]:
    """Names of runs in ascending order, neighbours joined: run1, run4 to run9."""
    ends: list[list[int]] = []
    for run in runs:
        if ends and run == ends[-1][1] + 1:
            ends[-1][1] = run
        else:
            ends.append([run, run])
    return [f"run{first}" if first == last else f"run{first} to run{last}" for first, last in ends]

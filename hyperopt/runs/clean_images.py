"""Notes on classes with too few clean images to learn from."""

from collections.abc import Mapping, Sequence
from typing import Any


def few_clean(counts: Sequence[int], names: Sequence[str] | None) -> str | None:
    """A note on the classes with no clean image or a single one, from the counts (C,); None if there are none."""
    named = [names[label] if names else f"class {label}" for label in range(len(counts))]
    lacking = [name for name, count in zip(named, counts, strict=True) if count == 0]
    single = [name for name, count in zip(named, counts, strict=True) if count == 1]
    if not (lacking or single):
        return None
    found = [f"no clean image of {', '.join(lacking)}"] if lacking else []
    if single:
        which = "every class" if len(single) == len(counts) else ", ".join(single)
        found.append(f"a single {'one' if lacking else 'clean image'} of {which}")
    others = [count for count in counts if count > 1]
    rest = f" ({min(others)} or more of each other class)" if others else ""
    return f"{', '.join(found)}{rest}: nothing that is learned or selected on clean images holds for such a class"


def few_clean_of_runs(results: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """These notes for a setting's results by run, each once; none for results without counts per class."""
    runs: dict[str, list[str]] = {}
    for run, result in sorted(results.items()):
        counts = result.get("images_per_class")
        note = counts and few_clean(counts["valid"], result["class_names"])
        if note:
            runs.setdefault(note, []).append(f"run{run}")
    return [note if len(which) == len(results) else f"{', '.join(which)}: {note}" for note, which in runs.items()]

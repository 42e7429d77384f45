"""What --help and the page of flags say of a flag: its value, its default, its text."""

import dataclasses


def is_switch(field: dataclasses.Field) -> bool:
    """Whether a field's flag takes no value."""
    return field.type in (bool, "bool")


def help_and_default(field: dataclasses.Field) -> tuple[str, str]:
    """A flag's help without its default, and the default in words: the help's own if it names it, empty without one."""
    text, named, described = field.metadata["help"].partition(" (default: ")
    if named:
        return text, described.removesuffix(")")
    without = is_switch(field) or field.default is None or field.default is dataclasses.MISSING
    return text, "" if without else str(field.default)


def value_kind(field: dataclasses.Field) -> str:
    """What a flag's value is, in words: its choices, or the name of its type; empty for a switch."""
    if is_switch(field):
        return ""
    if "choices" in field.metadata:
        return ", ".join(field.metadata["choices"])
    kind = field.metadata.get("type", str)
    return "text" if kind is str else kind.__name__.replace("_", " ")


def with_values(field: dataclasses.Field) -> str:
    """A flag's help, followed by its choices and its default."""
    text, default = help_and_default(field)
    values = [value_kind(field)] if "choices" in field.metadata else []
    if default:
        values.append(f"default: {default.replace('%', '%%')}")
    return f"{text} ({'; '.join(values)})" if values else text

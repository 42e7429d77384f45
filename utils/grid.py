"""Tables as text."""

Grid = list[list[str]]  # lines of cells, the header first


def as_text(grid: Grid) -> str:
    """The table with aligned columns: the first one to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = []
    for first, *others in grid:
        right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((first.ljust(widths[0]), *right)))
    return "\n".join(lines)

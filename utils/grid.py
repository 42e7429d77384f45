"""Cells in lines and columns."""

Grid = list[list[str]]  # cells by line, the header first


def as_text(grid: Grid) -> str:
    """Columns padded to their width: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = []
    for first, *others in grid:
        right = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        lines.append("  ".join((first.ljust(widths[0]), *right)))
    return "\n".join(lines)

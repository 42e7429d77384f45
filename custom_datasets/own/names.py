"""Names of files and folders: pictures that are read, other pictures, and files that are no data at all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

JPEG = (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo")
READ = (*JPEG, ".png", ".ppm", ".pgm", ".pbm", ".pnm", ".bmp", ".tif", ".tiff", ".webp")
NOT_READ = (
    *(".gif", ".apng", ".heic", ".heif", ".hif", ".avif", ".jxl", ".jp2", ".j2k", ".jpx", ".svg", ".svgz", ".eps"),
    *(".psd", ".xcf", ".ico", ".tga", ".pcx", ".exr", ".hdr", ".dcm", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw"),
    *(".orf", ".rw2", ".raf", ".pef", ".srw"),
)
# Files that macOS, Windows, Synology, QNAP and file systems leave beside data; in lower case.
LEFT_BY_SYSTEMS = {
    *("__macosx", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *("@eadir", "#recycle", "#snapshot", "@recycle", "lost+found", "__pycache__"),
}
SHOWN = 5  # names in a note


def is_read(name: str) -> bool:
    """Whether a file of this name is read as a picture."""
    return name.lower().endswith(READ)


def is_picture(name: str) -> bool:
    """Whether a file of this name is a picture of any kind."""
    return name.lower().endswith(READ + NOT_READ)


def is_junk(name: str) -> bool:
    """Whether a system or a tool has made a file or folder, such as .ipynb_checkpoints; hidden ones always count."""
    return name.startswith(".") or name.lower() in LEFT_BY_SYSTEMS


def describe_files(files: Sequence[Path]) -> str:
    """The number of files of each kind, pictures first: '3 pictures .heic, 1 file .txt'."""
    kinds = Counter((not is_picture(file.name), file.suffix.lower()) for file in files)
    ordered = sorted(kinds.items(), key=lambda kind: (kind[0][0], -kind[1], kind[0][1]))
    return ", ".join(
        f"{counted(count, 'file' if other else 'picture')} {suffix or 'without a suffix'}"
        for (other, suffix), count in ordered
    )


def first_of(files: Iterable[Path]) -> Path:
    """The file to name as an example: a picture if there is one, else the first by name."""
    return min(files, key=lambda file: (not is_picture(file.name), file))


def describe_named(thing: str, names: Sequence[str]) -> str:
    """The number of things such as folders, and their names."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{counted(len(names), thing)} ({', '.join(names[:SHOWN])}{more})"


def counted(count: int, thing: str) -> str:
    """A number and the thing that it counts: '1 picture', '2 pictures'."""
    return f"{count} {thing}{'' if count == 1 else 's'}"

"""The files in a part that is a folder: pictures by class, and what is left out."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from custom_datasets.own.class_table import by_table, find_table
from custom_datasets.own.names import counted, describe_files, first_of, is_junk, is_picture, is_read
from utils.errors import UserError

HOLDERS = {"images", "imgs", "img", "pictures", "photos"}  # a folder of this name beside a table is no class


@dataclass(frozen=True)
class Listing:
    """The pictures of every class (paths, ascending by folder, then name); the classes are ordered by name.

    left_out: other files; junk: pictures that systems and tools have left. Neither is read. table: that has the classes
    of the pictures; None if their folders say them. where: pictures are read, in words.
    """

    path: Path
    pictures: dict[str, list[Path]]
    left_out: list[Path]
    junk: list[Path]
    table: Path | None = None
    where: str = " in the classes' folders"

    @property
    def notes(self) -> list[str]:
        """Notes for the user on files that are not read."""
        notes = [f"the classes of the pictures in {self.path} are those of its {self.table.name}"] if self.table else []
        if self.left_out:
            notes.append(f"not read in {self.path}: {describe_files(self.left_out)}{self._such_as(self.left_out)}")
            if any(is_picture(file.name) for file in self.left_out):
                where = " if the table names them" if self.table else self.where
                notes[-1] += f"; pictures are read{where}, as JPEG, PNG, WebP, TIFF, BMP or PPM"
        if self.junk:
            verb = "that is" if len(self.junk) == 1 else "that are"
            notes.append(
                f"not read in {self.path}: {counted(len(self.junk), 'picture')} {verb} hidden or "
                f"left by a system or a tool{self._such_as(self.junk)}"
            )
        return notes

    def _such_as(self, files: list[Path]) -> str:
        return f", such as {first_of(files).relative_to(self.path).as_posix()}"


def list_part(path: Path) -> Listing:
    """List the files of a part; links are followed. Pictures without folders of classes may have a table.

    Raises UserError that names the folder if it cannot be read, if a link leads to it a second time or if it has no
    picture, and for a link that leads nowhere.
    """
    listing = Listing(path, {}, [], [])
    for folder, names in _walk(path, listing.junk):
        pictures = [name for name in names if folder != path and is_read(name)]
        if folder != path:
            listing.pictures.setdefault(folder.relative_to(path).parts[0], []).extend(
                folder / name for name in pictures
            )
        for name in sorted(set(names) - set(pictures)):
            if not os.path.exists(folder / name):
                raise UserError(f"{folder / name} is a link that leads nowhere; mend or remove it")
            listing.left_out.append(folder / name)
    classes = {name.lower() for name, pictures in listing.pictures.items() if pictures}
    if len(classes) < 2 and classes <= HOLDERS and (table := find_table(path)):
        return _of_table(listing, table)
    _refuse_empty(listing)
    return Listing(path, dict(sorted(listing.pictures.items())), listing.left_out, listing.junk)


def _of_table(listing: Listing, table: Path) -> Listing:
    """The listing of a part by the table that has the classes of its pictures."""
    there = [picture for pictures in listing.pictures.values() for picture in pictures]
    there += [path for path in listing.left_out if is_read(path.name)]
    classes = by_table(table, there)
    read = {table, *(picture for pictures in classes.values() for picture in pictures)}
    left_out = [path for path in (*listing.left_out, *there) if path not in read]
    return Listing(listing.path, classes, list(dict.fromkeys(left_out)), listing.junk, table)


def list_pictures(path: Path) -> tuple[list[Path], list[str]]:
    """All pictures in a folder without classes and in the folders below it, ascending, and notes on other files.

    Raises UserError as `list_part`, and when there is no picture.
    """
    listing = Listing(path, {}, [], [], where="")
    files = [folder / name for folder, names in _walk(path, listing.junk) for name in names]
    pictures = [file for file in files if is_read(file.name)]
    listing.left_out.extend(sorted(set(files) - set(pictures)))
    if not pictures:
        found = f" ({describe_files(listing.left_out)})" if listing.left_out else ""
        raise UserError(f"{path} holds no picture that is read{found}; name a folder of JPEG, PNG or other pictures")
    return pictures, listing.notes


def _refuse_empty(listing: Listing) -> None:
    """Raise UserError when there is no class, or a class without a picture."""
    path = listing.path
    if not listing.pictures:
        there = f": {describe_files(listing.left_out)}" if listing.left_out else ""
        raise UserError(
            f"{path} holds no folder of a class{there}; put the pictures of each class into one of its own, "
            "or add a table labels.csv with file_name and label"
        )
    for name, paths in listing.pictures.items():
        if not paths:
            left_out = [file for file in listing.left_out if path / name in file.parents]
            found = f" ({describe_files(left_out)})" if left_out else ""
            raise UserError(f"{path / name} holds no image that is read{found}; there must be one, or no such folder")


def _walk(path: Path, junk: list[Path]) -> Iterator[tuple[Path, list[str]]]:
    """Folders and the names of their files, ascending; pictures among the junk are added to `junk`."""
    met, found = set(), []
    for folder, folders, names in os.walk(path, followlinks=True, onerror=_refuse_unreadable):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in met:
            raise UserError(f"{folder} is a link to a folder whose images are read already; remove it")
        met.add((status.st_dev, status.st_ino))
        for name in filter(is_junk, folders):
            junk += [
                Path(inside, file) for inside, _, files in os.walk(Path(folder, name)) for file in _pictures(files)
            ]
        junk += [Path(folder, name) for name in _pictures(filter(is_junk, names))]
        folders[:] = [name for name in folders if not is_junk(name)]
        found.append((folder, sorted(name for name in names if not is_junk(name))))
    yield from ((Path(folder), names) for folder, names in sorted(found))


def _pictures(names: Iterator[str] | list[str]) -> list[str]:
    """Pictures among the names. A file that macOS keeps beside another one, named '._' and its name, is none."""
    return [name for name in names if is_picture(name) and not name.startswith("._")]


def _refuse_unreadable(error: OSError) -> None:
    raise UserError(f"{error.filename} cannot be read ({error.strerror}); mend that, or remove it") from error

"""Puts a page together from its files and an audit's content, and writes it."""

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.files import replace_file

if TYPE_CHECKING:  # imports torch, which checks of flags do not need
    from hyperopt.report.review import Review

PAGE = ".html"  # the suffix of its file
FOLDER = Path(__file__).parent
# In the order in which they use each other; they share one scope.
SCRIPTS = ("table.js", "labels.js", "decisions.js", "filters.js", "cards.js", "page.js")


def write_page(path: Path, review: "Review", threshold: float) -> list[str]:
    """Write the page of an audit, whose labels look wrong at this threshold; returns notes for the user."""
    from hyperopt.report.page.content import content_of

    content = content_of(review, threshold)
    replace_file(path, page(content.values).encode())
    return content.notes


def page(values: dict[str, Any]) -> str:
    """The page with these values, in ASCII but for the project's own texts.

    Everything of the user's is inside of a JSON text, in which no tag can begin or end, or escaped for HTML.
    """
    # The files end in a newline, which belongs to the element, and so to what is hashed.
    style = (FOLDER / "page.css").read_text()
    script = f'"use strict";\n(() => {{\n{"".join((FOLDER / name).read_text() for name in SCRIPTS)}}})();\n'
    parts = {
        "title": html.escape(values["title"]).encode("ascii", "xmlcharrefreplace").decode(),
        "style": style,
        "style_hash": _hash(style),
        "script": script,
        "script_hash": _hash(script),
        "data": as_json(values),
    }
    # In one pass, so that nothing is replaced inside of what was put in.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], (FOLDER / "page.html").read_text())


def as_json(values: Any) -> str:
    """JSON in ASCII without `<`, which could begin a tag; file names may have any bytes."""
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")


def _hash(text: str) -> str:
    """How a page's policy names a script or a style that may take effect."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

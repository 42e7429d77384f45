"""The house: imports run downwards, rooms know no method, files are short, functions take what they use."""

import ast
from graphlib import TopologicalSorter

import pytest
from conftest import ROOT

from hyperopt.estimators.table import ESTIMATORS
from hyperopt.options.methods import METHODS

# The longest name that a module's begins with is its room.
FLOORS = {
    "utils": 0,
    "custom_datasets": 1,
    "custom_models": 1,
    "custom_transforms": 1,
    "hyperopt": 2,
    "hyperopt.head": 2,
    "hyperopt.augmentation": 2,
    "hyperopt.rows": 3,
    "hyperopt.estimators": 4,
    "hyperopt.options": 5,
    "hyperopt.runs": 6,
    "hyperopt.report": 7,
    "implicit-augment": 8,
    "get-results": 8,
}
LONGEST = 300
# Functions that take a whole object of options and use two fields of it or fewer, with the reason.
FEW_FIELDS: dict[str, str] = {}


def room_of(module):
    return max((room for room in FLOORS if module == room or module.startswith(f"{room}.")), key=len, default=None)


def sources():
    """The syntax trees of the modules of all rooms, by dotted name."""
    tops = dict.fromkeys(room.partition(".")[0] for room in FLOORS)
    paths = [path for top in tops for path in sorted((*ROOT.glob(f"{top}/**/*.py"), *ROOT.glob(f"{top}.py")))]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    return {name: ast.parse(path.read_text()) for name, path in names.items()}


SOURCES = sources()


def used_by(tree):
    """The modules that a module imports from the project, wherever in the file."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and room_of(node.module):
            parts = {f"{node.module}.{alias.name}" for alias in node.names} & SOURCES.keys()
            found |= parts or {node.module}
    return found


MODULES = {name: used_by(tree) for name, tree in SOURCES.items()}


@pytest.mark.parametrize("name", MODULES)
def test_module_uses_rooms_below_its_own(name):
    others = {room_of(used) for used in MODULES[name]} - {room_of(name)}
    assert all(FLOORS[room] < FLOORS[room_of(name)] for room in others), others


def test_imports_make_no_circle():
    order = list(TopologicalSorter(MODULES).static_order())
    assert len(order) == len(MODULES) > 100


def names_and_texts(tree):
    """All names and texts of a module but for docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, documented))
    docstrings = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from node.value.replace("-", " ").replace("_", " ").split()
        elif isinstance(node, ast.Name | ast.FunctionDef | ast.ClassDef | ast.Attribute | ast.arg):
            yield next(getattr(node, field) for field in ("id", "name", "attr", "arg") if hasattr(node, field))


@pytest.mark.parametrize("name", [name for name in SOURCES if FLOORS[room_of(name)] < 2])
def test_lower_rooms_know_no_method(name):
    methods = (ESTIMATORS.keys() | METHODS.keys()) - {"NONE"}  # which is a policy, too
    assert methods.isdisjoint(names_and_texts(SOURCES[name]))


def test_files_are_short():
    outside = [path for path in ROOT.glob("**/*.py") if path.relative_to(ROOT).parts[0] not in ("tests", ".venv")]
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in outside}
    assert {path: length for path, length in lengths.items() if length > LONGEST and ".venv" not in path} == {}


def options_of(function):
    """The parameters of a function that are a whole object of options, and the fields of each that it uses."""
    arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
    wholes = [arg.arg for arg in arguments if arg.annotation and ast.unparse(arg.annotation) in WHOLES]
    for whole in wholes:
        used = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == whole]
        fields = {
            node.attr
            for node in ast.walk(function)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == whole
        }
        attributes = sum(
            isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == whole
            for node in ast.walk(function)
        )
        yield whole, fields, len(used) > attributes  # otherwise it is handed on as a whole


WHOLES = ("Setting", "RunOptions", "ResultOptions")


def test_functions_take_the_options_that_they_use():
    few = set()
    for name, tree in SOURCES.items():
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for _, fields, handed_on in options_of(function):
                if len(fields) <= 2 and not handed_on:
                    few.add(f"{name}.{function.name}")
    assert few == FEW_FIELDS.keys()

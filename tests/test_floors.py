"""Imports run downwards: the scripts use hyperopt, which uses the custom rooms, and all use utils, the ground floor."""

import ast
from graphlib import TopologicalSorter

import pytest
from conftest import ROOT

FLOORS = {
    "utils": 0,
    "custom_datasets": 1,
    "custom_models": 1,
    "custom_transforms": 1,
    "hyperopt": 2,
    "implicit-augment": 3,
    "get-results": 3,
}


def room_of(module):
    return module.partition(".")[0]


def modules():
    """The modules that each module of the project imports from it, wherever in the file, by dotted name."""
    paths = [path for room in FLOORS for path in (*ROOT.glob(f"{room}/**/*.py"), *ROOT.glob(f"{room}.py"))]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    found = {}
    for name, path in names.items():
        found[name] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and room_of(node.module) in FLOORS:
                parts = {f"{node.module}.{alias.name}" for alias in node.names} & names.keys()
                found[name] |= parts or {node.module}
    return found


MODULES = modules()


@pytest.mark.parametrize("name", MODULES)
def test_module_uses_rooms_below_its_own(name):
    others = {room_of(used) for used in MODULES[name]} - {room_of(name)}
    assert all(FLOORS[room] < FLOORS[room_of(name)] for room in others), others


def test_imports_make_no_circle():
    order = list(TopologicalSorter(MODULES).static_order())
    assert len(order) == len(MODULES) > 80

import json
import math

import pytest
from oracle import Problem

from benchmarks import hypergradient
from hyperopt.head.fisher import head_fisher_product


def test_the_benchmark_prints_its_tables_and_writes_its_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(hypergradient.TRAININGS["DIGITS"], "epochs", 3)
    monkeypatch.setitem(hypergradient.TRAININGS["DIGITS"], "hyper_start", 1)
    flags = ["--rounds", "1", "--output", "numbers.json", "--plot", "figure.png"]
    monkeypatch.setattr("sys.argv", ["hypergradient", *flags])
    hypergradient.main()
    solvers, printed = json.loads((tmp_path / "numbers.json").read_text())["solvers"], capsys.readouterr().out
    assert list(solvers) == ["DIGITS"]
    for name, row in solvers["DIGITS"].items():
        assert name in printed
        assert 0 < row["milliseconds"]["lower quartile"] <= row["milliseconds"]["upper quartile"]
        assert math.isfinite(row["cosine"])
        assert 0 <= row["rounding"] < 1
    # The solved system has the change of the system's own condition, the unsolved one a far larger one.
    rounding = {name: row["rounding"] for name, row in solvers["DIGITS"].items()}
    assert rounding["identity"] == 0
    assert max(rounding["dense"], rounding["CG, 100 iterations"], rounding["CG, 5 iterations"]) < 1e-12
    errors = {name: row["relative error"] for name, row in solvers["DIGITS"].items()}
    assert errors["dense"] == 0
    assert errors["CG, 30 iterations (FIS)"] < 1e-4 < errors["CG, 5 iterations"]
    assert solvers["DIGITS"]["Kronecker"]["cosine"] > solvers["DIGITS"]["identity"]["cosine"]
    assert errors["identity"] is None
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_dense_solution_solves_the_products_equation():
    """The exact V put back into the matrix's products, which other tests compare with autograd."""
    problem = Problem("symmetric KL")
    system = hypergradient.System(problem.batch(), problem.W, problem.direction, 0.1)
    V, (p, features, weight, scale) = system.dense(), system.fisher()
    back = head_fisher_product(p, features, weight, V) / scale + 0.1 * V
    assert (back - problem.direction).norm().item() == pytest.approx(0, abs=1e-10)

"""The convex programs against the closed forms, and what they do when a solver fails."""

import ast
import warnings
from pathlib import Path as File

import numpy as np
import pytest

from saddles import implicit_bias

cp = pytest.importorskip("cvxpy")

from reference import implicit_bias as reference  # noqa: E402  (needs cvxpy)

# Asked of the optimal values, relative to the size of the objective's terms; Clarabel works to 2e-9
# of its own residuals.
GAP = 1e-7
# The same for exponential cones.
ENTROPY_GAP = 1e-8
# Optimal values within 1e-8 leave flat directions open by the square root of that, or more.
POINT = 1e-2

DELTAS = (-1e3, -30.0, -5.0, -1.0, -0.1, -0.01, 0.0, 0.01, 0.1, 1.0, 5.0, 30.0, 1e3)


def problem(seed):
    rng = np.random.default_rng(seed)
    n, d = 3, 6
    X = rng.normal(size=(n, d))
    if seed % 3 == 0:
        X[2] = X[0] - X[1]
    return X, X @ rng.normal(size=d), rng.normal(size=d) * 10.0 ** rng.uniform(-2, 0.5)


def solved(program, *args, **kwargs):
    """Return the solution, after checking that an inaccurate one was announced."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        solution = program(*args, **kwargs)
    announced = any("inaccurate" in str(warning.message) for warning in caught)
    assert solution.accurate is not announced
    return solution


def check(solution, closed, delta):
    size = np.hypot(delta, 2 * np.linalg.norm(closed.beta))
    assert abs(solution.objective - closed.objective) < GAP * size**1.5
    assert np.abs(solution.beta - closed.beta).max() < POINT * max(size, 1.0)


@pytest.mark.parametrize("delta", DELTAS)
def test_semidefinite_program_has_the_closed_form_s_value(delta):
    for seed in range(3):
        X, y, beta0 = problem(seed)
        closed = implicit_bias.single_neuron(X, y, beta0=beta0, delta=delta)
        check(solved(reference.single_neuron, X, y, beta0, delta), closed, delta)


@pytest.mark.parametrize("delta", [delta for delta in DELTAS if delta >= 0])
def test_conjugate_program_has_the_closed_form_s_value(delta):
    for seed in range(3):
        X, y, beta0 = problem(seed)
        closed = implicit_bias.single_neuron(X, y, beta0=beta0, delta=delta)
        check(solved(reference.single_neuron_dual, X, y, beta0, delta), closed, delta)


@pytest.mark.parametrize("log_alpha", [-0.1, -1.0, -5.0, -20.0, -100.0])
def test_exponential_cones_have_the_dual_newton_s_value(log_alpha):
    for seed in range(3):
        X, y, _ = problem(seed)
        closed = implicit_bias.diagonal(X, y, log_alpha=log_alpha)
        solution = solved(reference.hyperbolic_entropy, X, y, log_alpha)
        assert abs(solution.objective - closed.objective) < ENTROPY_GAP * closed.objective
        assert np.abs(solution.beta - closed.beta).max() < 1e-3 * np.abs(closed.beta).max()


def test_a_second_solver_agrees():
    X, y, beta0 = problem(1)
    closed = implicit_bias.single_neuron(X, y, beta0=beta0, delta=1.0)
    solution = solved(reference.single_neuron_dual, X, y, beta0, 1.0, solver=cp.SCS)
    assert solution.solver == cp.SCS
    assert abs(solution.objective - closed.objective) < 1e-3 * abs(closed.objective)


def test_no_solution_is_an_error_that_names_the_status():
    X, y = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1.0, 2.0])
    with pytest.raises(RuntimeError, match="infeasible"):
        reference.single_neuron(X, y, np.ones(2), -1.0)
    with pytest.raises(RuntimeError, match="infeasible"):
        reference.hyperbolic_entropy(X, y, -1.0)


def test_an_inaccurate_solution_is_reported(monkeypatch):
    X, y, beta0 = problem(1)
    monkeypatch.setattr(reference, "CLARABEL", {"tol_gap_abs": 1e-16, "tol_gap_rel": 1e-16})
    with pytest.warns(UserWarning, match="inaccurate"):
        solution = reference.single_neuron(X, y, beta0, -1.0)
    assert solution.status == "optimal_inaccurate"
    assert not solution.accurate


def test_a_solver_that_gives_up_is_an_error(monkeypatch):
    X, y, beta0 = problem(1)
    monkeypatch.setattr(reference, "CLARABEL", {"max_iter": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with pytest.raises(RuntimeError, match="CLARABEL"):
            reference.single_neuron(X, y, beta0, -1.0)


def test_the_conjugate_program_refuses_negative_delta():
    with pytest.raises(ValueError, match="delta=-1"):
        reference.single_neuron_dual([[1.0]], [1.0], [1.0], -1.0)


def test_the_reference_imports_nothing_from_the_package():
    tree = ast.parse(File(reference.__file__).read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [
        name.name if isinstance(node, ast.Import) else str(node.module)
        for node in imports
        for name in node.names
    ]
    assert not any(name.split(".")[0] == "saddles" for name in names)

"""The oracles against their own definitions, published numbers, third parties and each other."""

import ast
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path as File

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.optimize import linprog

from reference.gradient_flow import (
    Samples,
    gradient_descent,
    mpmath_flow,
    runge_kutta,
    torch_gradient_descent,
)
from reference.pesme_flammarion import Path, pesme_flammarion

# Feasibility tolerance of HiGHS is 1e-7; entries here are of order one to ten.
LINPROG_TOLERANCE = 1e-6

# arXiv:2607.12332: the first coordinate enters, then leaves for good.
NONMONOTONE_X = [
    [1, Fraction(1, 2), Fraction(7, 10), 0],
    [Fraction(1, 2), 1, Fraction(1, 10), Fraction(7, 10)],
]
NONMONOTONE_Y = [1, 0]

Problem = tuple[list[list[int]], list[int]]


def _degenerate_problem(seed: int) -> Problem:
    """Small integers, often with repeated, opposite, zero or dependent columns."""
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 6, 2)
    X = rng.integers(-2, 3, (n, d))
    kind = seed % 5
    if kind == 1:
        X = np.hstack([X, X[:, :1], -X[:, -1:]])
    elif kind == 2:
        X = np.hstack([X, np.zeros((n, 1), int), X[:, :1] + X[:, -1:]])
    elif kind == 3:
        X = rng.integers(-1, 2, (n, 2)) @ rng.integers(-2, 3, (2, d + 1))
    elif kind == 4:
        X = np.hstack([2 * np.eye(n, dtype=int), np.ones((n, 1), int), X])
    y = rng.integers(-2, 3, n)
    return X.tolist(), y.tolist()


SEEDS = range(125)


@cache
def _solved(seed: int) -> tuple[Problem, Path]:
    problem = _degenerate_problem(seed)
    return problem, pesme_flammarion(*problem)


def _dot(a: list, b: list) -> Fraction:
    return sum((x * z for x, z in zip(a, b, strict=True)), Fraction(0))


def _residual(y: list, fit: list) -> list:
    return [a - b for a, b in zip(y, fit, strict=True)]


def _gradient(X: list, y: list, beta: list) -> list:
    residual = [b - _dot(row, beta) for row, b in zip(X, y, strict=True)]
    return [-_dot(column, residual) / len(y) for column in zip(*X, strict=True)]


# --- exact path: published and worked examples ----------------------------------------------


def test_nonmonotone_fixture_is_met_exactly():
    path = pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y)
    F = Fraction
    n = 2  # the paper's loss has no 1/n: its times are shorter, its losses higher, by this factor
    assert path.times == [n * t for t in (0, 1, 4, F(276, 49))]
    assert path.losses == [loss / n for loss in (F(1, 2), F(1, 10), F(1, 100), F(0))]
    assert path.betas == [
        [0, 0, 0, 0],
        [F(4, 5), 0, 0, 0],
        [0, 0, F(7, 5), 0],
        [0, 0, F(10, 7), F(-10, 49)],
    ]
    assert path.duals == [
        [0, 0, 0, 0],
        [1, F(1, 2), F(7, 10), 0],
        [1, F(-2, 5), 1, F(-21, 25)],
        [F(45, 49), F(-30, 49), 1, -1],
    ]
    assert path.fits == [[0, 0], [F(4, 5), F(2, 5)], [F(49, 50), F(7, 50)], [1, 0]]
    assert path.unique == [True] * 4


def test_threefold_tie_is_one_jump_to_a_saddle_that_is_not_unique():
    path = pesme_flammarion([[1, 0, 0.5], [0, 1, 0.5]], [1, 1])
    assert path.times == [0, 2]
    assert path.duals[-1] == [1, 1, 1]
    assert path.fits[-1] == [1, 1]
    assert path.unique == [True, False]


def test_tied_coordinate_may_stay_at_zero():
    path = pesme_flammarion([[1, 1], [0, 1]], [1, 0])
    assert path.duals == [[0, 0], [1, 1]]
    assert path.betas == [[0, 0], [1, 0]]


def test_dependent_columns_with_the_wrong_signs_leave_the_saddle_unique():
    # The only dependency is a1 + a2 = 2 a3, and β = (1, 0, 0): either direction along it makes a
    # coordinate at rest negative.
    path = pesme_flammarion([[2, 2, 2], [0, 2, 1]], [2, 0])
    assert path.betas[-1] == [1, 0, 0]
    assert path.duals[-1] == [1, 1, 1]
    assert path.unique == [True, True]


@pytest.mark.parametrize("copy", [1, -1])
def test_copied_column_makes_the_saddle_not_unique(copy):
    path = pesme_flammarion([[2, 2 * copy], [1, copy]], [3, 0])
    assert path.unique == [True, False]


@pytest.mark.parametrize(
    ("X", "y"), [([[1, 2], [3, 4]], [0, 0]), ([[0, 0]], [1]), ([[1], [1]], [1, -1])]
)
def test_start_at_the_answer_and_nothing_happens(X, y):
    path = pesme_flammarion(X, y)
    assert path.times == [0]
    assert path.betas == [[0] * len(X[0])]


# --- exact path: the definition, on degenerate problems --------------------------------------


def test_degenerate_problems_contain_what_they_promise():
    paths = [_solved(seed)[1] for seed in SEEDS]
    steps = [
        (before, after, dual)
        for path in paths
        for before, after, dual in zip(path.betas, path.betas[1:], path.duals[1:], strict=False)
    ]
    assert (
        sum(sum(abs(s) == 1 for s in dual) > sum(b != 0 for b in beta) for _, beta, dual in steps)
        > 50
    )
    assert (
        sum(
            any(b and not a for b, a in zip(before, after, strict=True))
            for before, after, _ in steps
        )
        > 10
    )
    assert sum(not unique for path in paths for unique in path.unique) > 20
    assert sum(path.losses[-1] > 0 for path in paths) > 20
    assert max(len(path.times) for path in paths) > 5


@pytest.mark.parametrize("seed", SEEDS)
def test_path_obeys_algorithm_2(seed):
    (X, y), path = _solved(seed)
    gradients = [_gradient(X, y, beta) for beta in path.betas]
    assert path.times[0] == 0
    assert not any(path.betas[0])
    assert not any(path.duals[0])
    assert not any(gradients[-1])
    for k in range(len(path.times) - 1):
        wait = path.times[k + 1] - path.times[k]
        before, after = path.duals[k], path.duals[k + 1]
        assert after == [s - wait * g for s, g in zip(before, gradients[k], strict=True)]
        # τ* is the first hit: nothing has left the box, and something has just come to its side.
        assert wait > 0
        assert all(abs(s) <= 1 for s in after)
        assert any(abs(s) == 1 and s != old for s, old in zip(after, before, strict=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_saddles_meet_their_optimality_conditions(seed):
    (X, y), path = _solved(seed)
    for beta, S in zip(path.betas, path.duals, strict=True):
        for b, s, g in zip(beta, S, _gradient(X, y, beta), strict=True):
            assert b * g == 0
            assert b == 0 or (abs(s) == 1 and b * s > 0)
            assert abs(s) < 1 or s * g >= 0


@pytest.mark.parametrize("seed", SEEDS)
def test_target_splits_into_tangent_and_normal_part(seed):
    """Moreau: with ρ' = r / n and S = Xᵀρ, y = r + Xβ, r ⊥ Xβ, r tangent to the box at ρ."""
    (X, y), path = _solved(seed)
    n, columns = len(y), list(zip(*X, strict=True))
    rho, clock, residual = [Fraction(0)] * n, Fraction(0), [Fraction(0)] * n
    for time, S, fit, beta, loss in zip(
        path.times, path.duals, path.fits, path.betas, path.losses, strict=True
    ):
        rho = [a + (time - clock) * b / n for a, b in zip(rho, residual, strict=True)]
        residual, clock = _residual(y, fit), time
        assert fit == [_dot(row, beta) for row in X]
        assert [_dot(column, rho) for column in columns] == S
        assert _dot(residual, fit) == 0
        assert loss == _dot(residual, residual) / (2 * n)
        assert all(
            abs(s) < 1 or s * _dot(c, residual) <= 0 for s, c in zip(S, columns, strict=True)
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_losses_fall_strictly(seed):
    losses = _solved(seed)[1].losses
    assert all(after < before for before, after in pairwise(losses))


@pytest.mark.parametrize("seed", SEEDS[::2])
def test_uniqueness_agrees_with_linear_programming(seed):
    """Minimisers form a polytope; a generic linear function is constant on it iff it is a point."""
    (X, _), path = _solved(seed)
    direction = np.random.default_rng(seed).standard_normal(len(X[0]))
    ranges = {1: (0, None), -1: (None, 0)}
    for S, fit, unique in zip(path.duals, path.fits, path.unique, strict=True):
        bounds = [ranges.get(s, (0, 0)) for s in S]
        low, high = (
            sign * linprog(sign * direction, A_eq=X, b_eq=np.array(fit, float), bounds=bounds).fun
            for sign in (1, -1)
        )
        assert (high - low < LINPROG_TOLERANCE) == unique


def _smallest_weighted_l1(X, fit, plus, minus) -> float:
    A = np.array(X, float)
    cost = np.concatenate([np.array(plus, float), np.array(minus, float)])
    return linprog(cost, A_eq=np.hstack([A, -A]), b_eq=np.array(fit, float)).fun


@pytest.mark.parametrize("seed", SEEDS[::2])
def test_endpoint_has_minimum_l1_norm(seed):
    (X, _), path = _solved(seed)
    ones = [1] * len(X[0])
    smallest = _smallest_weighted_l1(X, path.fits[-1], ones, ones)
    assert float(sum(map(abs, path.betas[-1]))) == pytest.approx(smallest, abs=LINPROG_TOLERANCE)


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_endpoint_with_boundaries_has_minimum_weighted_l1_norm(seed):
    X, y = _degenerate_problem(seed)
    plus, minus = np.random.default_rng(seed).integers(1, 5, (2, len(X[0]))).tolist()
    path = pesme_flammarion(X, y, boundaries=(plus, minus))
    cost = sum(
        b * (p if b > 0 else -m) for b, p, m in zip(path.betas[-1], plus, minus, strict=True)
    )
    smallest = _smallest_weighted_l1(X, path.fits[-1], plus, minus)
    assert float(cost) == pytest.approx(smallest, abs=LINPROG_TOLERANCE)
    for S in path.duals:
        assert all(-m <= s <= p for s, p, m in zip(S, plus, minus, strict=True))


def test_boundaries_are_column_scales_in_disguise():
    scales = [2, 3, Fraction(1, 2), 5]
    plain = pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y)
    X = [[x * scale for x, scale in zip(row, scales, strict=True)] for row in NONMONOTONE_X]
    path = pesme_flammarion(X, NONMONOTONE_Y, boundaries=(scales, scales))
    assert path.times == plain.times
    assert path.fits == plain.fits


def test_numbers_of_every_kind_are_taken_exactly():
    X, y = [[2**40, 1], [3, 2**40]], [2**41, -5]
    exact = pesme_flammarion([[Fraction(x) for x in row] for row in X], [Fraction(b) for b in y])
    assert pesme_flammarion(np.array(X), np.array(y)) == exact
    assert pesme_flammarion(np.array(X, float), y) == exact
    tenth = pesme_flammarion([[0.1]], [1])
    assert tenth.times == [0, 1 / Fraction(0.1)]
    assert tenth.times != [0, 10]


@pytest.mark.parametrize(
    ("X", "y", "boundaries"),
    [
        ([[1, 2], [3]], [1, 2], None),
        ([[1, 2]], [1, 2], None),
        ([], [], None),
        ([[1, 2]], [1], ([1, 1], [1])),
        ([[1, 2]], [1], ([1, 1], [1, 0])),
    ],
)
def test_ill_formed_problems_are_refused(X, y, boundaries):
    with pytest.raises(ValueError, match="must be"):
        pesme_flammarion(X, y, boundaries)


# --- gradient flow ---------------------------------------------------------------------------

FLOW_X = np.array(NONMONOTONE_X, float)
FLOW_Y = np.array(NONMONOTONE_Y, float)
# Inside each phase, before the jumps at 2, 8 and 11.27 and after the last.
MID_PHASE = np.array([1.0, 5.0, 9.5, 13.0])


def _order(errors: list[float]) -> NDArray[np.float64]:
    """Observed order of convergence, the step being halved each time."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


@cache
def _flow(log_alpha: float) -> Samples:
    return mpmath_flow(FLOW_X, FLOW_Y, log_alpha, MID_PHASE, order=20, tolerance=1e-13)


def _worst(a: Samples, b: Samples) -> float:
    return float(np.max(np.abs(a.betas - b.betas)))


def test_runge_kutta_converges_to_the_taylor_series_at_order_four():
    exact = _flow(-3.0)
    steps = [0.2, 0.1, 0.05]
    errors = [_worst(runge_kutta(FLOW_X, FLOW_Y, -3.0, MID_PHASE, h), exact) for h in steps]
    assert _order(errors) == pytest.approx(4, abs=0.1)
    assert errors[-1] < 1e-6


def test_descent_converges_to_runge_kutta_at_order_one():
    flow = runge_kutta(FLOW_X, FLOW_Y, -3.0, MID_PHASE, 0.02)
    steps = [0.04, 0.02, 0.01]
    errors = [_worst(gradient_descent(FLOW_X, FLOW_Y, -3.0, MID_PHASE, h), flow) for h in steps]
    assert _order(errors) == pytest.approx(1, abs=0.05)


def test_torch_descends_as_numpy_does_to_rounding():
    ours = gradient_descent(FLOW_X, FLOW_Y, -3.0, MID_PHASE, 0.1)
    torch = torch_gradient_descent(FLOW_X, FLOW_Y, -3.0, MID_PHASE, 0.1)
    # Some 400 steps, each good to a few eps.
    assert torch.betas == pytest.approx(ours.betas, rel=0, abs=1e-13)


@pytest.mark.parametrize("log_alpha", [-0.5, -3.0])
def test_flow_of_one_coordinate_is_the_closed_form(log_alpha):
    """z = (u, v): z' = Fz − |z|²z/2 with F = [[δ/2, 1], [1, −δ/2]], δ = α², a Riccati equation."""
    alpha, scaled_times = np.exp(log_alpha), [0.5, 1.0, 2.0]
    F = np.array([[alpha**2 / 2, 1], [1, -(alpha**2) / 2]])
    start, expected = np.array([alpha, 0.0]), []
    for time in -log_alpha * np.array(scaled_times):
        grown = expm(F * time) @ start
        integral = start @ np.linalg.solve(2 * F, (expm(2 * F * time) - np.eye(2)) @ start)
        expected.append([np.prod(grown) / (1 + integral)])
    for flow in (
        runge_kutta([[1.0]], [1.0], log_alpha, scaled_times, 0.005),
        mpmath_flow([[1.0]], [1.0], log_alpha, scaled_times),
    ):
        assert flow.betas == pytest.approx(np.array(expected), rel=1e-9)


@pytest.mark.parametrize("integrate", [gradient_descent, runge_kutta, torch_gradient_descent])
def test_samples_fall_on_the_requested_times(integrate):
    flow = integrate([[1.0, 2.0]], [1.0], -2.0, [0.0, 0.3, 0.31], 0.07)
    assert flow.scaled_times == pytest.approx([0, 0.3, 0.31])
    assert flow.times == pytest.approx([0, 0.6, 0.62])
    assert flow.betas.shape == (3, 2)
    assert not flow.betas[0].any()


def test_precision_follows_the_initial_scale():
    """A coefficient that changes its sign needs u² − v² = α² beside u² of order one.

    The path of this problem is −1/3, 0, 5/3 in its first coordinate. In float64, α = e⁻²⁰ is too
    small, and the last jump never comes.
    """
    X, y, log_alpha, end = [[3, 1], [3, 2]], [1, -3], -20.0, [2.2]
    assert [beta[0] for beta in pesme_flammarion(X, y).betas] == [
        0,
        Fraction(-1, 3),
        0,
        Fraction(5, 3),
    ]
    default = mpmath_flow(X, y, log_alpha, end)
    assert default.betas == pytest.approx(np.array([[5 / 3, -4]]), abs=0.01)
    assert _worst(default, mpmath_flow(X, y, log_alpha, end, digits=80)) < 1e-14
    for coarse in (
        mpmath_flow(X, y, log_alpha, end, digits=16),
        runge_kutta(X, y, log_alpha, end, 0.01),
    ):
        assert coarse.betas == pytest.approx(np.array([[0, -1]]), abs=1e-9)


# --- flow and path: the limit α → 0 ------------------------------------------------------------


def _dual_of_path(path: Path, tau: float) -> NDArray[np.float64]:
    times, duals = np.array(path.times, float), np.array(path.duals, float)
    return np.array([np.interp(tau, times, column) for column in duals.T])


def test_flow_approaches_the_path_at_rate_one_over_log():
    """β = α²/2 sinh(2 log(1/α) S) defines the flow's own S; its error is O(1/log(1/α))."""
    path = pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y)
    limit = np.array([_dual_of_path(path, tau) for tau in MID_PHASE])
    log_alphas = -np.log(10) * np.array([15, 30, 60])  # α = 1e-15, 1e-30, 1e-60
    errors = []
    for log_alpha in log_alphas:
        S = np.arcsinh(2 * _flow(log_alpha).betas / np.exp(2 * log_alpha)) / (-2 * log_alpha)
        errors.append(np.max(np.abs(S - limit)))
    assert _order(errors) == pytest.approx(1, abs=0.05)
    plateaus = np.array(path.betas, float)
    assert np.max(np.abs(_flow(log_alphas[-1]).betas - plateaus)) < 1e-4


# --- independence ------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["pesme_flammarion", "gradient_flow"])
def test_oracles_import_nothing_from_the_package(module):
    source = File(__file__).parents[2] / "reference" / f"{module}.py"
    names = {
        name
        for node in ast.walk(ast.parse(source.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names
    assert not any(name.startswith(("saddles", "reference")) for name in names)

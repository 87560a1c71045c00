"""Implicit bias: potentials, Theorem 3.1 in closed form, hyperbolic entropy, minimum l1 norm."""

import itertools
import math
import operator
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from reference.pesme_flammarion import solve
from saddles import flow, implicit_bias, neuron
from saddles.implicit_bias._l1 import _certified
from saddles.implicit_bias._minimizer import solvable

# Certificates of closed forms: a few hundred ulp.
CERTIFIED = 1e-12
# Identities between closed forms, relative to their terms.
IDENTITY = 1e-12
# End of an integrated diagonal flow against the dual Newton method.
END = 1e-9
# HiGHS meets its constraints to 1e-10 and rounds supports to 1e-7.
LINPROG = 1e-9


def magnitudes(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers from 10^low to 10^high, evenly in their logarithm."""
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


def deltas() -> st.SearchStrategy[float]:
    return st.one_of(
        st.just(0.0), st.builds(lambda m, s: m * s, magnitudes(-6, 3), st.sampled_from([-1, 1]))
    )


def points() -> st.SearchStrategy[np.ndarray]:
    normal = st.integers(0, 10**6).map(lambda seed: np.random.default_rng(seed).normal(size=3))
    return st.builds(lambda v, m: v * m, normal, magnitudes(-3, 3))


def random_problem(seed, *, wide=False):
    """Data of every rank (wide: of full row rank, with room) and attainable targets."""
    rng = np.random.default_rng(seed)
    n, d = rng.integers(1, 6), rng.integers(1, 8)
    if wide:
        n, d = 3, 8
    rank = n if wide else rng.integers(1, min(n, d) + 1)
    X = (
        rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d))
        if not wide
        else rng.normal(size=(n, d))
    )
    return X, X @ rng.normal(size=d), rng.normal(size=d) * 10.0 ** rng.uniform(-2, 0.5)


# --- potentials ------------------------------------------------------------------------------


def size_of(delta, *betas):
    """Size of the terms of the potential at these points."""
    return (abs(delta) + 2 * max(np.linalg.norm(b) for b in betas)) ** 1.5


@given(points(), deltas())
def test_potential_is_the_paper_s(beta, delta):
    s = math.hypot(delta, 2 * np.linalg.norm(beta))
    expected = (s - 2 * delta) * math.sqrt(s + delta) / 3
    # The paper's own form loses half of its digits where s + δ cancels.
    assert abs(implicit_bias.potential(beta, delta) - expected) <= 1e-7 * size_of(delta, beta)


@given(points(), points(), st.floats(0, 1), deltas())
def test_potential_is_convex_along_segments(first, second, share, delta):
    middle = implicit_bias.potential(share * first + (1 - share) * second, delta)
    ends = [implicit_bias.potential(b, delta) for b in (first, second)]
    chord = share * ends[0] + (1 - share) * ends[1]
    assert middle <= chord + IDENTITY * size_of(delta, first, second)


@given(points(), points(), deltas())
def test_gradient_is_a_subgradient(first, second, delta):
    rise = implicit_bias.potential(second, delta) - implicit_bias.potential(first, delta)
    slope = implicit_bias.gradient(first, delta)
    assert rise >= slope @ (second - first) - IDENTITY * size_of(delta, first, second)


@given(points(), deltas())
def test_gradients_of_potential_and_conjugate_are_inverse(beta, delta):
    """And Fenchel's inequality is an equality there."""
    z = implicit_bias.gradient(beta, delta)
    back = implicit_bias.conjugate_gradient(z, delta)
    norm = np.linalg.norm(beta)
    # For δ < 0, |z|² + 2δ = 2a² is what remains of two numbers of size |w|² = |z|²/2.
    lost = 1 + (abs(delta) / norm) ** 2 if delta < 0 else 1.0
    assert np.abs(back - beta).max() <= IDENTITY * norm * lost
    both = implicit_bias.potential(beta, delta) + implicit_bias.conjugate(z, delta)
    assert abs(both - z @ beta) <= IDENTITY * size_of(delta, beta)


@given(points(), points(), deltas())
def test_conjugate_bounds_the_potential_from_below(beta, z, delta):
    both = implicit_bias.potential(beta, delta) + implicit_bias.conjugate(z, delta)
    terms = size_of(delta, beta) + np.linalg.norm(z) ** 3
    assert both >= z @ beta - IDENTITY * terms


@pytest.mark.parametrize("c", [4.0, 64.0])
@pytest.mark.parametrize("delta", [-3.0, 0.0, 3.0])
def test_potential_is_homogeneous_of_degree_three_halves(c, delta):
    beta = np.array([0.3, -0.4])
    scaled = implicit_bias.potential(c * beta, c * delta)
    assert math.isclose(scaled, c**1.5 * implicit_bias.potential(beta, delta), rel_tol=IDENTITY)


def test_points_whose_squares_underflow_keep_their_direction():
    assert np.allclose(implicit_bias.gradient([3e-170, 4e-170], -2.0), [1.2, 1.6], rtol=IDENTITY)


# --- single neuron ---------------------------------------------------------------------------

DELTAS = (-1e3, -30.0, -1.0, -1e-6, 0.0, 1e-6, 1.0, 30.0, 1e3)


@pytest.mark.parametrize("delta", DELTAS)
def test_single_neuron_is_certified_on_data_of_every_rank(delta):
    for seed in range(60):
        X, y, beta0 = random_problem(seed)
        end = implicit_bias.single_neuron(X, y, beta0=beta0, delta=delta)
        assert end.feasibility < CERTIFIED
        assert end.stationarity < CERTIFIED
        assert abs(end.gap) < CERTIFIED
        assert end.unique


@pytest.mark.parametrize("delta", DELTAS)
def test_no_feasible_point_has_a_lower_objective(delta):
    rng = np.random.default_rng(0)
    X, y, beta0 = random_problem(0, wide=True)
    end = implicit_bias.single_neuron(X, y, beta0=beta0, delta=delta)
    norm = np.linalg.norm(beta0)
    pull = np.linalg.norm(implicit_bias.gradient(beta0, delta)) * beta0 / norm
    kernel = np.linalg.svd(X)[2][3:]
    for step in 10.0 ** rng.uniform(-3, 1, size=100):
        beta = end.beta + step * rng.normal(size=5) @ kernel
        value = implicit_bias.potential(beta, delta) - pull @ beta
        assert value > end.objective - IDENTITY * size_of(delta, beta)


def test_lazy_limit_is_the_nearest_solution_with_error_one_over_delta():
    """δ → ∞: X⁺y + P⊥β₀, where linear regression from β₀ ends; δ × error tends to a constant."""
    X, y, beta0 = random_problem(1, wide=True)
    pinv = np.linalg.pinv(X)
    lazy = pinv @ y + beta0 - pinv @ (X @ beta0)
    errors = [
        np.abs(implicit_bias.single_neuron(X, y, beta0=beta0, delta=d).beta - lazy).max()
        for d in (1e3, 1e4, 1e5)
    ]
    orders = -np.diff(np.log10(errors))
    assert np.abs(orders - orders.round()).max() < 0.01
    assert orders.min() > 0.99


def test_starting_at_a_solution_is_staying_there():
    for delta in DELTAS:
        X, _, beta0 = random_problem(3, wide=True)
        end = implicit_bias.single_neuron(X, X @ beta0, beta0=beta0, delta=delta)
        assert np.abs(end.beta - beta0).max() < 1e-10


def test_a_kink_at_zero_is_certified():
    """y = 0 and δ < 0: beta = 0 if |P⊥w₀|² <= −δ, at the kink of the potential."""
    end = implicit_bias.single_neuron([[1.0, 0.0]], [0.0], beta0=[1.0, 0.1], delta=-5.0)
    assert not end.beta.any()
    assert end.stationarity < CERTIFIED
    assert abs(end.gap) < CERTIFIED


# --- diagonal network ------------------------------------------------------------------------


@pytest.mark.parametrize("log_alpha", [-0.1, -1.0, -5.0, -20.0, -100.0])
def test_diagonal_is_where_the_flow_ends(log_alpha):
    for seed in range(6):
        X, y, _ = random_problem(seed, wide=True)
        end = implicit_bias.diagonal(X, y, log_alpha=log_alpha)
        # Followed for twice the time in which its gradient falls to 1e-12.
        first = flow.diagonal(X, y, log_alpha=log_alpha, rtol=1e-12)
        path = flow.diagonal(X, y, log_alpha=log_alpha, rtol=1e-12, until=2 * first.until)
        assert path.success
        assert np.abs(path.at(path.until) - end.beta).max() < END * np.abs(end.beta).max()


@pytest.mark.parametrize("log_alpha", [-1e-3, -0.1, -3.0, -30.0, -1e3, -1e6, -1e9])
def test_diagonal_is_certified_at_any_scale(log_alpha):
    for X, y in hard_problems():
        end = implicit_bias.diagonal(X, y, log_alpha=log_alpha)
        assert end.feasibility < CERTIFIED
        assert end.stationarity < 1e-9
        assert abs(end.gap) < 1e-11
        assert end.unique


def hard_problems():
    """Sparse targets (fewer active than constraints), duplicates, ties, uneven or collinear."""
    rng = np.random.default_rng(5)
    X, sparse = rng.normal(size=(20, 60)), np.zeros(60)
    sparse[:4] = [1, -2, 3, 0.5]
    integers = rng.integers(-2, 3, size=(6, 14)).astype(float)
    uneven = rng.normal(size=(8, 20)) * 10.0 ** rng.uniform(-4, 4, size=20)
    vander = np.vander(np.linspace(0, 1, 6), 15, increasing=True)
    return [
        (X, X @ sparse),
        (np.hstack([X, X[:, :3], -X[:, :1]]), X @ sparse),
        (np.array([[1, 0, 0.5], [0, 1, 0.5]]), np.ones(2)),
        (integers, integers @ rng.integers(-1, 2, size=14)),
        (uneven, uneven @ rng.normal(size=20)),
        (vander, vander @ rng.normal(size=15)),
        (1e-80 * X, 1e-150 * (X @ sparse)),
        (1e-80 * X, 1e60 * (X @ sparse)),
        (X, np.zeros(20)),
    ]


def test_diagonal_tends_to_the_l1_minimiser():
    """Exponentially: each further unit of log(1/alpha) divides the error by the same factor."""
    for seed in range(10):
        X, y, _ = random_problem(seed, wide=True)
        limit = implicit_bias.l1(X, y)
        assert limit.unique
        scale = 20.0
        errors = []
        for factor in (1, 2, 4):
            end = implicit_bias.diagonal(X, y, log_alpha=-scale * factor)
            errors.append(np.abs(end.beta - limit.beta).max())
        # Squared when log(1/alpha) doubles, down to rounding.
        assert errors[1] < 10 * errors[0] ** 1.8 + 1e-13
        assert errors[2] < 10 * errors[1] ** 1.8 + 1e-13
        end = implicit_bias.diagonal(X, y, log_alpha=-1e6)
        assert np.abs(end.beta - limit.beta).max() < LINPROG
        assert math.isclose(end.objective, limit.objective, rel_tol=1e-4)


def test_diagonal_tends_to_the_l2_minimiser_for_small_targets():
    """beta far below alpha²: the entropy is beta²/c up to a relative (beta/c)²."""
    X, y, _ = random_problem(2, wide=True)
    least = np.linalg.pinv(X) @ y
    errors = []
    for size in (1e-1, 1e-2, 1e-3):
        end = implicit_bias.diagonal(X, size * y, log_alpha=-1e-3)
        errors.append(np.abs(end.beta / size - least).max())
    assert np.abs(np.diff(np.log10(errors)) + 2).max() < 0.1


def test_entropy_is_the_closed_form_and_its_limit():
    beta, log_alpha = np.array([0.3, -2.0, 0.0]), -1.5
    c = math.exp(2 * log_alpha) / 2
    expected = np.sum(beta * np.arcsinh(beta / c) - np.sqrt(beta**2 + c**2) + c) / 2 / 1.5
    assert math.isclose(
        implicit_bias.hyperbolic_entropy(beta, log_alpha), expected, rel_tol=IDENTITY
    )
    # (Q − |beta|₁) log(1/alpha) is a constant once c is far below beta.
    gaps = [
        (implicit_bias.hyperbolic_entropy(beta, -scale) - 2.3) * scale
        for scale in (50.0, 500.0, 5e4)
    ]
    assert np.allclose(gaps, gaps[0], rtol=1e-8)


# --- minimum l1 norm -------------------------------------------------------------------------


def test_l1_is_certified_and_agrees_with_linprog_on_the_data_itself():
    for seed in range(40):
        X, y, _ = random_problem(seed, wide=seed % 2 == 0)
        end = implicit_bias.l1(X, y)
        d = X.shape[1]
        direct = linprog(np.ones(2 * d), A_eq=np.hstack([X, -X]), b_eq=y)
        assert direct.success
        assert math.isclose(end.objective, direct.fun, rel_tol=1e-7)
        assert end.feasibility < LINPROG
        assert end.stationarity < LINPROG
        assert abs(end.gap) < LINPROG


@pytest.mark.parametrize(
    ("X", "y", "unique"),
    [
        ([[1.0, 2.0]], [2.0], True),
        ([[1.0, 1.0]], [2.0], False),
        ([[1.0, -1.0, 0.5]], [2.0], False),
        ([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]], [1.0, 1.0], False),
        ([[1.0, 0.0, 0.4], [0.0, 1.0, 0.4]], [1.0, 1.0], True),
        ([[1.0, 0.0, 0.6], [0.0, 1.0, 0.6]], [1.0, 1.0], True),
        ([[1.0, 1.0]], [0.0], True),
        ([[1.0, 0.0], [0.0, 1.0]], [1.0, -3.0], True),
    ],
)
def test_l1_knows_whether_it_is_unique(X, y, unique):
    assert implicit_bias.l1(X, y).unique is unique


def exact_vertices(X, y):
    """Return (ℓ1 norm, β) of all basic solutions, in rational arithmetic."""
    n, d = X.shape
    found = set()
    for chosen in itertools.combinations(range(d), n):
        columns = [[Fraction(x) for x in column] for column in X[:, chosen].T.tolist()]
        gram = [[sum(map(operator.mul, u, v)) for v in columns] for u in columns]
        try:
            values = solve(gram, [sum(map(operator.mul, u, map(Fraction, y))) for u in columns])
        except ZeroDivisionError:  # dependent columns
            continue
        beta = [Fraction(0)] * d
        for place, value in zip(chosen, values, strict=True):
            beta[place] = value
        found.add((sum(map(abs, beta)), tuple(beta)))
    return sorted(found)


@given(st.integers(0, 10**6))
def test_l1_is_that_of_exact_arithmetic_in_every_entry_on_its_own_scale(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 4))
    X = rng.integers(-3, 4, (n, n + 2)) * 10.0 ** -rng.integers(0, 5, n + 2)
    X[:, :n] += np.eye(n) * 7
    y = rng.integers(-3, 4, n) * 10.0 ** -rng.integers(0, 13, n)
    y[0] = 1.0
    (least, beta), *others = exact_vertices(X, y)
    end = implicit_bias.l1(X, y)
    assert end.objective == pytest.approx(float(least), rel=1e-13)
    rivals = [float(norm / least) - 1 for norm, _ in others]
    if end.unique:
        assert not rivals or rivals[0] > 0
    if not rivals or rivals[0] > 1e-12:
        assert end.beta == pytest.approx(np.array(beta, dtype=float), rel=1e-11, abs=1e-25)


@pytest.mark.parametrize("seed", range(20))
def test_l1_does_not_know_which_multiples_of_the_equations_are_given(seed):
    rng = np.random.default_rng(seed)
    A = rng.integers(-3, 4, (3, 5)).astype(float)
    y = A @ (rng.integers(-3, 4, 5) * 10.0 ** -rng.integers(0, 12, 5))
    units = 2.0 ** rng.integers(-60, 60, 3)
    expected = implicit_bias.l1(A, y)
    found = implicit_bias.l1(units[:, None] * A, units * y)
    assert found.beta.tolist() == expected.beta.tolist()
    assert found.unique == expected.unique
    np.testing.assert_allclose(found.multiplier * units, expected.multiplier, rtol=1e-12)


def test_l1_of_equations_of_very_different_sizes():
    end = implicit_bias.l1(np.diag([1.0, 1e-8, 1e8]), [1.0, 1e-12, 1e-3])
    np.testing.assert_allclose(end.beta, [1.0, 1e-4, 1e-11], rtol=1e-15)
    assert end.unique


@pytest.mark.parametrize("small", [1e-8, 1e-12, 1e-20, 1e-40])
def test_l1_sees_the_smallest_target_that_must_be_met(small):
    end = implicit_bias.l1([[1.0, 0.0], [0.0, 1.0]], [1.0, small])
    assert end.beta.tolist() == [1.0, small]
    assert end.unique


@pytest.mark.parametrize(("gain", "unique"), [(1e-8, True), (1e-11, True), (0.0, False)])
def test_l1_tells_columns_of_nearly_the_same_length_apart(gain, unique):
    end = implicit_bias.l1([[1.0, 1.0 + gain]], [1.0])
    assert end.unique is unique
    assert end.objective == 1 / (1 + gain)


# --- one rule of rank, and convex programs ---------------------------------------------------


@pytest.mark.parametrize(
    "minimise",
    [
        lambda X, y: implicit_bias.single_neuron(X, y, [0.3, -0.2, 0.5, 1.0, 0.1], -0.7),
        lambda X, y: implicit_bias.diagonal(X, y, -3.0),
        implicit_bias.l1,
    ],
    ids=["single_neuron", "diagonal", "l1"],
)
@pytest.mark.parametrize("seed", range(5))
def test_no_minimiser_knows_which_multiples_of_the_equations_are_given(minimise, seed):
    rng = np.random.default_rng(seed)
    A = rng.integers(-3, 4, (3, 5)).astype(float)
    y = A @ rng.integers(-3, 4, 5)
    units = 2.0 ** rng.integers(-60, 60, 3)
    expected, found = minimise(A, y), minimise(units[:, None] * A, units * y)
    assert found.beta.tolist() == expected.beta.tolist()
    np.testing.assert_allclose(found.multiplier * units, expected.multiplier, rtol=1e-12)
    assert found.feasibility == expected.feasibility


#: What a gap of 1e-8 leaves of a coefficient, where the objective is a parabola.
SOLVED = 1e-3

#: Method of its own, and what is asked of it, by minimiser.
ASKED = {
    "single_neuron": ("closed-form", [{"delta": delta} for delta in (-1e3, -1.0, 0.0, 1.0, 1e3)]),
    "diagonal": ("newton", [{"log_alpha": scale} for scale in (-0.1, -5.0, -1e6)]),
    "l1": ("highs", [{}]),
}


@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("name", ASKED)
def test_cvxpy_finds_the_same_minimiser_at_any_size_of_the_data(name, size):
    minimise, (own, asked) = getattr(implicit_bias, name), ASKED[name]
    X, y, beta0 = random_problem(4, wide=True)
    for options in asked:
        if name == "single_neuron":
            options = {"beta0": size * beta0, "delta": size * options["delta"]}
        exact = minimise(X, size * y, **options, method=own)
        assert exact.beta.tolist() == minimise(X, size * y, **options).beta.tolist()
        end = minimise(X, size * y, **options, method="cvxpy")
        assert end.status == exact.status == "optimal"
        assert np.abs(end.beta - exact.beta).max() < SOLVED * np.abs(exact.beta).max()
        assert (
            np.abs(end.multiplier - exact.multiplier).max()
            < SOLVED * np.abs(exact.multiplier).max()
        )
        assert max(end.feasibility, end.stationarity, abs(end.gap)) < SOLVED
        assert end.unique


@pytest.mark.parametrize("rows", [[[1.0, 1.0]], [[1.0, -1.0, 0.5]], [[1.0, 0.0, 0.5], [0, 1, 0.5]]])
def test_cvxpy_does_not_call_a_point_of_a_face_unique(rows):
    end = implicit_bias.l1(rows, np.ones(len(rows)), method="cvxpy")
    assert not end.unique
    assert end.objective == pytest.approx(implicit_bias.l1(rows, np.ones(len(rows))).objective)


def test_zero_targets_have_zero_minimisers_by_cvxpy_too():
    for end in (
        implicit_bias.l1([[1.0, 2.0]], [0.0], method="cvxpy"),
        implicit_bias.diagonal([[1.0, 2.0]], [0.0], -1.0, method="cvxpy"),
    ):
        assert end.beta.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"beta0": [1.0, -1.0], "delta": -2.0}, implicit_bias.single_neuron),
        ({"log_alpha": -4.0}, implicit_bias.diagonal),
        ({"log_alpha": -math.inf}, implicit_bias.l1),
    ],
)
def test_a_program_takes_further_constraints(options, value):
    cp = pytest.importorskip("cvxpy")
    X, y = [[1.0, 3.0]], [300.0]
    asked = {} if value is implicit_bias.l1 else options
    program = implicit_bias.program(X, y, **options)
    program.problem.solve()
    free = value(X, y, **asked)
    assert program.problem.value * program.scale == pytest.approx(free.objective, rel=1e-5)
    assert program.beta.value == pytest.approx(free.beta, rel=1e-3, abs=1e-2)
    equal = [*program.problem.constraints, program.beta[0] == program.beta[1]]
    cp.Problem(program.problem.objective, equal).solve()
    assert program.beta.value == pytest.approx([75.0, 75.0], rel=1e-6)


def test_a_program_must_know_the_network():
    X, y = [[1.0, 3.0]], [3.0]
    for options in ({}, {"beta0": [1.0, 1.0], "delta": 1.0, "log_alpha": -1.0}):
        with pytest.raises(TypeError, match="pass beta0 and delta for a single neuron, or log_al"):
            implicit_bias.program(X, y, **options)
    with pytest.raises(TypeError, match="delta=None"):
        implicit_bias.program(X, y, beta0=[1.0, 1.0])
    with pytest.raises(ValueError, match="not in the range of X"):
        implicit_bias.program(*INFEASIBLE, log_alpha=-1.0)


def by_cvxpy():
    return implicit_bias.single_neuron([[1.0, 2.0]], [1.0], [1.0, 0.0], 0.5, method="cvxpy")


def test_methods_are_named():
    with pytest.raises(ValueError, match="method='simplex' must be one of 'highs', 'cvxpy'"):
        implicit_bias.l1([[1.0]], [1.0], method="simplex")


def test_cvxpy_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(ImportError, match=r"need cvxpy: pip install 'saddles\[convex\]'"):
        by_cvxpy()


def test_a_missing_solver_is_named(monkeypatch):
    cp = pytest.importorskip("cvxpy")

    def solve(self):
        raise cp.error.SolverError("No installed solver could handle this problem.")

    monkeypatch.setattr(cp.Problem, "solve", solve)
    with pytest.raises(RuntimeError, match="Install a solver that suits, such as clarabel"):
        by_cvxpy()


def test_the_bad_end_of_a_solver_is_said(monkeypatch):
    cp = pytest.importorskip("cvxpy")
    monkeypatch.setattr(cp.Problem, "status", "optimal_inaccurate")
    words = "ended with status 'optimal_inaccurate': it missed"
    with pytest.warns(UserWarning, match=words) as caught:
        assert by_cvxpy().status == "optimal_inaccurate"
    assert caught[0].filename == __file__
    monkeypatch.setattr(cp.Problem, "status", "user_limit")
    assert by_cvxpy().status == "time_limit"
    monkeypatch.setattr(cp.Problem, "status", "infeasible")
    with pytest.raises(RuntimeError, match="ended with status 'infeasible', without a solution"):
        by_cvxpy()


def test_a_solver_is_not_believed_against_the_data(monkeypatch):
    """Its tolerances are loosened until the point that it calls optimal is none."""
    cp = pytest.importorskip("cvxpy")
    solve, loose = cp.Problem.solve, dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 0.9)
    monkeypatch.setattr(cp.Problem, "solve", lambda self: solve(self, solver="CLARABEL", **loose))
    with pytest.raises(RuntimeError, match=r"status 'optimal', but X beta = y is violated by"):
        by_cvxpy()


# --- errors ----------------------------------------------------------------------------------

INFEASIBLE = ([[1.0, 0.0], [1.0, 0.0]], [1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: implicit_bias.l1(*INFEASIBLE), "not in the range of X"),
        (lambda: implicit_bias.diagonal(*INFEASIBLE, log_alpha=-1.0), "not in the range of X"),
        (
            lambda: implicit_bias.single_neuron(*INFEASIBLE, beta0=[1.0, 1.0], delta=0.0),
            "least-squares analogue",
        ),
        (
            lambda: implicit_bias.single_neuron([[1.0]], [1.0], beta0=[0.0], delta=1.0),
            "Theorem 3.1 excludes",
        ),
        (lambda: implicit_bias.diagonal([[1.0]], [1.0], log_alpha=0.5), "log_alpha=0.5"),
        (lambda: implicit_bias.potential([1.0], math.nan), "delta=nan"),
        (lambda: implicit_bias.conjugate([math.inf], 1.0), "not finite"),
    ],
)
def test_errors_name_the_value_and_the_rule(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_l1_does_not_call_a_point_of_a_face_unique():
    """A point with dependent active columns has strict bounds on the others, and company."""
    space = solvable([[1.0, 1.0, 0.2]], [2.0])
    assert not _certified(space, np.array([1.0, 1.0, 0.0])).unique


def test_the_remedy_for_inexact_targets_works():
    X, y = (np.array(part) for part in INFEASIBLE)
    attainable = X @ np.linalg.lstsq(X, y)[0]
    assert np.allclose(implicit_bias.l1(X, attainable).beta, [1.5, 0.0])


def test_arguments_may_come_in_order_and_none_may_be_missing():
    X, y, beta0 = [[1.0, 0.5]], [1.0], [0.5, 1.0]
    by_name = implicit_bias.single_neuron(X, y, beta0=beta0, delta=-1.0).beta
    assert np.array_equal(implicit_bias.single_neuron(X, y, beta0, -1.0).beta, by_name)
    assert np.array_equal(
        implicit_bias.diagonal(X, y, -5.0).beta, implicit_bias.diagonal(X, y, log_alpha=-5.0).beta
    )
    end = neuron.function_space_flow(X, y, beta0, -1.0)
    assert np.abs(end.at(end.until) - by_name).max() < 1e-9
    assert neuron.limit(X, y, 1.0, beta0).success
    for call, name in (
        (lambda: implicit_bias.single_neuron(X, y, delta=1.0), "beta0"),
        (lambda: implicit_bias.single_neuron(X, y, beta0), "delta"),
        (lambda: implicit_bias.diagonal(X, y), "log_alpha"),
        (lambda: neuron.function_space_flow(X, y, beta0), "delta"),
        (lambda: neuron.limit(X, y, w0=beta0), "a0"),
        (lambda: neuron.limit(X, y, 1.0), "w0"),
    ):
        with pytest.raises(TypeError, match=f"^{name}=None"):
            call()

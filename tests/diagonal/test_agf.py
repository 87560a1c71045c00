"""Alternating gradient flow: against the limit path, the network it follows, and its own clock."""

import ast
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import reference.pesme_flammarion as oracle
import saddles
from saddles import PathError, Status
from saddles._diagonal import agf
from saddles._diagonal.clock import Clock
from saddles.testing import strategies
from saddles.testing.families import integer_problem
from tests.diagonal.agreement import assert_agrees

LOG_ALPHAS = (-math.inf, -230.0, -3.0, -0.1)

#: Jump times of the two algorithms, relative: both are right to a few hundred eps, and each
#: returns to the clocks' formulas by another way.
TIMES = 1e-12
EPS = float(np.finfo(float).eps)
LAWSON_HANSON = agf.nonnegative_least_squares
#: DOP853 is asked for 1e-12; a few phases follow each other.
ODE = 1e-9


# --- the same staircase as the limit path -------------------------------------------------------


def agree(X, y, log_alpha):
    """Assert that both algorithms find one path; return whether a coordinate left on it."""
    limit = saddles.pesme_flammarion(X, y)
    path = saddles.agf.diagonal(X, y, log_alpha=log_alpha)
    assert len(path) == len(limit)
    assert path.times == pytest.approx(limit.times, rel=TIMES)
    assert path.betas == pytest.approx(
        limit.betas, rel=1e-10, abs=1e-11 * np.abs(limit.betas).max()
    )
    for name in ("active", "entered", "left"):
        assert [u.tolist() for u in getattr(path, name)] == [
            u.tolist() for u in getattr(limit, name)
        ]
    assert path.certificates.unique.tolist() == limit.certificates.unique.tolist()
    return any(units.size for units in path.left)


@pytest.mark.parametrize("log_alpha", LOG_ALPHAS)
def test_integer_problems_follow_the_limit_path(log_alpha):
    left = sum(agree(*integer_problem(seed), log_alpha) for seed in range(300))
    assert left > 25


@pytest.mark.parametrize("log_alpha", LOG_ALPHAS)
def test_random_three_by_three_problems_follow_the_limit_path(log_alpha):
    """About a third of them have a deactivation."""
    rng = np.random.default_rng(0)
    left = 0
    for _ in range(150):
        left += agree(rng.standard_normal((3, 3)), rng.standard_normal(3), log_alpha)
    assert left > 35


@pytest.mark.parametrize("correlation", [0.0, 0.95, -0.99])
@pytest.mark.parametrize(("n", "d"), [(20, 5), (60, 30), (100, 50), (30, 80)])
def test_long_paths_follow_the_limit_path_without_fitting_anew(n, d, correlation, monkeypatch):
    """Neighbouring features are correlated, so that neurons leave; without ties the last fit is
    enough to find the next."""
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, d))
    for j in range(1, d):
        X[:, j] = correlation * X[:, j - 1] + math.sqrt(1 - correlation**2) * X[:, j]
    y = X @ rng.standard_normal(d) + rng.standard_normal(n)
    refits = []
    monkeypatch.setattr(
        agf, "nonnegative_least_squares", lambda *data: refits.append(0) or LAWSON_HANSON(*data)
    )
    left = agree(X, y, -230.0)
    assert left or correlation == 0 or d == 5
    assert len(refits) <= d / 20


@given(
    st.one_of(strategies.integer_regressions(), strategies.gaussian(), strategies.deactivating()),
    st.sampled_from(LOG_ALPHAS) | st.floats(-1e6, -1e-3),
)
def test_any_problem_at_any_scale_follows_the_limit_path(problem, log_alpha):
    agree(*problem, log_alpha)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(40))
def test_thousands_of_problems_follow_the_exact_path(chunk):
    for seed in range(250 * chunk, 250 * (chunk + 1)):
        X, y = integer_problem(seed, (1, 2, 3, 9, 30, 100, 1000))
        exact = oracle.pesme_flammarion(X.tolist(), y.tolist())
        for log_alpha in LOG_ALPHAS:
            assert_agrees(saddles.agf.diagonal(X, y, log_alpha=log_alpha), exact, X, y)


@pytest.mark.parametrize("seed", range(200))
def test_integer_problems_agree_with_exact_arithmetic(seed):
    X, y = integer_problem(seed + 5000)
    exact = oracle.pesme_flammarion(X.tolist(), y.tolist())
    assert_agrees(saddles.agf.diagonal(X, y, log_alpha=-230), exact, X, y)


@pytest.mark.parametrize("scales", [(1e-200,) * 4, (1e150,) * 4, (1e120, 1e-120, 1, 1)])
@pytest.mark.parametrize("log_alpha", LOG_ALPHAS)
def test_columns_of_any_scale_follow_the_limit_path(scales, log_alpha):
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((5, 4)) * scales, rng.standard_normal(5)
    limit = saddles.pesme_flammarion(X, y)
    path = saddles.agf.diagonal(X, y, log_alpha=log_alpha)
    assert path.times == pytest.approx(limit.times, rel=TIMES)


def test_infinite_time_is_said_and_not_returned():
    with pytest.raises(PathError, match="overflow"):
        saddles.agf.diagonal([[1e-200]], [1e-140])


# --- the network that it follows ----------------------------------------------------------------


def follow(u, v, g, wait):
    """Integrate u' = g v, v' = g u: a neuron whose residual stands still, U(θ) = g u v."""
    if wait == 0 or g == 0:
        return u, v
    end = solve_ivp(
        lambda _, z: (g * z[1], g * z[0]), (0, wait), (u, v), "DOP853", rtol=1e-12, atol=1e-14
    ).y[:, -1]
    return float(end[0]), float(end[1])


def deactivating_problem():
    """Its second coordinate enters, leaves, and enters again on the other side."""
    return np.array([[3.0, 1], [3, 2]]), np.array([1.0, -3])


def nonmonotone():
    X, y = strategies.NONMONOTONE
    return X / 10, y / 10


@pytest.mark.parametrize("log_alpha", [-3.0, -1.0, -0.1])
@pytest.mark.parametrize("norm", [None, 1.0, 1.5])
@pytest.mark.parametrize(
    "problem",
    [nonmonotone(), deactivating_problem(), *(integer_problem(seed) for seed in (20, 41, 62, 83))],
)
def test_clock_is_the_network_with_a_frozen_residual(problem, log_alpha, norm):
    """Every dormant (u, v) is integrated from saddle to saddle.

    At each jump the entering neurons have exactly the norm that counts as active, and no other
    dormant one exceeds it. An active neuron waits at that norm, u² − v² = α² being conserved.
    """
    X, y = (np.asarray(a, dtype=float) for a in problem)
    path = saddles.agf.diagonal(X, y, log_alpha=log_alpha, activation_norm=norm)
    alpha = math.exp(log_alpha)
    active_size = norm**2 if norm else (1 + alpha**4) / 2
    waiting = math.sqrt((active_size**2 - alpha**4) / 4)  # |uv| at u² + v² = h², u² − v² = α²
    u, v = np.full(X.shape[1], alpha), np.zeros(X.shape[1])
    waits = np.diff(path.physical_times(log_alpha))
    for k, wait in enumerate(waits):
        gradient = X.T @ (y - X @ path.betas[k]) / y.size
        gradient[np.abs(gradient) < 1e-12] = 0
        for i in range(X.shape[1]):
            if path.betas[k][i] == 0:
                u[i], v[i] = follow(u[i], v[i], gradient[i], wait)
        sizes = u**2 + v**2
        assert sizes[path.entered[k + 1]] == pytest.approx(active_size, rel=ODE)
        assert (sizes <= active_size * (1 + ODE)).all()
        turned = np.sign(path.betas[k + 1]) != 0
        u[turned] = math.sqrt((active_size + alpha**2) / 2)
        v[turned] = np.sign(path.betas[k + 1][turned]) * waiting / u[turned]


def test_the_problems_followed_have_what_is_difficult():
    path = saddles.agf.diagonal(*deactivating_problem())
    signs = [np.sign(beta[0]) for beta in path.betas]
    assert signs == [0, -1, 0, 1]
    assert saddles.agf.diagonal(*nonmonotone()).left[2].tolist() == [0]


@pytest.mark.parametrize("log_alpha", [-0.01, -0.5, -2.0, -20.0, -300.0])
def test_default_norm_makes_scaled_times_independent_of_the_scale(log_alpha):
    """One coordinate, x = y = 1: its clock S = τ rings at one."""
    path = saddles.agf.diagonal([[1.0]], [1.0], log_alpha=log_alpha)
    assert path.times == pytest.approx([0, 1], rel=4 * EPS)
    assert path.physical_times() == pytest.approx([0, -log_alpha], rel=4 * EPS)
    assert path.log_alpha == log_alpha


@pytest.mark.parametrize("log_alpha", [-0.1, -1.0, -3.0, -20.0, -100.0])
@pytest.mark.parametrize("norm", [1.0, 1.5, 3.0])
def test_activation_norm_scales_every_time_by_the_clock_at_that_norm(log_alpha, norm):
    X, y = np.random.default_rng(2).standard_normal((2, 4, 4))
    plain = saddles.agf.diagonal(X, y[0], log_alpha=log_alpha)
    path = saddles.agf.diagonal(X, y[0], log_alpha=log_alpha, activation_norm=norm)
    factor = math.acosh(norm**2 * math.exp(-2 * log_alpha)) / (-2 * log_alpha)
    assert path.times == pytest.approx(plain.times * factor, rel=1e-13)
    assert path.betas == pytest.approx(plain.betas, abs=1e-12)


def test_activation_norm_makes_no_difference_in_the_limit():
    X, y = nonmonotone()
    path = saddles.agf.diagonal(X, y, activation_norm=7.0)
    assert path.times.tolist() == saddles.agf.diagonal(X, y).times.tolist()


# --- the clock ----------------------------------------------------------------------------------

SCALES = np.geomspace(1e-12, 1e8, 41)
GROWTHS = np.concatenate([np.geomspace(1e-12, 1e3, 61), [1.0, 0.5]])


@pytest.mark.parametrize("scale", [*SCALES, math.inf])
def test_growth_and_phase_are_inverse_to_each_other(scale):
    clock = Clock(float(scale), 2.0)
    assert clock.growth(clock.phase(GROWTHS)) == pytest.approx(GROWTHS, rel=4 * EPS)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e-2, 1.0, 30.0, 1e4, 1e8])
def test_clock_is_the_log_cosh_of_its_phase(scale):
    """Against 60 digits."""
    mpmath = pytest.importorskip("mpmath")
    clock = Clock(scale, 2.0)
    with mpmath.workdps(60):
        for growth in GROWTHS[::6]:
            ratio = mpmath.exp(2 * mpmath.mpf(scale) * mpmath.mpf(growth))
            expected = mpmath.acosh(ratio) / mpmath.mpf(scale)
            assert float(clock.phase(np.float64(growth)) / expected) == pytest.approx(
                1, rel=4 * EPS
            )
            angle = mpmath.mpf(scale) * mpmath.mpf(growth)
            expected = mpmath.log(mpmath.cosh(angle)) / (2 * mpmath.mpf(scale))
            found = float(clock.growth(np.array([growth]))[0])
            assert found == pytest.approx(float(expected), rel=4 * EPS)


def test_growth_does_not_depend_on_the_sign_of_the_phase():
    clock = Clock(3.0, 2.0)
    assert clock.growth(np.array([-0.7])) == clock.growth(np.array([0.7]))


# --- independence -------------------------------------------------------------------------------

PACKAGE = Path(saddles.__file__).parent


def test_source_mentions_no_step_of_the_other_algorithm():
    """It shares the frame, the zero, least squares and the choice among equal coefficients."""
    source = (PACKAGE / "_diagonal" / "agf.py").read_text()
    imported = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported
    assert not [name for name in imported if "pesme" in name]
    assert "saddles._diagonal.cone.descend" not in imported
    steps = ("dual_path", "race", "screening", "tube", "certified")
    theirs = tuple(f"saddles._diagonal.{step}." for step in steps)
    assert not [name for name in imported if name.startswith(theirs)]


def test_running_it_does_not_load_the_other_algorithm():
    code = (
        "import sys, saddles; saddles.agf.diagonal([[2.0, 1.0], [0.0, 1.0]], [1.0, 1.0]);"
        "assert not [name for name in sys.modules if 'pesme' in name]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


# --- input --------------------------------------------------------------------------------------


@pytest.mark.parametrize("log_alpha", [0, 0.0, -0.0, 1, 0.1, math.nan, math.inf, -1e-300, -1e308])
def test_scale_that_is_none_is_refused(log_alpha):
    with pytest.raises(ValueError, match=r"log_alpha=.*must (be below 0|lie between).*; pass"):
        saddles.agf.diagonal([[1.0]], [1.0], log_alpha=log_alpha)


@pytest.mark.parametrize("log_alpha", ["-3", None, True, 1j, [-3.0], np.array([-3.0])])
def test_scale_that_is_no_number_is_refused(log_alpha):
    with pytest.raises(TypeError, match=r"log_alpha=.* must be a real number"):
        saddles.agf.diagonal([[1.0]], [1.0], log_alpha=log_alpha)


@pytest.mark.parametrize("norm", [0, -1.0, math.inf, math.nan, 1e-3, math.exp(-3.0)])
def test_norm_that_takes_no_growth_is_refused(norm):
    with pytest.raises(ValueError, match=r"activation_norm=.*give a finite norm above alpha"):
        saddles.agf.diagonal([[1.0]], [1.0], log_alpha=-3.0, activation_norm=norm)


def test_norm_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match=r"activation_norm='1' must be a real number"):
        saddles.agf.diagonal([[1.0]], [1.0], activation_norm="1")


def test_options_are_those_of_every_algorithm():
    X, y = nonmonotone()
    assert saddles.agf.diagonal(X, y, max_jumps=1).status is Status.MAX_JUMPS
    assert saddles.agf.diagonal(X, y, callback=lambda s: s.index == 2).status is Status.STOPPED
    with pytest.raises(TypeError, match="max_jumps"):
        saddles.agf.diagonal(X, y, max_jumps=1.5)


@pytest.mark.parametrize("seed", range(6))
def test_many_ties_with_dependent_features_are_followed(seed):
    """Far more features than samples, all of entries 1 and -1: the active ones are dependent."""
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, 1.0], size=(6, 60))
    y = np.arange(6.0) - 2
    path = saddles.pesme_flammarion(X, y)
    other = saddles.agf.diagonal(X, y, log_alpha=-230)
    np.testing.assert_allclose(other.times, path.times, rtol=1e-12)
    np.testing.assert_allclose(other.betas @ X.T, path.betas @ X.T, atol=1e-9)
    assert not path.certificates.unique.all()


def test_a_tie_of_dependent_features():
    X = [[-1, -1, -1, 1, -1], [-1, -1, -1, -1, 1], [1, 1, 1, -1, 1], [-1, -1, 1, -1, -1]]
    assert len(saddles.agf.diagonal(X, [2, -1, -3, 1])) == 3

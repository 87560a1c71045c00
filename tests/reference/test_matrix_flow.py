"""Plain matrix flow: its order, closed forms, each other, and where float64 fails."""

import numpy as np
import pytest

import saddles
from reference.matrix_flow import mpmath_flow, runge_kutta


def gaussian(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def symmetric(seed, eigenvalues):
    Q = np.linalg.qr(gaussian(seed, len(eigenvalues), len(eigenvalues)))[0]
    M = (Q * eigenvalues) @ Q.T
    return (M + M.T) / 2


def pull_to(target, mask=1.0):
    return lambda W: mask * (W - target)


TWO = symmetric(8, [2.0, 0.6])
#: Four by four, two entries (and their mirror images) unobserved; at e^-60 float64 loses the rest
#: while the first direction grows.
FOUR = symmetric(3, [3.0, 1.0, 0.8, 0.6])
MASK = 1.0 - np.eye(4)[::-1]
#: About its jumps, which the clocks put at 0.339, 0.918 and 2.319.
TAUS = np.array([0.3, 0.5, 0.92, 0.95, 1.6, 2.32, 2.55])
#: A step of 0.01 leaves this of a jump of rate 3.
STEP, LEFT = 1e-2, 1e-7


def test_one_step_is_the_textbook():
    """U' = U for ∇f = −1: a step multiplies by 1 + h + h²/2 + h³/6 + h⁴/24, W by its square."""
    (W,) = runge_kutta(lambda W: -np.eye(1), [[1.0]], -1.0, [0.3], step=0.3)
    growth = sum(0.3**k / factorial for k, factorial in enumerate((1, 1, 2, 6, 24)))
    assert W[0, 0] == pytest.approx(np.exp(-2.0) * growth**2, rel=1e-15)


def test_runge_kutta_is_of_order_four():
    start, taus = gaussian(0, 4, 4), [0.5, 1.0]
    exact = mpmath_flow(pull_to(FOUR, MASK), start, -3.0, taus)
    errors = [
        np.abs(runge_kutta(pull_to(FOUR, MASK), start, -3.0, taus, step) - exact).max()
        for step in (0.06, 0.03, 0.015)
    ]
    assert np.log2(np.divide(errors[:-1], errors[1:])) == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_multiple_precision_is_the_closed_form_at_any_scale(width):
    taus = np.array([0.0, 0.4, 0.5, 0.52, 1.2, 1.66, 1.7, 1.8])
    exact = saddles.flow.full(TWO, log_alpha=-60.0, width=width, until=2.0).at(taus)
    found = mpmath_flow(pull_to(TWO), gaussian(0, 2, width), -60.0, taus)
    assert np.abs(found - exact).max() < 1e-13


def test_multiple_precision_does_not_depend_on_how_it_is_computed():
    """More digits, more terms and a smaller tolerance change nothing."""
    problem, taus = (pull_to(FOUR, MASK), gaussian(0, 4, 4), -20.0), TAUS[:4]
    usual = mpmath_flow(*problem, taus)
    other = mpmath_flow(*problem, taus, digits=70, order=32, tolerance=1e-22)
    assert np.abs(usual - other).max() < 1e-13


def test_plain_float64_fails_where_multiple_precision_is_right():
    """At e^-60, past the last jump."""
    path = saddles.greedy_low_rank(saddles.MatrixCompletion(FOUR, MASK == 1.0))
    assert path.times[-1] < TAUS[-1]
    problem = pull_to(FOUR, MASK), gaussian(0, 4, 4), -60.0, TAUS
    exact, plain = mpmath_flow(*problem), runge_kutta(*problem, STEP)
    wrong = np.abs(plain - exact).max(axis=(1, 2))
    assert wrong[2] > 0.5
    assert wrong[0] < LEFT
    # Late on a plateau the exact flow is at the saddle, up to its slowest direction.
    assert np.abs(exact[-1] - path.betas[-1]).max() < 1e-3
    halves = (path.losses[:-1] + path.losses[1:]) / 2
    losses = np.array([np.sum(MASK * (W - FOUR) ** 2) / 2 for W in exact])
    assert (losses[[0, 1, 4]] > halves).all()
    assert (losses[[1, 4, 6]] < halves).all()


def test_only_float64_is_to_blame():
    """At e^-5 the two integrators agree on the same problem."""
    problem = pull_to(FOUR, MASK), gaussian(0, 4, 4), -5.0, TAUS
    assert np.abs(runge_kutta(*problem, STEP) - mpmath_flow(*problem)).max() < LEFT

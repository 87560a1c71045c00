"""Algorithm, oracle and flow tell the same story: jump times and sequences of coefficients.

Three sources that share no code: the dual path, rational arithmetic, and gradient flow; and for the
flow itself, plain Runge–Kutta, automatic differentiation and multiple precision in (u, v).
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import saddles
from reference.gradient_flow import mpmath_flow, runge_kutta, torch_gradient_descent
from reference.pesme_flammarion import pesme_flammarion as exact_path

SCALES = (-1e5, -1e6, -1e7)

# The flow's own error per step is 1e-8 in unscaled time, which log(1/alpha) divides.
EXTRAPOLATED = 1e-8
PLATEAU = 1e-8

# The next correction to a jump time is exp(-2 log(1/alpha) g) for a gap g of the clocks, invisible
# at these scales once jumps are so far apart; degenerate jumps have tests of their own.
SEPARATED = 1e-3


@st.composite
def integer_problems(draw):
    n, d = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.integers(-9, 10, (n, d)).astype(float), rng.integers(-9, 10, n).astype(float)


def plateau_middles(times, until):
    edges = np.append(times, until)
    return (edges[:-1] + edges[1:]) / 2


@settings(max_examples=30, deadline=None)
@given(integer_problems())
def test_path_oracle_and_flow_agree(problem):
    assert_all_agree(*problem)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(integer_problems())
def test_many_paths_oracles_and_flows_agree(problem):
    assert_all_agree(*problem)


def assert_all_agree(X, y):
    exact = exact_path(X, y)
    times = np.array([float(time) for time in exact.times])
    assume(len(times) > 1)
    assume(np.diff(times).min() > SEPARATED * times[-1])
    assume(all(exact.unique))
    assume(not _degenerate(exact))

    path = saddles.pesme_flammarion(X, y)
    agf = saddles.agf.diagonal(X, y, log_alpha=-230)
    np.testing.assert_allclose(path.times, times, rtol=1e-11)
    np.testing.assert_allclose(agf.times, times, rtol=1e-11)

    until = 1.5 * times[-1]
    limit = saddles.vanishing_limit(
        path, lambda log_alpha: _flow(X, y, log_alpha, until), log_alphas=SCALES
    )
    np.testing.assert_allclose(limit.jump_times, times[1:], rtol=EXTRAPOLATED)

    betas = np.array([[float(b) for b in beta] for beta in exact.betas])
    flow = _flow(X, y, SCALES[0], until)
    resting = flow.at(plateau_middles(times, until))
    np.testing.assert_allclose(resting, betas, rtol=0, atol=PLATEAU * np.abs(betas).max())
    assert len(flow.jumps()) == len(times) - 1


def _flow(X, y, log_alpha, until):
    return saddles.flow.diagonal(X, y, log_alpha=log_alpha, until=until)


def _degenerate(exact):
    """Whether a coordinate rests at its boundary with neither a weight nor a gradient.

    There the flow approaches its plateau like 1/t and later jump times carry a logarithm.
    """
    for k in range(1, len(exact.times)):
        later = exact.duals[k + 1] if k + 1 < len(exact.duals) else exact.duals[k]
        for now, then, beta in zip(exact.duals[k], later, exact.betas[k], strict=True):
            if abs(now) == 1 and now == then and beta == 0:
                return True
    return False


@pytest.mark.parametrize("seed", range(3))
def test_flow_is_plain_runge_kutta_where_that_can_go(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(5, 4)), rng.normal(size=5)
    taus = np.linspace(0.5, 6.0, 12)
    plain = runge_kutta(X, y, -8.0, taus, 2e-3)
    flow = saddles.flow.diagonal(X, y, log_alpha=-8.0, until=6.0)
    np.testing.assert_allclose(flow.at(taus), plain.betas, rtol=0, atol=1e-6)


def test_flow_is_automatic_differentiation_with_a_fine_step():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(4, 3)), rng.normal(size=4)
    taus = np.array([0.5, 1.5, 3.0])
    flow = saddles.flow.diagonal(X, y, log_alpha=-3.0, until=3.0).at(taus)
    gaps = [
        np.abs(torch_gradient_descent(X, y, -3.0, taus, step).betas - flow).max()
        for step in (4e-3, 2e-3)
    ]
    # Euler's method is of order one: halving the step halves the distance to the flow.
    assert np.log2(np.array(gaps[:-1]) / gaps[1:]) == pytest.approx(1.0, abs=0.05)
    assert gaps[-1] < 1e-2


def test_flow_is_the_multiple_precision_flow_where_float64_cannot_go():
    X, y = np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([1.0, 0.0])
    taus = [1.0, 1.95, 2.05, 6.0, 11.9, 12.1]
    # alpha = 1e-60: u - v lives sixty digits below u.
    log_alpha = -60 * np.log(10)
    exact = np.array(mpmath_flow(X, y, log_alpha, taus).betas, dtype=float)
    flow = saddles.flow.diagonal(X, y, log_alpha=log_alpha, until=13.0)
    np.testing.assert_allclose(flow.at(taus), exact, rtol=1e-6, atol=1e-12)

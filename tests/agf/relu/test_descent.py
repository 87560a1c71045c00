"""What the descent of active neurons is made of: moments, exponential steps, passengers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import saddles
from saddles.agf._relu.exponential_step import Expansion, _phis
from saddles.agf._relu.moments import Moments
from saddles.agf._relu.passengers import parallel


@given(st.integers(0, 10**6), st.sampled_from([1, 3]), st.sampled_from([0.0, 0.1]))
def test_moments_are_the_network_within_a_piece(seed, q, slope):
    rng = np.random.default_rng(seed)
    X, Y, theta = (rng.standard_normal(shape) for shape in ((7, 3), (7, q), (2, 3 + q)))
    network = saddles.agf.ReluNetwork(X, Y, slope)
    slopes = np.where(theta[:, :3] @ X.T > 0, 1.0, slope)
    other = np.where(rng.random(slopes.shape) < 0.1, 1 + slope - slopes, slopes)
    moments = Moments.of(X, Y, slopes, Moments.of(X, Y, other))
    assert moments.velocity(theta) == pytest.approx(-network.gradient(theta))
    move, step = rng.standard_normal(theta.shape), 1e-6
    ends = [moments.velocity(theta + s * step * move) for s in (1, -1)]
    along = np.tensordot(moments.jacobian(theta), move, axes=2)
    assert along == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-7)


def test_phi_functions_are_those_of_the_matrix_exponential():
    x = np.array([-900.0, -30.0, -1.01, -0.99, -1e-9, 0.0, 0.5, 0.99, 1.01, 20.0])
    for number, values in zip((1, 3, 4), _phis(x), strict=True):
        for argument, value in zip(x, values, strict=True):
            bent = np.diag(np.ones(number), 1)
            bent[0, 0] = argument
            assert value == pytest.approx(expm(bent)[0, number], rel=1e-12)


def test_a_step_is_of_fourth_order():
    """In a bowl; errors of a step and of its middle fall like its length to the fifth."""
    hessian = np.array([[2.0, 1.0], [1.0, 30.0]])

    def flow(z):
        return -hessian @ z - z**3

    start = np.array([1.0, 0.5])
    bent = -hessian - np.diag(3 * start**2)
    expansion = Expansion.at(start, flow, flow(start), bent)
    errors = []
    for length in (0.01, 0.005):
        times = length * np.array([0.5, 1.0])
        exact = solve_ivp(
            lambda _, z: flow(z), (0, length), start, "Radau", times, rtol=1e-12, atol=1e-15
        ).y.T
        errors.append(np.abs(expansion.step(length)(times) - exact).max(axis=1))
    ratios = np.log2(errors[0] / errors[1])
    assert (ratios > 4.2).all(), ratios


@given(st.integers(0, 10**6))
def test_parallel_neurons_are_one_set(seed):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((4, 3))
    sets = rng.integers(0, 4, 9)
    theta = rows[sets] * rng.uniform(0.1, 9, (9, 1))
    first, members = parallel(theta)
    assert (first[members] == [list(sets).index(k) for k in sets]).all()
    assert (np.diff(first) > 0).all()
    assert len(first) == len(set(sets))

"""Neurons in polar coordinates against plain integration, the mirror flow, and their own laws."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example as for_example
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import saddles
from saddles._result.path import PathError
from saddles.flow import neurons
from saddles.flow._polar.coordinates import PACE_SCALE, Polar
from saddles.flow._polar.space import Within, leaks, within
from saddles.homogeneous import Declared
from saddles.status import Status
from tests.agf import networks

#: Errors of single steps add up over a thousand steps, of which few use the whole tolerance.
ADDED_UP = 100.0


def gaussian(seed, n, d):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng


def example(name, seed=0):
    """Return a network and its start."""
    X, rng = gaussian(seed, 7, 2)
    if name == "diagonal":
        return networks.diagonal(X, rng.standard_normal(7))
    if name == "linear":
        return networks.linear(X, rng.standard_normal((7, 2))), rng.standard_normal((3, 4))
    degree = {"quadratic": 3, "cubic": 4}[name]
    return networks.power(X, rng.standard_normal(7), degree), rng.standard_normal((4, 3))


def teacher():
    """Two neurons a (w·x)² learn what two such neurons computed, in two jumps."""
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]])
    mould = networks.power(X, np.zeros(4), 3)
    targets = mould.output(np.array([[1.5, 1.0, 0.0], [0.7, 0.0, 1.0]])).sum(axis=0)
    return replace(mould, targets=targets), np.array([[1.0, 1.0, 0.2], [1.0, -0.3, 0.9]])


@pytest.fixture(scope="module")
def limit():
    """Return the teacher's staircase at alpha = e^-60, where all but rounding of its limit is."""
    network, start = teacher()
    return neurons(network, start, log_alpha=-60.0, until=1.5).jumps()


def lone_frequency(width, p=7):
    """Quadratic neurons on modular addition, templates of one frequency."""
    x = np.cos(2 * np.pi * np.arange(p) / p)
    waves = np.stack([x, np.sin(2 * np.pi * np.arange(p) / p)])
    rows = np.random.default_rng(1).standard_normal((width, 3, 2)) @ waves
    return saddles.agf.ModularAddition(x), rows.reshape(width, -1)


def unit_of_time(network, log_alpha):
    return -log_alpha if network.degree == 2 else math.exp((2 - network.degree) * log_alpha)


def plain(network, start, log_alpha, taus):
    """Return points of the raw parameters, by an explicit method of order 8."""
    times = taus * unit_of_time(network, log_alpha)
    run = solve_ivp(
        lambda _, theta: -network.gradient(theta.reshape(start.shape)).ravel(),
        (0, times[-1]),
        (math.exp(log_alpha) * start).ravel(),
        method="DOP853",
        t_eval=times,
        rtol=1e-13,
        atol=1e-16,
    )
    return np.array([network.point(theta.reshape(start.shape)) for theta in run.y.T])


# --- against independent computations -------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1e-1, 1e-2, 1e-3])
@pytest.mark.parametrize("name", ["diagonal", "linear", "quadratic"])
def test_equals_plain_integration_of_the_parameters(name, alpha):
    network, start = example(name)
    taus = np.linspace(0, 2.0, 9)[1:]
    flow = neurons(network, start, log_alpha=math.log(alpha), until=2.0, rtol=1e-10)
    expected = plain(network, start, math.log(alpha), taus)
    assert np.abs(flow.at(taus) - expected).max() < 1e-9 * np.abs(expected).max()
    assert flow.conservation < 1e-9


def test_equals_plain_integration_at_degree_four():
    network, start = example("cubic")
    taus = np.linspace(0, 1.0, 9)[1:]
    flow = neurons(network, start, log_alpha=math.log(0.1), until=1.0, rtol=1e-10)
    expected = plain(network, start, math.log(0.1), taus)
    assert np.abs(flow.at(taus) - expected).max() < 1e-9 * np.abs(expected).max()


def test_error_falls_with_rtol():
    network, start = example("quadratic")
    taus = np.linspace(0, 1.0, 13)[1:]
    expected = plain(network, start, math.log(0.1), taus)
    rtols = np.array([1e-4, 1e-6, 1e-8])
    errors = [
        np.abs(
            neurons(network, start, log_alpha=math.log(0.1), until=1.0, rtol=rtol).at(taus)
            - expected
        ).max()
        for rtol in rtols
    ]
    assert 0.7 < np.polyfit(np.log(rtols), np.log(errors), 1)[0] < 1.3


@pytest.mark.parametrize("log_alpha", [pytest.param(-50.0, marks=pytest.mark.slow), -1e4])
def test_diagonal_networks_equal_the_mirror_flow(log_alpha):
    X, rng = gaussian(0, 30, 3)
    y = X @ np.array([2.0, -1.0, 0.5]) + 0.1 * rng.standard_normal(30)
    path = saddles.pesme_flammarion(X, y)
    levels = (path.losses[:-1] + path.losses[1:]) / 2
    mirror = saddles.flow.diagonal(X, y, log_alpha=log_alpha, rtol=1e-9)
    flow = neurons(*networks.diagonal(X, y), log_alpha=log_alpha, rtol=1e-9)
    assert flow.status is Status.CONVERGED
    assert flow.crossing_times(levels) == pytest.approx(mirror.crossing_times(levels), rel=1e-8)
    middles = (path.times[:-1] + path.times[1:]) / 2
    assert np.abs(flow.at(middles) - mirror.at(middles) @ X.T).max() < 1e-8
    assert len(flow.jumps()) == len(path) - 1


# --- the limit of vanishing scales ----------------------------------------------------------------


def test_jump_times_of_degree_three_converge_like_a_power_of_alpha(limit):
    network, start = teacher()
    scales = (7, 9)
    times = [neurons(network, start, log_alpha=-k, until=1.5).jumps().times for k in scales]
    errors = np.abs(np.array(times) - limit.times)
    # What is left to grow when a neuron has size 1 takes α^(κ−2) of the time.
    assert errors.shape == (2, 2)
    slopes = np.log(errors[1:] / errors[:-1]) / 2
    assert slopes == pytest.approx(-np.ones_like(slopes), abs=0.1)


@pytest.mark.parametrize("log_alpha", [pytest.param(-690.8, marks=pytest.mark.slow), -2302.6])
def test_scales_beyond_float64(log_alpha, limit):
    """alpha = 1e-300 and 1e-1000: the same staircase, and no warning."""
    network, start = teacher()
    flow = neurons(network, start, log_alpha=log_alpha, until=1.5)
    jumps = flow.jumps()
    assert jumps.times == pytest.approx(limit.times, rel=ADDED_UP * 1e-8)
    assert jumps.losses == pytest.approx(limit.losses, rel=1e-7, abs=1e-12)
    assert flow.conservation < ADDED_UP * 1e-8
    assert (np.diff(flow.times) >= 0).all()
    logs = flow.curve.log_norms(np.array([0.0, flow.until]))
    assert logs[0] == pytest.approx(log_alpha + np.log(np.linalg.norm(start, axis=1)))
    assert np.abs(logs[1]).max() < 2.0
    directions = flow.curve.directions(np.array([0.0, 0.6]))
    assert np.linalg.norm(directions, axis=2) == pytest.approx(np.ones((2, 2)))


def test_a_neuron_in_the_best_direction_activates_at_its_own_blow_up():
    """|θ|' = κ|θ|^(κ−1) U, so that τ = 1/(κ(κ−2)U); a w² is largest at w² = 2a²."""
    network, _ = teacher()
    best = np.array([[1.0, math.sqrt(2), 0.0]]) / math.sqrt(3)
    network = replace(network, targets=network.output(best)[0])
    utility = float(network.utility(best, best[:0])[0])
    flow = neurons(network, best, log_alpha=-400.0, until=2 / (3 * utility))
    assert flow.jumps().times == pytest.approx([1 / (3 * utility)], rel=1e-7)


@pytest.mark.parametrize("degree", [5, 6, 10])
@pytest.mark.parametrize("log_alpha", [-20.0, -700.0, -1e4])
def test_neurons_of_high_degree_blow_up_when_they_should(degree, log_alpha):
    """The same for a w^(κ−1) and the target 1: a² = 1/κ, and the pace grows κ − 2 times as fast."""
    network = networks.power(np.ones((1, 1)), np.ones(1), degree)
    best = np.sqrt([[1 / degree, 1 - 1 / degree]])
    utility = float(network.utility(best, best[:0])[0])
    blowing_up = 1 / (degree * (degree - 2) * utility)
    flow = neurons(network, best, log_alpha=log_alpha, until=2 * blowing_up)
    assert flow.jumps().times == pytest.approx([blowing_up], rel=1e-6)
    assert flow.loss(flow.until) <= 1e-12


@dataclass(frozen=True)
class ThirdHermite:
    """Neurons a |w|³ He₃(ŵ·x) on the target He₃(x₁), Gaussian x: the kernel is 6 (w·w')³."""

    dimension: int = 2
    degree = 4

    @property
    def size(self):
        return 1 + self.dimension

    def loss(self, theta):
        a, w = theta[:, 0], theta[:, 1:]
        return float(3 - 6 * a @ w[:, 0] ** 3 + 3 * a @ (w @ w.T) ** 3 @ a)

    def utility_gradient(self, theta, active):
        a, w, b, v = theta[:, 0], theta[:, 1:], active[:, 0], active[:, 1:]
        kernel = w @ v.T
        by_w = -18 * a[:, None] * ((kernel**2 * b) @ v)
        by_w[:, 0] += 18 * a * w[:, 0] ** 2
        return np.column_stack([6 * (w[:, 0] ** 3 - kernel**3 @ b), by_w])

    def utility(self, theta, active):
        return theta[:, 0] * self.utility_gradient(theta, active)[:, 0]

    def gradient(self, theta):
        return -self.utility_gradient(theta, theta)

    def point(self, theta):
        return np.einsum("h,hi,hj,hk->ijk", theta[:, 0], *[theta[:, 1:]] * 3)


@settings(max_examples=2)
@for_example(overlap=0.07, log_alpha=-12.0)
@for_example(overlap=2e-3, log_alpha=-19.0)
@given(overlap=st.floats(2e-3, 0.9), log_alpha=st.floats(-20.0, -7.0))
def test_a_neuron_nearly_orthogonal_to_the_target_finds_it(overlap, log_alpha):
    """It feels next to nothing at first, and jumps at 1/(4Û v (1 + v)), v its overlap.

    In units of the pull at the start the pace would never keep up with it.
    """
    w = math.sqrt(3) / 2 * np.array([overlap, math.sqrt(1 - overlap**2)])
    flow = neurons(ThirdHermite(), [[0.5, *w]], log_alpha=log_alpha)
    best = 6 * 3**1.5 / 16
    assert flow.status is Status.CONVERGED
    assert flow.loss(flow.until) == pytest.approx(0.0, abs=1e-12)
    assert flow.jumps().times == pytest.approx(
        [1 / (4 * best * overlap * (1 + overlap))], rel=1e-7 / overlap + 1e-5
    )


def test_linear_network_tends_to_its_path():
    X, rng = gaussian(0, 8, 2)
    X = np.linalg.qr(X)[0] * math.sqrt(8)
    Y = X @ np.diag([2.0, 0.8])
    network, start = networks.linear(X, Y), rng.standard_normal((3, 4))
    levels = np.array([2.32 + 0.32, 0.32]) / 2
    scales = np.array([8.0, 16.0])
    flows = [neurons(network, start, log_alpha=-scale) for scale in scales]
    times = np.array([flow.crossing_times(levels) for flow in flows])
    excess = (times - [1 / 2, 1 / 0.8]) * scales[:, None]
    assert np.ptp(excess, axis=0) == pytest.approx(np.zeros(2), abs=0.02)
    assert flows[-1].jumps().losses == pytest.approx([2.32, 0.32, 0.0], abs=1e-4)


# --- what float64 cannot say ----------------------------------------------------------------------


def test_a_neuron_whose_coefficient_changes_sign_is_refused():
    """(u, v) is then nearer to (1, 1) than float64 can tell, and should turn to (1, −1)."""
    X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
    network, start = networks.diagonal(X, np.array([1.0, 0.0]))
    with pytest.raises(PathError, match="directions lost"):
        neurons(network, start, log_alpha=-100.0)
    assert neurons(network, start, log_alpha=-5.0).success


@pytest.mark.parametrize("log_alpha", [-40.0, pytest.param(-1e3, marks=pytest.mark.slow)])
def test_parallel_neurons_of_a_linear_network_are_refused(log_alpha):
    X, rng = gaussian(0, 8, 3)
    network = networks.linear(X, X @ rng.standard_normal((3, 2)))
    start = rng.standard_normal((3, 5))
    flow = neurons(network, start, log_alpha=log_alpha, on_failure="return")
    assert flow.status is Status.DIRECTIONS_LOST
    assert not flow.success


# --- coordinates ----------------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [2, 3, 4])
@pytest.mark.parametrize("grown", [0.0, 2.0, 4.0])
def test_jacobian_is_the_derivative_of_the_velocity(degree, grown):
    X, rng = gaussian(degree, 7, 2)
    network = networks.power(X, rng.standard_normal(7), degree)
    polar = Polar.of(Declared.of(network), rng.standard_normal((4, 3)), 3.0)
    state = polar.start()
    cells = state[2:].reshape(4, 4)
    cells[:, 0] += rng.uniform(0, grown, 4)
    cells[:, 1:] += 0.1 * rng.standard_normal((4, 3))
    state[1] = PACE_SCALE * polar.pace(polar.unpack(state)[0], polar.pulls(state))[0]
    units = np.where(np.arange(state.size) == 1, PACE_SCALE, 1.0)
    jacobian = polar.jacobian(0.0, state) * units / units[:, None]
    steps = 1e-6 * np.diag(units)
    columns = [
        (polar.velocity(0.0, state + step) - polar.velocity(0.0, state - step)) / (2e-6 * units)
        for step in steps
    ]
    assert np.abs(jacobian - np.array(columns).T).max() < 1e-5 * max(1.0, np.abs(jacobian).max())


@pytest.mark.parametrize("grown", [0.0, 20.0, 30.0, 39.0])
def test_second_derivatives_give_the_same_as_differences(grown):
    """Of neurons all small, of small ones beside large ones, and of all large."""
    network, start = lone_frequency(4)
    space, coordinates = within(Declared.of(network), start)
    polar = Polar.of(Declared.of(space), coordinates, 40.0)
    state, rng = polar.start(), np.random.default_rng(0)
    cells = state[2:].reshape(4, 7)
    cells[:, 0] += grown * np.array([1.0, 1.0, 0.97, 0.3])
    cells[:, 1:] += 0.1 * rng.standard_normal((4, 6))
    pulls, step = polar.pulls(state), 1e-5
    exact = polar.changes(state, pulls, step)
    plain = replace(polar, network=replace(polar.network, hessian=None))
    apart = (plain.changes(state, pulls, step) + plain.changes(state, pulls, -step)) / 2
    assert polar.network.hessian is not None
    assert np.abs(exact - apart).max() < 1e-7 * np.abs(apart).max()


def test_loss_rate_is_the_derivative_of_the_loss():
    network, start = example("quadratic")
    flow = neurons(network, start, log_alpha=-3.0, until=2.0, rtol=1e-10)
    taus = np.linspace(0.1, 1.9, 7)
    slopes = (flow.loss(taus + 1e-5) - flow.loss(taus - 1e-5)) / 2e-5
    assert flow.loss_rate(taus) == pytest.approx(slopes, rel=1e-4, abs=1e-9)
    assert (flow.curve.times_at(flow.curve.place(taus))) == pytest.approx(taus, rel=1e-12)


@pytest.mark.slow
def test_units_of_the_data_do_not_matter(limit):
    """y → cy with θ → c^(1/κ)θ: gradients are c^(2 − 1/κ) larger, scaled times 1/c shorter."""
    network, start = teacher()
    size = 1e-60
    scaled = neurons(
        replace(network, targets=size * network.targets),
        start,
        log_alpha=-60.0 + math.log(size) / 3,
        until=1.5 / size,
    )
    assert scaled.jumps().times * size == pytest.approx(limit.times, rel=ADDED_UP * 1e-8)


def test_conservation_notices_a_wrong_trajectory():
    network, start = example("quadratic")
    curve = neurons(network, start, log_alpha=-3.0, until=1.0).curve
    slower = replace(curve.polar, unit=curve.polar.unit * 1.001)
    assert replace(curve, polar=slower).conservation() > 1e-6


def test_exact_zeros_stay_zero():
    X, _ = gaussian(0, 30, 3)
    network, start = networks.diagonal(X, X @ np.array([2.0, -1.0, 0.5]))
    flow = neurons(network, start, log_alpha=-20.0)
    directions = flow.curve.directions(flow.times)
    for i in range(3):
        others = np.delete(np.arange(6), [i, 3 + i])
        assert not directions[:, i, others].any()


def test_a_flow_is_repeatable():
    network, start = example("quadratic")
    first, second = (neurons(network, start, log_alpha=-9.0, until=2.0) for _ in range(2))
    assert np.array_equal(first.times, second.times)
    assert np.array_equal(first.at(first.times), second.at(second.times))


# --- the space of the neurons -----------------------------------------------------------------


def test_neurons_are_followed_in_the_space_that_they_need():
    network, start = lone_frequency(3)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((21, 21)))[0]
    known = Declared.of(network)
    assert within(known, start)[0].size == 6
    taus = np.array([0.5, 1.0, 1.5])
    narrow = neurons(network, start, log_alpha=-3.0, until=1.5, rtol=1e-7)
    whole = neurons(Within(known, turn), start @ turn, log_alpha=-3.0, until=1.5, rtol=1e-7)
    assert narrow.at(taus) == pytest.approx(whole.at(taus), abs=1e-6)
    directions = narrow.curve.directions(taus)
    assert directions == pytest.approx(whole.curve.directions(taus) @ turn.T, abs=1e-5)


def test_a_space_that_neurons_leave_is_noticed():
    network, start = lone_frequency(3)
    space, coordinates = within(Declared.of(network), start)
    assert not leaks(space, coordinates)
    narrower = Within(space.network, space.basis[:, :5])
    assert leaks(narrower, coordinates[:, :5])


def test_exact_zeros_keep_their_coordinates():
    network, start = networks.diagonal(*(np.eye(3), np.array([1.0, 2.0, 0.0])))
    assert within(Declared.of(network), start)[0] is None


# --- norms that creep ---------------------------------------------------------------------------


def test_norms_that_creep_are_followed_or_refused():
    """Two neurons of one frequency leave 5/9 of it, in the limit of infinite norms alone."""
    network, start = lone_frequency(2)
    flow = neurons(network, start, log_alpha=math.log(1e-3), until=12.0, rtol=1e-5)
    share = flow.loss(flow.until) / flow.loss(0.0)
    assert 5 / 9 < share < 5 / 9 + 3e-3
    norms = np.exp(flow.curve.log_norms(np.array([flow.until / 4, flow.until]))).max(axis=1)
    assert norms[1] > 1.05 * norms[0]


@pytest.mark.parametrize(("log_alpha", "rtol"), [(-25.0, 1e-8), (-100.0, 1e-5), (-100.0, 1e-8)])
def test_norms_that_would_creep_faster_than_is_followed_are_refused(log_alpha, rtol):
    """Relaxation is cut at a rate that `rtol` sets; norms would lag behind, whatever it is."""
    network, start = lone_frequency(2)
    lost = neurons(network, start, log_alpha=log_alpha, until=12.0, rtol=rtol, on_failure="return")
    assert lost.status is Status.CREEP_LOST


# --- ends and refusals ----------------------------------------------------------------------------


def test_nothing_to_learn():
    network, start = example("linear")
    flow = neurons(replace(network, targets=0 * network.targets), start, log_alpha=-2000.0)
    assert flow.status is Status.NOTHING_TO_LEARN
    assert flow.loss(flow.until) == 0.0
    assert len(flow.jumps()) == 0


def test_a_neuron_of_negative_utility_shrinks_and_never_jumps():
    network, _ = example("quadratic")
    start = np.array([[1.0, 1.0, 0.3]])
    if network.utility(start, start[:0])[0] > 0:
        network = replace(network, targets=-network.targets)
    flow = neurons(network, start, log_alpha=-30.0, until=0.5)
    assert len(flow.jumps()) == 0
    assert flow.curve.log_norms(np.array([0.5]))[0, 0] < -30.0 + np.log(np.linalg.norm(start))


def test_bad_input():
    network, start = example("quadratic")
    with pytest.raises(ValueError, match=r"init\[1\] is zero"):
        neurons(network, start * [[1], [0], [1], [1]], log_alpha=-1.0)
    with pytest.raises(ValueError, match=r"init has shape \(4, 2\)"):
        neurons(network, start[:, :2], log_alpha=-1.0)
    with pytest.raises(ValueError, match="not finite"):
        neurons(network, start * np.nan, log_alpha=-1.0)
    with pytest.raises(TypeError, match="must offer degree"):
        neurons(object(), start, log_alpha=-1.0)
    with pytest.raises(ValueError, match="log_alpha=-inf"):
        neurons(network, start, log_alpha=-math.inf)
    with pytest.raises(ValueError, match=r"rtol=1\.0"):
        neurons(network, start, log_alpha=-1.0, rtol=1.0)
    with pytest.raises(ValueError, match="until=0"):
        neurons(network, start, log_alpha=-1.0, until=0)


@pytest.mark.slow
def test_norms_below_float64_are_no_divisors():
    """Neurons of modular addition follow a subspace; whether they leave it is asked on the way."""
    network = saddles.agf.ModularAddition(np.cos(2 * np.pi * np.arange(5) / 5))
    start = np.random.default_rng(0).standard_normal((1, 15))
    start /= np.linalg.norm(start)
    path = saddles.agf.modular_addition(network, init=start)
    flow = neurons(network, start, log_alpha=-2300.0, until=1.2 * path.times[1])
    assert flow.jumps().times == pytest.approx(path.times[1:], rel=1e-6)

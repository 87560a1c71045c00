"""The mirror flow against plain integration, exact paths, entropy minimisers and its own laws."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import saddles
from saddles._result.path import PathError
from saddles.flow import _mirror_network, diagonal, mirror
from saddles.status import Status

#: Default tolerance of the flow: the relative error of beta per step.
RTOL = 1e-8

#: Errors of single steps add up but never grow, and staircases here take up to 3,000 steps, few of
#: which use the whole tolerance.
STEPS = 3000
ADDED_UP = 100 * RTOL

#: s is known to a few ulp of log(1/alpha), and beta relative to twice that.
ROUNDING = 64 * np.finfo(float).eps

#: The published non-monotone fixture (arXiv:2607.12332): coordinate 0 enters, then leaves.
#: Its loss is a sum over n = 2 samples, so its times are halved per unit of our mean loss.
NONMONOTONE = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]), np.array([1.0, 0.0])
NONMONOTONE_TIMES = 2 * np.array([1.0, 4.0, 276 / 49])
NONMONOTONE_BETAS = np.array([[0.8, 0, 0, 0], [0, 0, 1.4, 0], [0, 0, 10 / 7, -10 / 49]])


def gaussian(seed, n, d, noise):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X @ rng.standard_normal(d) + noise * rng.standard_normal(n)


@pytest.fixture(scope="module")
def staircase():
    """Ten jumps, each after a plateau of at least 0.07 units of scaled time."""
    X, y = gaussian(0, 30, 10, 0.1)
    return X, y, saddles.pesme_flammarion(X, y)


def plain_flow(X, y, alpha, ends, step):
    """Fourth-order Runge-Kutta in (u, v), written from the definition of the network."""

    def velocity(z):
        u, v = z
        pull = X.T @ (y - X @ (u * v)) / len(y)
        return np.array([v * pull, u * pull])

    z, now, betas = np.array([np.full(X.shape[1], alpha), np.zeros(X.shape[1])]), 0.0, []
    for end in ends:
        count = int(np.ceil((end - now) / step))
        h = (end - now) / count
        for _ in range(count):
            k1 = velocity(z)
            k2 = velocity(z + h / 2 * k1)
            k3 = velocity(z + h / 2 * k2)
            k4 = velocity(z + h * k3)
            z = z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        now = end
        betas.append(z[0] * z[1])
    return np.array(betas)


# --- against independent computations -------------------------------------------------------------


@pytest.mark.parametrize("log_alpha", [-0.1, -1.0, -3.0, -10.0])
@pytest.mark.parametrize(("n", "d"), [(6, 3), (2, 4)])
def test_equals_plain_integration_of_the_network(log_alpha, n, d):
    X, y = gaussian(3, n, d, 0.3)
    flow = diagonal(X, y, log_alpha=log_alpha)
    taus = np.linspace(0, 3.0, 13)[1:]
    plain = plain_flow(X, y, np.exp(log_alpha), taus * -log_alpha, 2e-3)
    assert np.abs(flow.at(taus) - plain).max() < ADDED_UP * np.abs(plain).max()


@pytest.mark.parametrize("size", [1e-4, 1e-12, 1e-60])
def test_targets_far_below_the_initial_scale_are_learnt_linearly(size):
    X, y = gaussian(3, 6, 3, 0.3)
    flow = diagonal(X, size * y, log_alpha=-0.1)
    # beta' = alpha^2 X'(y - X beta)/n up to terms of relative size (beta/alpha^2)^2.
    rates, modes = np.linalg.eigh(X.T @ X * np.exp(-0.2) / 6)
    taus = np.linspace(0, 0.9 * flow.until, 20)
    grown = -np.expm1(-np.outer(taus * 0.1, rates))
    kernel = grown * (modes.T @ np.linalg.lstsq(X, y)[0]) @ modes.T
    assert np.abs(flow.at(taus) / size - kernel).max() < ADDED_UP + 10 * size**2


def test_error_falls_with_rtol():
    X, y = gaussian(3, 6, 3, 0.3)
    taus = np.linspace(0, 3.0, 13)[1:]
    plain = plain_flow(X, y, np.exp(-5.0), taus * 5, 2e-3)
    errors = [
        np.abs(diagonal(X, y, log_alpha=-5.0, rtol=rtol).at(taus) - plain).max()
        for rtol in (1e-4, 1e-6, 1e-8, 1e-10)
    ]
    slope = np.polyfit(np.log([1e-4, 1e-6, 1e-8, 1e-10]), np.log(errors), 1)[0]
    assert 0.8 < slope < 1.2


@pytest.mark.parametrize("log_alpha", [-1e3, -1e4, -1e5, -1e6])
def test_rests_at_the_saddles(staircase, log_alpha):
    X, y, path = staircase
    flow = diagonal(X, y, log_alpha=log_alpha)
    middles = (path.times[:-1] + path.times[1:]) / 2
    error = np.abs(flow.at(middles) - path.at(middles)).max()
    assert error < 1e-8


def test_jump_time_error_times_log_scale_is_constant(staircase):
    X, y, path = staircase
    levels = (path.losses[:-1] + path.losses[1:]) / 2
    constant = 0.0
    for log_alpha in (-1e3, -1e4, -1e5, -1e6):
        times = diagonal(X, y, log_alpha=log_alpha).crossing_times(levels)
        excess = -log_alpha * (times - path.times[1:])
        # The constant itself is a sum over steps, so their errors enter relative to the jump times;
        # and times are sums over steps, each of them rounded, which log(1/alpha) multiplies.
        if log_alpha == -1e3:
            constant = excess
        rounding = -log_alpha * STEPS * np.finfo(float).eps
        assert (np.abs(excess - constant) < (ADDED_UP + rounding) * path.times[1:]).all()
    assert np.abs(constant).min() > 1e-3


@pytest.mark.parametrize("log_alpha", [-0.5, -3.0, -50.0])
def test_ends_at_the_hyperbolic_entropy_minimiser(log_alpha):
    X, y = gaussian(5, 4, 9, 0.2)
    flow = diagonal(X, y, log_alpha=log_alpha)
    beta = flow.at(flow.until)
    dual = np.arcsinh(2 * beta * np.exp(-2 * log_alpha)) / 2
    outside = dual - X.T @ np.linalg.lstsq(X.T, dual, rcond=None)[0]
    assert np.abs(X @ beta - y).max() < ADDED_UP
    assert np.abs(outside).max() < ROUNDING * (1 - log_alpha) * 100


def test_published_nonmonotone_path():
    X, y = NONMONOTONE
    flow = diagonal(X, y, log_alpha=-1e6)
    jumps = flow.jumps()
    assert np.abs(jumps.times - NONMONOTONE_TIMES).max() < 100 / 1e6
    assert np.abs(jumps.losses - np.array([1 / 2, 1 / 10, 1 / 100, 0]) / 2).max() < RTOL
    ends = np.append(jumps.times[1:], flow.until)
    assert np.abs(flow.at((jumps.times + ends) / 2)[:2] - NONMONOTONE_BETAS[:2]).max() < RTOL
    assert np.abs(flow.at(flow.until) - NONMONOTONE_BETAS[2]).max() < ADDED_UP


# --- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("log_alpha", [-0.1, -10.0, -1e3])
def test_conservation_law_holds(staircase, log_alpha):
    X, y, _ = staircase
    assert diagonal(X, y, log_alpha=log_alpha).conservation < ADDED_UP


def test_conservation_law_notices_a_wrong_velocity(staircase):
    X, y, _ = staircase
    flow = diagonal(X, y, log_alpha=-100.0)
    wrong = replace(flow.curve.network, targets=1.001 * flow.curve.network.targets)
    assert replace(flow, curve=replace(flow.curve, network=wrong)).conservation > 1e-4


@pytest.mark.parametrize("log_alpha", [-0.1, -10.0, -1e3])
def test_loss_rate_integrates_to_the_loss(log_alpha):
    X, y = gaussian(6, 8, 4, 0.3)
    flow = diagonal(X, y, log_alpha=log_alpha, rtol=1e-10)
    nodes, weights = np.polynomial.legendre.leggauss(10)
    steps = np.diff(flow.times)
    inner = flow.times[:-1, None] + steps[:, None] * (nodes + 1) / 2
    drops = flow.loss_rate(inner.ravel()).reshape(inner.shape) @ (weights / 2) * steps
    assert (drops <= 0).all()
    fall = flow.loss(0.0) - flow.loss(flow.until)
    assert np.abs(flow.loss(flow.times[1:]) - flow.loss(0.0) - drops.cumsum()).max() < RTOL * fall


@pytest.mark.parametrize("log_alpha", [-2.0, -1e6])
def test_loss_is_the_problems_loss_and_never_rises(staircase, log_alpha):
    X, y, _ = staircase
    flow = diagonal(X, y, log_alpha=log_alpha)
    losses, problem = flow.loss(flow.times), saddles.Regression(X, y)
    by_hand = [problem.loss(beta) for beta in flow.at(flow.times)]
    assert np.abs(losses - by_hand).max() < ROUNDING * losses[0]
    assert np.diff(losses).max() < ROUNDING * losses[0]


@pytest.mark.parametrize(
    ("log_alpha", "factor"), [(-3.0, 1e-8), (-3.0, 3.0), (-1e4, 1e-8), (-1e4, 3.0), (-1e4, 1e8)]
)
def test_scaling_targets_rescales_time_weights_and_initial_scale(log_alpha, factor):
    X, y = gaussian(7, 8, 4, 0.3)
    flow = diagonal(X, y, log_alpha=log_alpha)
    other_log_alpha = log_alpha + np.log(factor) / 2
    scaled = diagonal(X, factor * y, log_alpha=other_log_alpha)
    taus = np.linspace(0, 0.99 * flow.until, 40)
    others = taus * log_alpha / other_log_alpha / factor
    error = np.abs(scaled.at(np.minimum(others, scaled.until)) / factor - flow.at(taus))
    assert error.max() < 10 * ADDED_UP * np.abs(flow.at(flow.until)).max()


@pytest.mark.parametrize("log_alpha", [-1.0, -1e5])
def test_permuted_and_flipped_features_and_rotated_samples(log_alpha):
    X, y = gaussian(8, 9, 5, 0.3)
    rng = np.random.default_rng(0)
    order, signs = rng.permutation(5), rng.choice([-1.0, 1.0], 5)
    rotation = np.linalg.qr(rng.standard_normal((9, 9)))[0]
    flow = diagonal(X, y, log_alpha=log_alpha)
    other = diagonal(rotation @ (X * signs)[:, order], rotation @ y, log_alpha=log_alpha)
    levels = flow.loss(0.0) + np.linspace(0.1, 0.9, 9) * (flow.loss(flow.until) - flow.loss(0.0))
    times, others = flow.crossing_times(levels), other.crossing_times(levels)
    assert np.abs(times / others - 1).max() < ADDED_UP
    beta = flow.at(flow.until)
    assert np.abs(other.at(other.until) - (beta * signs)[order]).max() < ADDED_UP


@pytest.mark.parametrize("log_alpha", [-1.0, -60.0, -1e4])
def test_duplicated_and_zero_features(log_alpha):
    X, y = gaussian(9, 12, 4, 0.3)
    doubled = np.column_stack([X, X[:, 1], np.zeros(12)])
    flow = diagonal(doubled, y, log_alpha=log_alpha)
    betas = flow.at(np.linspace(0, flow.until, 50))
    assert not betas[0].any()
    assert np.abs(betas[:, 1] - betas[:, 4]).max() < ROUNDING * (1 - log_alpha)
    assert not betas[:, 5].any()
    assert np.abs(doubled @ betas[-1] - X @ np.linalg.lstsq(X, y)[0]).max() < ADDED_UP


def test_features_of_very_different_scale_all_enter():
    X, y = gaussian(7, 20, 6, 0.3)
    X = X * 10.0 ** np.array([-3, 2, 0, -1, 3, 1])
    flow = diagonal(X, y, log_alpha=-1e5)
    best = saddles.Regression(X, y).loss(np.linalg.lstsq(X, y)[0])
    assert flow.success
    assert abs(flow.loss(flow.until) - best) < RTOL * flow.loss(0.0)


def test_repeated_samples_equal_weights():
    X, y = gaussian(10, 6, 3, 0.3)
    weighted = diagonal(saddles.Regression(X, y, sample_weight=[1, 3, 1, 2, 1, 1]), log_alpha=-50)
    index = [0, 1, 1, 1, 2, 3, 3, 4, 5]
    repeated = diagonal(X[index], y[index], log_alpha=-50)
    end = min(weighted.until, repeated.until)
    taus = np.linspace(0, end, 20)
    assert np.abs(weighted.at(taus) - repeated.at(taus)).max() < 100 * ADDED_UP


def test_inconsistent_duplicated_rows_leave_the_least_squares_loss():
    X, y = gaussian(11, 4, 3, 0.3)
    flow = diagonal(np.vstack([X, X]), np.append(y, -y / 3), log_alpha=-1e3)
    problem = saddles.Regression(np.vstack([X, X]), np.append(y, -y / 3))
    best = problem.loss(np.linalg.lstsq(problem.X, problem.y)[0])
    assert abs(flow.loss(flow.until) - best) < RTOL * flow.loss(0.0)


def test_smaller_scale_costs_no_more_steps(staircase):
    X, y, _ = staircase
    ordinary, tiny = (diagonal(X, y, log_alpha=value) for value in (-1e3, -1e6))
    assert len(tiny.times) < 1.5 * len(ordinary.times)


# --- how it ends ----------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [np.zeros(3), np.array([0.0, 0.0, 2.0])])
def test_nothing_to_learn(y):
    flow = diagonal(np.eye(3)[:, :2], y, log_alpha=-1e3, until=5.0)
    assert flow.status is Status.NOTHING_TO_LEARN
    assert flow.success
    assert not flow.at(np.linspace(0, 5, 7)).any()
    assert len(flow.jumps()) == 0
    assert flow.conservation == flow.loss_rate(2.0) == 0
    assert flow.loss(1.0) == pytest.approx(y @ y / 6)


def test_until_cuts_the_flow_short(staircase):
    X, y, path = staircase
    whole = diagonal(X, y, log_alpha=-1e3)
    middle = float(path.times[4] + path.times[5]) / 2
    cut = diagonal(X, y, log_alpha=-1e3, until=middle)
    assert cut.status is Status.UNTIL_REACHED
    assert cut.until == middle
    assert len(cut.jumps()) == 4
    assert np.isnan(cut.crossing_times([path.losses[-1] * 1.01])).all()
    taus = np.linspace(0, middle, 30)
    assert np.abs(cut.at(taus) - whole.at(taus)).max() < 100 * ADDED_UP


@pytest.mark.parametrize("until", [0.1, 1 / 3, 0.7, 1.1, 5 / 3])
def test_until_is_kept_to_the_last_digit(until):
    X, y = gaussian(10, 6, 3, 0.3)
    flow = diagonal(X, y, log_alpha=-37.0, until=until)
    assert flow.until == until
    assert np.isfinite(flow.at(until)).all()


def test_scales_at_which_rounding_leaves_nothing_are_refused():
    X, y = gaussian(10, 6, 3, 0.3)
    for log_alpha in (-1e13, -1e15, -1e100):
        with pytest.raises(ValueError, match=r"log_alpha=-1.*: below .* use saddles.pesme"):
            diagonal(X, y, log_alpha=log_alpha)


def test_until_after_the_end_is_followed():
    X, y = gaussian(10, 6, 3, 0.3)
    flow = diagonal(X, y, log_alpha=-100, until=1e5)
    assert flow.status is Status.CONVERGED
    assert np.abs(flow.at(1e5) - np.linalg.lstsq(X, y)[0]).max() < ADDED_UP


def test_exhausted_steps_are_a_failure(monkeypatch, staircase):
    X, y, _ = staircase
    monkeypatch.setattr(mirror, "STEPS_PER_JUMP", 10)
    with pytest.raises(PathError, match=r"integration failed.*scaled time .* was reached"):
        diagonal(X, y, log_alpha=-1e3)
    flow = diagonal(X, y, log_alpha=-1e3, on_failure="return")
    assert flow.status is Status.INTEGRATION_FAILED
    assert not flow.success
    assert "rtol" in flow.message


def test_rounding_limits_the_tolerance_instead_of_stalling(staircase):
    X, y, path = staircase
    flow = diagonal(X, y, log_alpha=-1e8, rtol=1e-12)
    assert flow.success
    assert len(flow.jumps()) == len(path) - 1


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"log_alpha": 0.0}, "log_alpha=0.0"),
        ({"log_alpha": 1.0}, "log_alpha=1.0"),
        ({"log_alpha": np.nan}, "log_alpha=nan"),
        ({"log_alpha": -np.inf}, "log_alpha=-inf"),
        ({"log_alpha": -1.0, "until": 0.0}, "until=0.0"),
        ({"log_alpha": -1.0, "until": -2.0}, "until=-2.0"),
        ({"log_alpha": -1.0, "until": np.inf}, "until=inf"),
        ({"log_alpha": -1.0, "until": np.nan}, "until=nan"),
        ({"log_alpha": -1.0, "rtol": 0.0}, "rtol=0.0"),
        ({"log_alpha": -1.0, "rtol": 0.1}, "rtol=0.1"),
        ({"log_alpha": -1.0, "rtol": np.nan}, "rtol=nan"),
    ],
)
def test_bad_options_are_named(options, name):
    with pytest.raises(ValueError, match=f"^{name}: .+"):
        diagonal(np.eye(2), np.ones(2), **options)


@pytest.mark.parametrize("tau", [-1e-9, np.nan, np.inf, [0.5, np.nan], [0.5, -1.0]])
def test_times_that_are_none_are_refused(tau):
    flow = diagonal(np.eye(2), np.array([2.0, 1.0]), log_alpha=-10)
    for method in (flow.at, flow.loss, flow.loss_rate, flow.clocks):
        with pytest.raises(ValueError, match=r"^tau=\S+ is not in \[0, inf\), .*rests from "):
            method(tau)


@pytest.mark.parametrize("tau", [-1e-9, np.nan, np.inf, 1.5, [0.5, np.nan], [0.5, 1.5]])
def test_times_beyond_what_was_integrated_are_refused(tau):
    flow = diagonal(np.eye(2), np.array([2.0, 1.0]), log_alpha=-10, until=1.0)
    for method in (flow.at, flow.loss, flow.loss_rate, flow.clocks):
        with pytest.raises(ValueError, match=r"^tau=\S+ is not in \[0, .*integrate with a larger"):
            method(tau)


def test_scale_is_part_of_the_call():
    with pytest.raises(TypeError, match="log_alpha"):
        diagonal(np.eye(2), np.ones(2))


def test_importing_the_room_loads_no_scipy():
    code = "import sys, saddles.flow; sys.exit(any(m.startswith('scipy') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_features_that_no_sum_would_feel_are_left_out(monkeypatch):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((20, 500))
    y = X[:, :4] @ rng.standard_normal(4)
    path = saddles.pesme_flammarion(X, y, max_jumps=5)
    until = float(path.times[-1])
    lean = diagonal(X, y, log_alpha=-1e4, until=until)
    monkeypatch.setattr(_mirror_network, "WIDE", 10**9)
    whole = diagonal(X, y, log_alpha=-1e4, until=until)
    middles = (path.times[:-1] + path.times[1:]) / 2
    size = np.abs(path.betas).max()
    np.testing.assert_allclose(lean.at(middles), path.betas[:-1], atol=1e-8 * size)
    np.testing.assert_allclose(lean.at(middles), whole.at(middles), atol=1e-9 * size)
    assert lean.conservation < 1e-9

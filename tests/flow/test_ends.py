"""Flows end where training ends, whatever the ratio of scales, and rest there afterwards."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saddles
from saddles.flow import diagonal, full, linear, matrix
from saddles.flow._graded import commuting
from saddles.flow._graded.alone import Alone
from saddles.flow._graded.march import GradedCurve, Sum
from saddles.status import Status

#: More than this part of the loss left is no end.
LEFT = 1e-8


def slowly(values):
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def orthogonal(seed, d):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def symmetric(seed, eigenvalues):
    modes = orthogonal(seed, len(eigenvalues))
    M = (modes * eigenvalues) @ modes.T
    return (M + M.T) / 2


class Own:
    """Half the squared distance to a matrix, as a loss of one's own: no closed form is known."""

    def __init__(self, M):
        self.M, self.size = M, len(M)

    def value(self, W):
        return float(np.sum((W - self.M) ** 2)) / 2

    def gradient(self, W):
        return W - self.M


def left(flow, least=0.0):
    """Return the loss that is left of all that there was to fall."""
    return (flow.loss(flow.until) - least) / (flow.loss(0.0) - least)


# --- small and late modes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("small", "log_alpha", "jumps"),
    [(1e-5, -1e6, [2.0, 400004.0]), (1e-8, -100.0, [2.0, 4e8])],
)
def test_a_nearly_collinear_feature_is_learnt(small, log_alpha, jumps):
    flow = diagonal([[1.0, 1.0], [0.0, small]], [1.0, 1.0], log_alpha=log_alpha)
    assert flow.status is Status.CONVERGED
    assert left(flow) < LEFT
    # Half of what X explains hangs on a β of 1/small: growing to it takes that many foldings more.
    error = (1 + 2 * math.log(1 / small)) / -log_alpha
    assert flow.jumps().times == pytest.approx(jumps, rel=error)


def test_what_float64_cannot_fit_is_said_and_not_tried():
    flow = diagonal([[1.0, 1.0], [0.0, 1e-13]], [1.0, 1.0], log_alpha=-1e4)
    assert flow.status is Status.RESOLUTION
    assert flow.remaining.loss == pytest.approx(0.25)
    assert flow.remaining.next_jump is None
    assert flow.loss(flow.until) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="resolution reached"):
        flow.at(2 * flow.until)


@pytest.mark.parametrize("ratio", [*slowly([3e-4, 2e-4]), 1e-4])
def test_a_small_eigenvalue_is_learnt(ratio):
    assert_second_mode(ratio, -34.5)


@pytest.mark.parametrize("ratio", [*slowly([1e-3, 1e-4, 1e-5]), 1e-6])
def test_a_small_eigenvalue_is_learnt_at_a_small_scale(ratio):
    assert_second_mode(ratio, -1000.0)


def assert_second_mode(ratio, log_alpha):
    flow = matrix(Own(np.diag([1.0, ratio])), log_alpha=log_alpha)
    exact = full(np.diag([1.0, ratio]), log_alpha=log_alpha)
    assert flow.status is exact.status is Status.CONVERGED
    assert flow.at(flow.until) == pytest.approx(np.diag([1.0, ratio]), abs=1e-4 * ratio)
    # A drop below 1e-12 of the whole is not listed, but made.
    assert len(exact.jumps()) == (2 if ratio > 2e-6 else 1)
    assert flow.jumps().times == pytest.approx(exact.jumps().times, rel=1e-5)


def test_a_small_eigenvalue_of_a_loss_of_ones_own_is_learnt():
    assert_all_is_learnt(symmetric(4, [1.0, 0.3, 1e-5]), -34.5)


def test_no_step_lands_far_beyond_a_jump():
    # Steps that grow on a plateau of 4e6 e-foldings can end in a place that is wrong.
    assert_all_is_learnt(symmetric(3, [1.0, 0.23, 2.5e-7]), -801.0)


def assert_all_is_learnt(M, log_alpha):
    flow = matrix(Own(M), log_alpha=log_alpha)
    assert flow.status is Status.CONVERGED
    assert np.abs(flow.at(flow.until) - M).max() < 1e-9


def test_a_full_matrix_has_a_closed_form():
    M = symmetric(4, [1.0, 0.3, 1e-9, -0.2])
    for options in ({}, {"width": 2}, {"seed": 3, "until": 5.0}, {"initial": np.eye(4)}):
        flow = matrix(saddles.FullMatrix(M), log_alpha=-1e5, **options)
        exact = full(M, log_alpha=-1e5, **options)
        assert flow.status is exact.status
        assert (flow.at(exact.times) == exact.at(exact.times)).all()


@pytest.mark.parametrize(("log_alpha", "second"), [(-1000.0, 3117.3), (-1e5, 3124.9)])
def test_a_small_mode_of_a_linear_network_is_learnt(log_alpha, second):
    flow = linear(np.diag([1.0, 0.01]), np.diag([5.7, 3.2e-4]), log_alpha=log_alpha)
    assert flow.status is Status.CONVERGED
    assert flow.at(flow.until) == pytest.approx(np.diag([5.7, 0.032]), abs=1e-6)
    assert flow.jumps().times[1] == pytest.approx(second, rel=1e-4)


@pytest.mark.parametrize(
    ("modes", "turned", "log_alpha"),
    [
        pytest.param(10, False, math.log(1e-15), marks=pytest.mark.slow),
        pytest.param(10, True, math.log(1e-15), marks=pytest.mark.slow),
        (2, True, math.log(1e-15)),
        (10, True, -1e3),
        (10, False, -1e5),
    ],
)
def test_as_many_jumps_as_commuting_modes(modes, turned, log_alpha):
    gains, variances = np.linspace(3.0, 0.6, modes), np.geomspace(2.0, 0.05, modes)
    Q, P = (orthogonal(k, modes) if turned else np.eye(modes) for k in (1, 2))
    xx, yx = (Q * variances) @ Q.T, (P * (gains * variances)) @ Q.T
    flow = linear((xx + xx.T) / 2, yx, log_alpha=log_alpha)
    path = saddles.agf.linear((xx + xx.T) / 2, yx)
    assert flow.status is Status.CONVERGED
    assert len(flow.jumps()) == modes
    compared = saddles.compare(path, flow)
    assert compared.same_jumps
    assert compared.worst_time < 0.2
    assert compared.worst_beta < 0.05


def test_a_mode_of_the_last_digits_is_a_mode():
    flow = linear(np.diag([1.0, 1e-8]), np.diag([1.0, 1e-9]), log_alpha=-100.0)
    assert flow.status is Status.CONVERGED
    # Its pull is known to 1e-13 of the first, which is 1e-4 of its own.
    assert flow.at(flow.until) == pytest.approx(np.diag([1.0, 0.1]), abs=1e-4)


def whole(monkeypatch, *moments, **options):
    """Return the flow of commuting modes that are all integrated together."""
    with monkeypatch.context() as patch:
        patch.setattr(commuting, "_together", lambda *_: None)
        return linear(*moments, **options)


@pytest.mark.parametrize(
    ("signals", "log_alpha", "curves"),
    [
        ([2.0, 1.1, 0.3], -200.0, Alone),
        ([2.0, 1.99, 0.3], -200.0, Sum),
        pytest.param([2.0, 1.99, 0.3, 0.299], -200.0, Sum, marks=pytest.mark.slow),
        ([2.0, 1.1], -20.5, GradedCurve),
    ],
)
def test_modes_that_never_meet_are_followed_apart(monkeypatch, signals, log_alpha, curves):
    d = len(signals)
    Q, P = orthogonal(5, d), orthogonal(6, d)
    xx, yx = (Q * np.linspace(0.4, 2.0, d)) @ Q.T, (P * signals) @ Q.T
    xx = (xx + xx.T) / 2
    flow = linear(xx, yx, log_alpha=log_alpha, width=d)
    assert type(flow.curve) is curves
    other = whole(monkeypatch, xx, yx, log_alpha=log_alpha, width=d, until=1.01 * flow.until)
    assert type(other.curve) is GradedCurve
    taus = flow.times
    assert np.abs(flow.at(taus) - other.at(taus)).max() < 1e-6
    assert np.abs(flow.loss(taus) - other.loss(taus)).max() < 1e-6
    slopes = other.loss_rate(taus)
    assert np.abs(flow.loss_rate(taus) - slopes).max() < 1e-6 * np.abs(slopes).max()


@settings(max_examples=15)
@given(
    st.lists(st.floats(-1.0, 0.5), min_size=2, max_size=3),
    st.floats(100.0, 1e4),
    st.integers(0, 2**32 - 1),
)
def test_what_is_left_of_parts_adds_up(logs, scale, seed):
    signals = np.sort(10.0 ** np.array(logs))[::-1]
    moments = np.eye(signals.size), np.diag(signals)
    flow = linear(*moments, log_alpha=-scale, seed=seed)
    assert flow.status is Status.CONVERGED
    until = 0.7 * flow.until
    cut = linear(*moments, log_alpha=-scale, seed=seed, until=until)
    assert cut.at(until) == pytest.approx(flow.at(until), abs=1e-6)
    if cut.status is Status.UNTIL_REACHED:
        assert cut.remaining.loss == pytest.approx(cut.loss(until), abs=1e-12)


# --- an earlier end says what it leaves -----------------------------------------------------------


def test_until_leaves_a_bound_and_the_next_jump():
    X, y = np.diag([1.0, 0.1]), np.array([1.0, 1.0])
    flow, whole = (diagonal(X, y, log_alpha=-1e4, until=u) for u in (10.0, None))
    assert flow.status is Status.UNTIL_REACHED
    assert flow.remaining.loss == pytest.approx(0.25)
    assert flow.remaining.next_jump == pytest.approx(whole.jumps().times[1], rel=1e-3)
    assert whole.remaining.next_jump == math.inf


@pytest.mark.parametrize(
    ("flow", "data", "excess"),
    [
        (matrix, [saddles.FullMatrix(np.diag([1.0, 0.1]))], 0.005),
        (full, [np.diag([1.0, 0.1])], 0.005),
        (linear, [np.eye(2), np.diag([1.0, 0.1])], 0.005),
        pytest.param(
            linear,
            [np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.4], [0.2, 0.3]])],
            None,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_until_leaves_a_bound_and_the_next_jump_of_matrices(flow, data, excess):
    whole = flow(*data, log_alpha=-1000.0)
    first, second = whole.jumps().times
    cut = flow(*data, log_alpha=-1000.0, until=(first + second) / 2)
    assert cut.status is Status.UNTIL_REACHED
    assert cut.remaining.loss >= cut.loss(cut.until) - whole.loss(whole.until) - 1e-12
    if excess is not None:
        assert cut.remaining.loss == pytest.approx(excess, rel=1e-6)
    assert cut.remaining.next_jump == pytest.approx(second, rel=1e-2)


def test_half_of_the_last_mode_is_no_end():
    whole = full(np.diag([1.0, 1e-8]), log_alpha=-100.0)
    cut = full(np.diag([1.0, 1e-8]), log_alpha=-100.0, until=whole.curve.mode_times[1])
    assert cut.status is Status.UNTIL_REACHED
    assert whole.status is Status.CONVERGED


@pytest.mark.parametrize("log_alpha", [-0.5, -100.0])
def test_closed_forms_end_soon(log_alpha):
    syx = np.random.default_rng(4).standard_normal((2, 4))
    for flow in (
        saddles.flow.whitened(syx, log_alpha=log_alpha),
        full(syx @ syx.T, log_alpha=-1.0),
    ):
        assert flow.status is Status.CONVERGED
        assert flow.remaining.next_jump == math.inf
        assert flow.remaining.loss < 1e-12


# --- after the end --------------------------------------------------------------------------------


def ended():
    return diagonal(np.eye(2), [2.0, 1.0], log_alpha=-100.0)


def test_training_rests_after_its_end():
    flow = ended()
    late = [flow.until, 2 * flow.until, 1e300]
    assert (flow.at(late) == flow.at(flow.until)).all()
    assert (flow.loss(late) == flow.loss(flow.until)).all()
    assert flow.loss_rate(late)[1:].tolist() == [0.0, 0.0]
    assert flow.loss_rate(1e300) == 0.0
    assert (flow.clocks(late) == flow.clocks(flow.until)).all()


def test_no_level_is_crossed_after_the_end():
    flow = ended()
    assert np.isnan(flow.crossing_times([flow.loss(1e300) / 2])).all()


def test_a_path_that_ends_later_is_compared_and_drawn():
    pytest.importorskip("matplotlib")
    flow = ended()
    path = saddles.pesme_flammarion(np.diag([1.0, 0.01]), [2.0, 1.0])
    assert path.times[-1] > 10 * flow.until
    compared = saddles.compare(path, flow)
    assert compared.measured[0] == pytest.approx(1.0, rel=0.1)
    assert compared.levels[-1] == flow.loss(flow.until)
    axis = compared.plot().axes[0]
    assert axis.get_xlim()[1] > path.times[-1]
    assert flow.plot().axes


# --- flows at random ------------------------------------------------------------------------------


@st.composite
def spectra(draw, size):
    return np.array([1.0, *(10.0 ** -draw(st.floats(0, 8)) for _ in range(size - 1))])


def assert_no_false_end(flow, least=0.0):
    assert flow.status in (Status.CONVERGED, Status.RESOLUTION)
    share = left(flow, least)
    assert share < LEFT or flow.status is Status.RESOLUTION
    if flow.status is Status.RESOLUTION:
        assert flow.remaining.loss >= 0.5 * share * (flow.loss(0.0) - least)


@settings(max_examples=10)
@given(spectra(3), st.integers(0, 2**32 - 1), st.floats(20, 1e4))
def test_diagonal_flows_end_where_training_ends(spectrum, seed, scale):
    X = (orthogonal(seed, 3) * spectrum) @ orthogonal(seed + 1, 3)
    y = np.random.default_rng(seed).standard_normal(3)
    assert_no_false_end(diagonal(X, y, log_alpha=-scale))


@settings(max_examples=2)
@given(spectra(2), st.integers(0, 2**32 - 1), st.floats(20, 1e3))
def test_matrix_flows_end_where_training_ends(spectrum, seed, scale):
    assert_no_false_end(matrix(Own(symmetric(seed, spectrum)), log_alpha=-scale))


@settings(max_examples=3)
@given(spectra(2), spectra(2), st.integers(0, 2**32 - 1), st.floats(20, 1e3))
def test_linear_flows_end_where_training_ends(spectrum, gains, seed, scale):
    Q = orthogonal(seed, 2)
    xx = (Q * spectrum**0.25) @ Q.T
    yx = (orthogonal(seed + 1, 2) * (gains * spectrum**0.25)) @ Q.T
    assert_no_false_end(linear((xx + xx.T) / 2, yx, log_alpha=-scale))


def general(rng, d, spectrum):
    """Return moments of a network whose modes mix, of condition up to 1e4."""
    Q, P, R = (np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(3))
    xx = (Q * 10.0 ** -rng.uniform(0, 4, d)) @ Q.T
    return (xx + xx.T) / 2, (P * spectrum) @ R.T


def flow_at_random(seed):
    """Follow a flow with levels over eight orders: 200 diagonal, 100 matrices, 200 networks."""
    rng = np.random.default_rng([seed, 7])
    scale, d = 10.0 ** rng.uniform(math.log10(20), 4), int(rng.integers(2, 5))
    spectrum = np.append(1.0, 10.0 ** -rng.uniform(0, 8, d - 1))
    Q, P = orthogonal(2 * seed, d), orthogonal(2 * seed + 1, d)
    if seed % 5 < 2:
        return diagonal((Q * spectrum) @ P, rng.standard_normal(d), log_alpha=-scale)
    if seed % 5 == 2:
        return matrix(Own(symmetric(2 * seed, spectrum)), log_alpha=-scale)
    if seed % 10 == 4:  # modes that do not mix
        xx = (Q * 10.0 ** rng.uniform(-1, 1, d)) @ Q.T
        return linear((xx + xx.T) / 2, (P * spectrum) @ Q.T, log_alpha=-scale)
    return linear(*general(rng, d, spectrum), log_alpha=-scale)


@pytest.mark.parametrize("seed", [12, 18, *slowly(sorted(set(range(500)) - {12, 18}))])
def test_five_hundred_flows_end_where_training_ends(seed):
    assert_no_false_end(flow_at_random(seed))

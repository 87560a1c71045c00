"""Flows end where training ends, whatever the ratio of scales, and rest there afterwards."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saddles
from saddles.flow import diagonal, full, linear, matrix
from saddles.status import Status

#: More than this part of the loss left is no end.
LEFT = 1e-8


def orthogonal(seed, d):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def symmetric(seed, eigenvalues):
    modes = orthogonal(seed, len(eigenvalues))
    M = (modes * eigenvalues) @ modes.T
    return (M + M.T) / 2


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


@pytest.mark.parametrize("ratio", [3e-4, 2e-4, 1e-4])
def test_a_small_eigenvalue_is_learnt(ratio):
    assert_second_mode(ratio, -34.5)


@pytest.mark.parametrize("ratio", [1e-3, 1e-4, 1e-5, 1e-6])
def test_a_small_eigenvalue_is_learnt_at_a_small_scale(ratio):
    assert_second_mode(ratio, -1000.0)


def assert_second_mode(ratio, log_alpha):
    flow = matrix(saddles.FullMatrix(np.diag([1.0, ratio])), log_alpha=log_alpha)
    exact = full(np.diag([1.0, ratio]), log_alpha=log_alpha)
    assert flow.status is exact.status is Status.CONVERGED
    assert flow.at(flow.until) == pytest.approx(np.diag([1.0, ratio]), abs=1e-4 * ratio)
    # A drop below 1e-12 of the whole is not listed, but made.
    assert len(exact.jumps()) == (2 if ratio > 2e-6 else 1)
    assert flow.jumps().times == pytest.approx(exact.jumps().times, rel=1e-5)


def test_a_small_eigenvalue_of_a_loss_of_ones_own_is_learnt():
    M = symmetric(4, [1.0, 0.3, 1e-5])

    class Own:
        size = 3

        def value(self, W):
            return float(np.sum((W - M) ** 2)) / 2

        def gradient(self, W):
            return W - M

    flow = matrix(Own(), log_alpha=-34.5)
    assert flow.status is Status.CONVERGED
    assert np.abs(flow.at(flow.until) - M).max() < 1e-9


@pytest.mark.parametrize(("log_alpha", "second"), [(-1000.0, 3117.3), (-1e5, 3124.9)])
def test_a_small_mode_of_a_linear_network_is_learnt(log_alpha, second):
    flow = linear(np.diag([1.0, 0.01]), np.diag([5.7, 3.2e-4]), log_alpha=log_alpha)
    assert flow.status is Status.CONVERGED
    assert flow.at(flow.until) == pytest.approx(np.diag([5.7, 0.032]), abs=1e-6)
    assert flow.jumps().times[1] == pytest.approx(second, rel=1e-4)


@pytest.mark.parametrize("turned", [pytest.param(False, marks=pytest.mark.slow), True])
def test_ten_commuting_modes_make_ten_jumps(turned):
    gains, variances = np.linspace(3.0, 0.6, 10), np.geomspace(2.0, 0.05, 10)
    Q, P = (orthogonal(k, 10) if turned else np.eye(10) for k in (1, 2))
    xx, yx = (Q * variances) @ Q.T, (P * (gains * variances)) @ Q.T
    flow = linear((xx + xx.T) / 2, yx, log_alpha=math.log(1e-15))
    path = saddles.agf.linear((xx + xx.T) / 2, yx)
    assert flow.status is Status.CONVERGED
    assert len(flow.jumps()) == 10
    compared = saddles.compare(path, flow)
    assert compared.same_jumps
    assert compared.worst_time < 0.2
    assert compared.worst_beta < 0.05


def test_a_mode_of_the_last_digits_is_a_mode():
    flow = linear(np.diag([1.0, 1e-8]), np.diag([1.0, 1e-9]), log_alpha=-100.0)
    assert flow.status is Status.CONVERGED
    # Its pull is known to 1e-13 of the first, which is 1e-4 of its own.
    assert flow.at(flow.until) == pytest.approx(np.diag([1.0, 0.1]), abs=1e-4)


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
        (linear, [np.array([[1.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.4], [0.2, 0.3]])], None),
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


@settings(max_examples=15)
@given(spectra(3), st.integers(0, 2**32 - 1), st.floats(20, 1e4))
def test_diagonal_flows_end_where_training_ends(spectrum, seed, scale):
    X = (orthogonal(seed, 3) * spectrum) @ orthogonal(seed + 1, 3)
    y = np.random.default_rng(seed).standard_normal(3)
    assert_no_false_end(diagonal(X, y, log_alpha=-scale))


@settings(max_examples=4)
@given(spectra(2), st.integers(0, 2**32 - 1), st.floats(20, 1e3))
def test_matrix_flows_end_where_training_ends(spectrum, seed, scale):
    assert_no_false_end(matrix(saddles.FullMatrix(symmetric(seed, spectrum)), log_alpha=-scale))


@settings(max_examples=4)
@given(spectra(2), spectra(2), st.integers(0, 2**32 - 1), st.floats(20, 1e3))
def test_linear_flows_end_where_training_ends(spectrum, gains, seed, scale):
    Q = orthogonal(seed, 2)
    xx = (Q * spectrum**0.25) @ Q.T
    yx = (orthogonal(seed + 1, 2) * (gains * spectrum**0.25)) @ Q.T
    assert_no_false_end(linear((xx + xx.T) / 2, yx, log_alpha=-scale))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(500))
def test_five_hundred_flows_end_where_training_ends(seed):
    rng = np.random.default_rng([seed, 7])
    scale, d = 10.0 ** rng.uniform(math.log10(20), 4), int(rng.integers(2, 5))
    spectrum = np.append(1.0, 10.0 ** -rng.uniform(0, 8, d - 1))
    Q, P = orthogonal(2 * seed, d), orthogonal(2 * seed + 1, d)
    if seed % 5 < 3:
        assert_no_false_end(diagonal((Q * spectrum) @ P, rng.standard_normal(d), log_alpha=-scale))
    elif seed % 5 == 3:
        loss = saddles.FullMatrix(symmetric(2 * seed, spectrum))
        assert_no_false_end(matrix(loss, log_alpha=-scale))
    else:
        variances = 10.0 ** rng.uniform(-1, 1, d)
        xx = (Q * variances) @ Q.T
        assert_no_false_end(linear((xx + xx.T) / 2, (P * spectrum) @ Q.T, log_alpha=-scale))

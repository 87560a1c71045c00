"""The graded flow against plain integration, the paths that it should follow, and its own laws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import saddles
from reference.matrix_flow import mpmath_flow, runge_kutta
from saddles._result.path import PathError
from saddles.flow import graded, linear, matrix
from saddles.flow._graded import march
from saddles.status import Status

#: Default tolerance: the relative error of the weights in ten steps or so.
RTOL = 1e-8

#: Errors of single steps shift later times: of some 1,000 steps few use the whole tolerance.
ADDED_UP = 100 * RTOL


def gaussian(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def orthogonal(seed, d):
    return np.linalg.qr(gaussian(seed, d, d))[0]


def symmetric(seed, eigenvalues):
    modes = orthogonal(seed, len(eigenvalues))
    return (modes * eigenvalues) @ modes.T


@dataclass(frozen=True)
class Entries:
    """Half the sum of (W - M)² over a mask; the least that a loss must offer."""

    M: np.ndarray
    mask: np.ndarray

    @property
    def size(self):
        return len(self.M)

    def value(self, W):
        return float(np.sum(self.mask * (W - self.M) ** 2)) / 2

    def gradient(self, W):
        return self.mask * (W - self.M)


def entries(M, *missing):
    mask = np.ones(M.shape)
    for i, j in missing:
        mask[i, j] = mask[j, i] = 0.0
    return Entries((M + M.T) / 2, mask)


#: Completion problems whose gradients at successive saddles do not commute.
THREE = entries(symmetric(0, [3.0, 2.2, 1.5]), (0, 2))
FOUR = entries(symmetric(1, [3.0, 2.4, 1.8, 1.3]), (0, 3), (1, 2))
SIX = entries(symmetric(3, [9.0, 6.0, 4.0, 2.5, 0.0, 0.0]), (0, 5), (1, 3), (2, 4), (3, 5))

#: Two parts that share no observation; the second direction of the first part is overtaken.
APART = entries(
    np.block(
        [
            [symmetric(1, [6.0, 3.0, 1.0]), np.zeros((3, 3))],
            [np.zeros((3, 3)), symmetric(2, [2.1, 1.3, 0.5])],
        ]
    ),
    *[(i, j) for i in range(3) for j in range(3, 6)],
    (0, 2),
    (3, 4),
)

#: Covariances in general position: (Σxx, Σyx).
GENERAL = symmetric(5, [1.5, 1.0, 0.5]), gaussian(6, 2, 3)


def commuting(gains, variances, seed):
    """Return (Σxx, Σyx) with modes of these gains b and variances s, in random bases."""
    d = len(gains)
    inputs, outputs = orthogonal(seed, d), orthogonal(seed + 1, d)
    gains, variances = np.array(gains), np.array(variances)
    xx = (inputs * variances) @ inputs.T
    return (xx + xx.T) / 2, (outputs * (gains * variances)) @ inputs.T


#: Neither by σ = bs nor by what each explains, b²s, are the orders of these modes the same.
DISORDERED = commuting([2.0, 1.0, 1.7], [1.0, 3.0, 1.4], 20)


def late(flow, path):
    """Return a late time on every plateau of `path`: the active columns have settled there."""
    ends = np.append(path.times[1:], flow.until)
    return path.times + 0.6 * (ends - path.times)


# --- against plain integration --------------------------------------------------------------------


@pytest.mark.parametrize("log_alpha", [-0.1, -3.0, -10.0])
@pytest.mark.parametrize("width", [2, 3, 5])
@pytest.mark.parametrize("loss", [THREE, APART], ids=["three", "apart"])
def test_equals_plain_integration_of_the_matrix_flow(loss, log_alpha, width):
    d, start = loss.size, gaussian(0, loss.size, width)
    flow = matrix(loss, log_alpha=log_alpha, width=width, until=1.5)

    def velocity(_t, u):
        U = u.reshape(d, width)
        return -(loss.gradient(U @ U.T) @ U).ravel()

    taus = np.linspace(0, 1.5, 13)
    plain = integrate_plainly(velocity, np.exp(log_alpha) * start.ravel(), taus * -log_alpha)
    matrices = [U @ U.T for U in plain.reshape(-1, d, width)]
    assert np.abs(flow.at(taus) - matrices).max() < ADDED_UP * np.abs(matrices).max()


@pytest.mark.parametrize("log_alpha", [-0.1, -3.0, -10.0])
@pytest.mark.parametrize("width", [1, 2, 7])
@pytest.mark.parametrize("moments", [GENERAL, DISORDERED], ids=["general", "commuting"])
def test_equals_plain_integration_of_the_network(moments, log_alpha, width):
    sxx, syx = moments
    c, d = syx.shape
    start = gaussian(0, d + c, width)
    flow = linear(sxx, syx, log_alpha=log_alpha, width=width, until=1.5)

    def velocity(_t, z):
        Z = z.reshape(d + c, width)
        slope = Z[d:] @ Z[:d].T @ sxx - syx
        return -np.vstack([slope.T @ Z[d:], slope @ Z[:d]]).ravel()

    taus = np.linspace(0, 1.5, 13)
    plain = integrate_plainly(velocity, np.exp(log_alpha) * start.ravel(), taus * -log_alpha)
    maps = np.array([Z[d:] @ Z[:d].T for Z in plain.reshape(-1, d + c, width)])
    assert np.abs(flow.at(taus) - maps).max() < ADDED_UP * np.abs(maps).max()


def integrate_plainly(velocity, start, times):
    return solve_ivp(velocity, (0, times[-1]), start, "DOP853", times, rtol=1e-12, atol=1e-14).y.T


# --- against multiple precision, where float64 fails ----------------------------------------------

#: Completion problems whose modes are so far apart that plain float64 loses them at e^-60: all
#: that it knows of mode k beside mode 1 is below e^(-60 (1 - λ_k/λ_1)).
SPREAD = {
    3: entries(symmetric(2, [3.0, 0.8, 0.4]), (1, 2)),
    4: entries(symmetric(3, [3.0, 1.0, 0.8, 0.6]), (0, 3), (1, 2)),
}


@pytest.mark.parametrize("d", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_equals_multiple_precision_where_plain_float64_fails(d):
    loss = SPREAD[d]
    until = saddles.greedy_low_rank(loss).times[-1] + 0.3
    taus = np.linspace(0, until, 40)[1:]
    exact = mpmath_flow(loss.gradient, gaussian(0, d, d), -60.0, taus, digits=60)
    plain = runge_kutta(loss.gradient, gaussian(0, d, d), -60.0, taus, 2e-2)
    assert np.abs(matrix(loss, log_alpha=-60.0, until=until).at(taus) - exact).max() < 1e-6
    assert np.abs(plain - exact).max() > 1e-2


# --- against the closed forms ---------------------------------------------------------------------

#: A tolerance close to the smallest that log(1/alpha) = 1000 admits.
SHARP = 1e-11

#: The closed forms are right to 1e-12; a jump of 1/log(1/α) scaled time magnifies errors of l.
CLOSED = 1e-9


def straddling(flow, times):
    """Return scaled times before, during and after the jumps at `times`."""
    near = times + np.array([-2.0, -0.5, 0.0, 0.5, 2.0])[:, None] / -flow.log_alpha
    taus = np.sort(np.append(near.ravel(), np.linspace(0, flow.until, 50)))
    return taus[(taus >= 0) & (taus <= flow.until)]


@pytest.mark.parametrize(
    ("log_alpha", "width"),
    [
        (-0.1, 8),
        pytest.param(-20.0, 3, marks=pytest.mark.slow),
        (-200.0, 5),
        (-1000.0, 3),
        pytest.param(-1000.0, 8, marks=pytest.mark.slow),
    ],
)
def test_equals_the_closed_form_of_full_observation(log_alpha, width):
    M = symmetric(2, [2.6, 1.9, 0.8, -0.1, -2.0])
    M = (M + M.T) / 2
    exact = saddles.flow.full(M, log_alpha=log_alpha, width=width)
    flow = matrix(entries(M), log_alpha=log_alpha, width=width, until=exact.until, rtol=SHARP)
    taus = straddling(exact, exact.curve.mode_times)
    assert np.abs(flow.at(taus) - exact.at(taus)).max() < CLOSED
    slope = np.abs(exact.loss_rate(taus)).max()
    assert np.abs(flow.loss_rate(taus) - exact.loss_rate(taus)).max() < CLOSED * slope


@pytest.mark.parametrize(
    ("log_alpha", "c", "d", "width"),
    [(-0.5, 2, 4, None), (-20.0, 3, 3, 9), (-200.0, 3, 2, 1), (-1000.0, 2, 4, None)],
)
def test_equals_the_closed_form_of_whitened_networks(log_alpha, c, d, width):
    syx = gaussian(4, c, d)
    exact = saddles.flow.whitened(syx, log_alpha=log_alpha, width=width)
    flow = linear(
        np.eye(d),
        syx,
        log_alpha=log_alpha,
        initial=balanced_start(syx, width),
        until=exact.until,
        rtol=SHARP,
    )
    taus = straddling(exact, exact.curve.mode_times)
    assert np.abs(flow.at(taus) - exact.at(taus)).max() < CLOSED
    assert np.abs(flow.loss(taus) - exact.loss(taus)).max() < CLOSED


def balanced_start(syx, width):
    """Return the balanced weights that `whitened` documents: W' = V (A'A)^(1/2) above A."""
    c, d = syx.shape
    G = gaussian(0, d + c, min(c, d, width or c))
    values, axes = np.linalg.eigh(G[d:].T @ G[d:])
    left, _, right = np.linalg.svd(G[:d], full_matrices=False)
    V = left @ right
    basis, _, turn = np.linalg.svd(G[d:], full_matrices=False)
    if c == d == G.shape[1] and np.linalg.det(basis @ turn) * np.linalg.det(V @ syx) < 0:
        V[:, 0] *= -1
    return np.vstack([V @ (axes * np.sqrt(values)) @ axes.T, G[d:]])


# --- the limit of small scales --------------------------------------------------------------------

#: Paths, and the flows that should follow them.
STAIRCASES = {
    "completion": (saddles.greedy_low_rank, matrix, (SIX,)),
    "apart": (saddles.greedy_low_rank, matrix, (APART,)),
    "general covariance": (saddles.agf.linear, linear, GENERAL),
    "commuting covariance": (saddles.agf.linear, linear, DISORDERED),
}


@cache
def path_of(name):
    predict, _, data = STAIRCASES[name]
    return predict(*data)


@cache
def flow_of(name, log_alpha):
    _, flow, data = STAIRCASES[name]
    return flow(*data, log_alpha=log_alpha, until=1.5 * path_of(name).times[-1])


def slow_if(costly, values):
    """Return the values, of which one that costs as much as all others is for the slow suite."""
    sets = [value if isinstance(value, tuple) else (value,) for value in values]
    slow = costly if isinstance(costly, tuple) else (costly,)
    return [pytest.param(*one, marks=pytest.mark.slow if one == slow else ()) for one in sets]


@pytest.mark.parametrize("name", slow_if("apart", STAIRCASES))
def test_extrapolated_jump_times_are_those_of_the_path(name):
    path = path_of(name)
    scales = [-200, -400, -800]
    limit = saddles.vanishing_limit(path, lambda a: flow_of(name, a), log_alphas=scales)
    # Jumps are at least 0.05 apart: what is left of one at the next is e^(-0.05 · 200 · rate).
    assert np.abs(limit.jump_times / path.times[1:] - 1).max() < 1e-6
    assert limit.order == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("name", "log_alpha"),
    slow_if(("apart", -400.0), [(name, a) for name in STAIRCASES for a in (-200.0, -400.0)]),
)
def test_rests_at_the_saddles_of_the_path(name, log_alpha):
    path, flow = path_of(name), flow_of(name, log_alpha)
    error = np.abs(flow.at(late(flow, path)) - path.betas)
    if name == "apart":
        # What no observation sees is up to the columns that the parts happen to share.
        assert not path.certificates.unique[-1]
        error = error * APART.mask
    assert len(flow.jumps()) == len(path) - 1
    assert error.max() < 1e-6
    assert np.abs(flow.loss(late(flow, path)) - path.losses).max() < 1e-6


def test_greedy_rank_wins_over_minimum_nuclear_norm():
    M, mask = np.zeros((4, 4)), np.zeros((4, 4), dtype=bool)
    for i, j, value in [(0, 2, 1.0), (0, 3, 2.0), (1, 2, 2.0)]:
        M[i, j] = M[j, i] = value
        mask[i, j] = mask[j, i] = True
    flow = matrix(saddles.MatrixCompletion(M, mask), log_alpha=-1000)
    assert flow.status is Status.CONVERGED
    values = np.linalg.eigvalsh(flow.at(flow.until))
    assert flow.loss(flow.until) < ADDED_UP
    assert values[:-1] == pytest.approx(0, abs=ADDED_UP)
    assert values.sum() == pytest.approx(10, abs=ADDED_UP)


def test_modes_activate_by_clock_and_not_by_explained_variance():
    jumps = linear(*commuting([2.0, 1.0], [1.0, 3.0], 7), log_alpha=-1e4).jumps()
    assert jumps.times == pytest.approx([1 / 3, 1 / 2], abs=1e-3)
    assert jumps.losses == pytest.approx([3.5, 2.0, 0.0], abs=RTOL)


def test_a_single_neuron_leaves_its_first_mode_for_one_that_explains_more():
    flow = linear(*commuting([2.0, 1.0], [1.0, 3.0], 7), log_alpha=-1e4, width=1)
    # At the first saddle (b = 1, s = 3) the other mode (σ = 2, s = 1) grows along the only neuron,
    # at the top eigenvalue of [[-1, 2], [2, -3]], from what is left of it: α^(1 - 2/3).
    second = 1 / 3 + (1 - 2 / 3) / np.linalg.eigvalsh([[-1.0, 2.0], [2.0, -3.0]])[-1]
    assert flow.jumps().times == pytest.approx([1 / 3, second], abs=2e-3)
    assert flow.jumps().losses == pytest.approx([3.5, 2.0, 1.5], abs=RTOL)


@pytest.mark.parametrize("flow", [linear, matrix])
def test_smaller_scale_costs_no_more_steps(flow):
    data = GENERAL if flow is linear else (THREE,)
    ordinary, tiny = (flow(*data, log_alpha=value) for value in (-1e3, -1e6))
    assert tiny.success
    assert len(tiny.times) < 1.5 * len(ordinary.times)


# --- laws -----------------------------------------------------------------------------------------

FLOWS = {
    "completion": (matrix, (FOUR,)),
    "apart": (matrix, (APART,)),
    "general": (linear, GENERAL),
    "commuting": (linear, DISORDERED),
}


@cache
def example(name, log_alpha):
    flow, data = FLOWS[name]
    return flow(*data, log_alpha=log_alpha)


#: Every flow at scales at which it has no plateaus, some, and all of them.
EXAMPLES = slow_if(("apart", -400.0), [(name, a) for name in FLOWS for a in (-0.1, -3.0, -400.0)])


@pytest.mark.parametrize(("name", "log_alpha"), EXAMPLES)
def test_conservation_law_holds(name, log_alpha):
    assert example(name, log_alpha).conservation < RTOL


@pytest.mark.parametrize("name", ["completion", "general"])
def test_conservation_law_notices_a_wrong_velocity(name):
    flow = example(name, -3.0)
    wrong = replace(flow.curve.coordinates, pace=1.001 * flow.curve.coordinates.pace)
    assert replace(flow, curve=replace(flow.curve, coordinates=wrong)).conservation > 1e-5


@pytest.mark.parametrize("name", FLOWS)
def test_the_jacobian_is_the_derivative_of_the_velocity(name):
    flow = example(name, -3.0)
    coordinates, step = flow.curve.coordinates, 1e-6
    for state in flow.curve.states(np.linspace(0, flow.until / 3, 5)):
        # Off the trajectory too, where frames are not quite orthonormal.
        at = state + 1e-3 * gaussian(0, state.size)
        ahead, behind = (
            np.array([coordinates.velocity(0.0, at + s * unit) for unit in np.eye(at.size)]).T
            for s in (step, -step)
        )
        slopes = (ahead - behind) / (2 * step)
        size = np.abs(slopes).max()
        assert np.abs(coordinates.jacobian(0.0, at) - slopes).max() < 1e-8 * size


@pytest.mark.parametrize("log_alpha", [-3.0, -400.0])
@pytest.mark.parametrize("name", ["general", "commuting"])
def test_imbalance_of_a_network_is_conserved(name, log_alpha):
    flow, d = example(name, log_alpha), len(FLOWS[name][1][0])
    factors = np.array(flow.curve.factors(np.linspace(0, flow.until, 50)))
    imbalance = factors[:, d:].mT @ factors[:, d:] - factors[:, :d].mT @ factors[:, :d]
    largest = np.abs(factors).max() ** 2
    assert np.abs(imbalance - imbalance[0]).max() < ADDED_UP * largest


@pytest.mark.parametrize(("name", "log_alpha"), EXAMPLES)
def test_loss_rate_is_the_slope_of_the_loss(name, log_alpha):
    flow = example(name, log_alpha)
    nodes, weights = np.polynomial.legendre.leggauss(5)
    steps = np.diff(flow.times)
    inner = flow.times[:-1, None] + steps[:, None] * (nodes + 1) / 2
    drops = flow.loss_rate(inner.ravel()).reshape(inner.shape) @ (weights / 2) * steps
    losses = flow.loss(flow.times)
    assert (drops <= 0).all()
    assert np.abs(losses[1:] - losses[0] - drops.cumsum()).max() < ADDED_UP * losses[0]
    assert np.diff(losses).max() < 1e-14 * losses[0]


def test_loss_is_that_of_the_point():
    flow = matrix(FOUR, log_alpha=-100.0)
    points = flow.at(flow.times)
    assert flow.loss(flow.times) == pytest.approx([FOUR.value(W) for W in points], abs=1e-14)
    network = linear(*GENERAL, log_alpha=-100.0, sigma_yy=15.0 * np.eye(2))
    sxx, syx = GENERAL
    losses = [
        (30.0 - 2 * np.sum(M * syx) + np.sum((M @ sxx) * M)) / 2 for M in network.at(network.times)
    ]
    assert network.loss(network.times) == pytest.approx(losses, rel=1e-12)


@pytest.mark.parametrize("log_alpha", [-1.0, -300.0])
def test_orthogonal_change_of_basis(log_alpha):
    turn, start = orthogonal(11, 4), gaussian(0, 4, 4)

    class Turned:
        size = 4

        def value(self, W):
            return FOUR.value(turn @ W @ turn.T)

        def gradient(self, W):
            return turn.T @ FOUR.gradient(turn @ W @ turn.T) @ turn

    flow = matrix(FOUR, log_alpha=log_alpha, initial=start)
    other = matrix(Turned(), log_alpha=log_alpha, initial=turn.T @ start, until=flow.until)
    taus = np.linspace(0, flow.until, 40)
    assert np.abs(turn @ other.at(taus) @ turn.T - flow.at(taus)).max() < ADDED_UP


@pytest.mark.parametrize(
    ("loss", "log_alpha"),
    [
        pytest.param(FOUR, -1.0, id="four"),
        pytest.param(FOUR, -300.0, id="four, small"),
        pytest.param(APART, -1.0, id="apart"),
        pytest.param(APART, -300.0, id="apart, small", marks=pytest.mark.slow),
    ],
)
def test_rotating_the_columns_changes_nothing(loss, log_alpha):
    start = gaussian(0, loss.size, 7)
    flow = matrix(loss, log_alpha=log_alpha, initial=start, until=1.0)
    other = matrix(loss, log_alpha=log_alpha, initial=start @ orthogonal(12, 7), until=1.0)
    taus = np.linspace(0, 1, 40)
    assert np.abs(other.at(taus) - flow.at(taus)).max() < ADDED_UP


@pytest.mark.parametrize(
    ("log_alpha", "factor"),
    [(-30.0, 3.0), pytest.param(-1e4, 1e-9, marks=pytest.mark.slow), (-1e4, 1e9)],
)
def test_scaling_the_target_rescales_time_weights_and_initial_scale(log_alpha, factor):
    flow = matrix(FOUR, log_alpha=log_alpha, until=1.0)
    other_log_alpha = log_alpha + np.log(factor) / 2
    speed = log_alpha / other_log_alpha / factor
    scaled = matrix(
        Entries(factor * FOUR.M, FOUR.mask), log_alpha=other_log_alpha, until=1.01 * speed
    )
    taus = np.linspace(0, 1.0, 40)
    assert np.abs(scaled.at(taus * speed) / factor - flow.at(taus)).max() < ADDED_UP


# --- how it ends ----------------------------------------------------------------------------------


def test_narrow_factors_end_at_their_own_rank():
    flow = matrix(FOUR, log_alpha=-1e3, width=2)
    assert flow.status is Status.CONVERGED
    assert len(flow.jumps()) == 2
    assert np.linalg.matrix_rank(flow.at(flow.until), tol=1e-9) == 2


@pytest.mark.parametrize("log_alpha", [-1.0, -1e4])
def test_nothing_to_learn(log_alpha):
    flow = linear(np.eye(2), np.zeros((3, 2)), log_alpha=log_alpha)
    assert flow.status is Status.NOTHING_TO_LEARN
    assert np.abs(flow.at([0.0, 0.5, flow.until])).max() <= 10 * np.exp(2 * log_alpha)
    assert len(flow.jumps()) == 0
    negative = matrix(saddles.FullMatrix(-np.eye(3)), log_alpha=log_alpha)
    assert negative.status is Status.CONVERGED
    assert np.abs(negative.at(negative.until)).max() < ADDED_UP


@pytest.mark.parametrize("name", FLOWS)
def test_until_cuts_the_flow_short(name):
    flow, data = FLOWS[name]
    cut = flow(*data, log_alpha=-1e3, until=0.3)
    assert cut.status is Status.UNTIL_REACHED
    assert cut.until == 0.3


def rotated_parts():
    """Return a loss like `APART`, in another basis: its parts do not show in the entries of W."""
    turn = orthogonal(13, 6)
    places = [(i, j) for i in range(6) for j in range(i, 6) if APART.mask[i, j]]
    sides = [np.outer(turn[i], turn[j]) for i, j in places]
    A = np.array(
        [side + side.T if i != j else side for (i, j), side in zip(places, sides, strict=True)]
    )
    b = [APART.M[i, j] * (2 if i != j else 1) for i, j in places]
    return saddles.MatrixSensing((A + A.mT) / 2, b)


@pytest.mark.parametrize("log_alpha", [-1e3, -1e9])
def test_a_tilt_below_rounding_is_not_followed(log_alpha):
    with pytest.raises(PathError) as failure:
        matrix(rotated_parts(), log_alpha=log_alpha)
    assert failure.value.status is Status.UNDECIDED


def turned_measurements():
    """Three orthogonal directions, each measured by itself; the second has the largest slope."""
    turn = np.linalg.qr(gaussian(1, 3, 3))[0]
    A = [s * np.outer(u, u) for s, u in zip((1.0, 2.0, 0.7), turn.T, strict=True)]
    return saddles.MatrixSensing(A, [2.5, 1.5, 1.0])


@pytest.mark.parametrize("rtol", [1e-8, 1e-6, 1e-4, 1e-3])
def test_what_the_tolerance_hides_is_not_followed_nor_called_the_end(rtol):
    with pytest.raises(PathError) as failure:
        matrix(turned_measurements(), log_alpha=-60, width=1, seed=1, rtol=rtol)
    assert failure.value.status is Status.UNDECIDED


def test_what_a_tolerance_near_rounding_hides_is_not_followed():
    # At this scale the clock's rounding is coarser than the tolerance asked for.
    turn = np.linalg.qr(gaussian(4, 2, 2))[0]
    A = [s * np.outer(u, u) for s, u in zip((1.0, 2.0), turn.T, strict=True)]
    with pytest.raises(PathError) as failure:
        matrix(saddles.MatrixSensing(A, [2.5, 1.5]), log_alpha=-1e9, width=2, seed=1)
    assert failure.value.status is Status.UNDECIDED


@pytest.mark.parametrize("rtol", [1e-6, 1e-4])
def test_generic_moments_are_decided_at_any_tolerance(rtol):
    flow = linear(*GENERAL, log_alpha=-200, rtol=rtol)
    assert flow.status is Status.CONVERGED


def test_width_that_cuts_commuting_modes_is_not_followed_too_far():
    first = saddles.agf.linear(*DISORDERED).times[1:3]
    flow = linear(*DISORDERED, log_alpha=-1e3, width=2, until=1.01 * first[-1])
    assert flow.jumps().times == pytest.approx(first, abs=1e-2)
    with pytest.raises(PathError) as failure:
        linear(*DISORDERED, log_alpha=-1e3, width=2)
    assert failure.value.status is Status.UNDECIDED


def test_parts_of_several_modes_are_refused():
    syx = np.block([[gaussian(3, 2, 2), np.zeros((2, 2))], [np.zeros((2, 2)), gaussian(4, 2, 2)]])
    sxx = np.block(
        [
            [symmetric(5, [2.0, 1.0]), np.zeros((2, 2))],
            [np.zeros((2, 2)), symmetric(6, [1.5, 0.7])],
        ]
    )
    with pytest.raises(ValueError, match="fall into 2 parts that do not interact"):
        linear(sxx, syx, log_alpha=-100)
    # Inputs that nothing depends on are no part of their own.
    padded = np.pad(GENERAL[0], (0, 1)) + np.diag([0, 0, 0, 1.0])
    flow = linear(padded, np.pad(GENERAL[1], ((0, 0), (0, 1))), log_alpha=-100)
    assert flow.status is Status.CONVERGED


def test_unbounded_losses_overflow_and_exhausted_steps_fail(monkeypatch):
    class Falling:
        size = 2

        def value(self, W):
            return -float(np.trace(W))

        def gradient(self, W):
            return -np.eye(2)

    with pytest.raises(PathError, match="overflow"):
        matrix(Falling(), log_alpha=-10)
    monkeypatch.setattr(march, "STEPS_PER_COORDINATE", 1)
    with pytest.raises(PathError, match="integration failed"):
        matrix(FOUR, log_alpha=-1e3)


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log_alpha": 0.0}, "log_alpha=0.0: "),
        ({"log_alpha": 0.3}, "log_alpha=0.3: "),
        ({"log_alpha": -np.inf}, "log_alpha=-inf: "),
        ({"log_alpha": np.nan}, "log_alpha=nan: "),
        ({"until": 0.0}, "until=0.0: "),
        ({"until": -1.0}, r"until=-1\.0: "),
        ({"until": np.nan}, "until=nan: "),
        ({"rtol": 0.1}, "rtol=0.1: "),
        ({"width": 0}, "width=0: "),
        ({"seed": -1}, "seed=-1: "),
        ({"initial": np.zeros((4, 4))}, "initial=.* is zero"),
        ({"initial": np.ones((3, 4))}, "initial=.* has shape"),
        ({"initial": np.ones((4, 4)), "width": 2}, "initial=.* has shape"),
        ({"initial": np.full((4, 4), np.nan)}, r"initial\[0, 0\]=nan"),
    ],
)
def test_bad_options_are_named(options, message):
    options = {"log_alpha": -10.0} | options
    with pytest.raises(ValueError, match=f"^{message}"):
        matrix(FOUR, **options)
    with pytest.raises(ValueError, match=f"^{message}"):
        linear(np.eye(2), np.eye(2), **options)


@pytest.mark.parametrize(
    ("moments", "message"),
    [
        (([[1.0, 0.5], [0.4, 1.0]], np.eye(2)), r"sigma_xx\[0, 1\]=0.5"),
        (([[1.0, np.nan], [np.nan, 1.0]], np.eye(2)), r"sigma_xx\[0, 1\]=nan"),
        (([[1.0, 2.0], [2.0, 1.0]], np.eye(2)), "sigma_xx has the eigenvalue"),
        ((np.eye(2), np.eye(3)), r"sigma_yx has shape \(3, 3\)"),
        ((np.eye(2), np.full((1, 2), np.inf)), r"sigma_yx\[0, 0\]=inf"),
        ((np.diag([1.0, 0.0]), np.eye(2)), "sigma_yx is not in the range"),
    ],
)
def test_bad_moments_are_named(moments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        linear(*moments, log_alpha=-10.0)


def test_too_small_second_moment_of_the_targets():
    with pytest.raises(ValueError, match=r"sigma_yy has trace 1\.0, less than"):
        linear(np.eye(2), np.eye(2), log_alpha=-10.0, sigma_yy=0.5 * np.eye(2))


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        ([[0.0, 1.0], [0.5, 0.0]], r"loss\.gradient\(W\)\[0, 1\]=1.0"),
        ([[0.0, np.nan], [np.nan, 0.0]], r"loss\.gradient\(W\).* is not finite"),
        ([[1.0]], r"loss\.gradient\(W\) has shape \(1, 1\)"),
    ],
)
def test_bad_losses_are_named(gradient, message):
    class Bad:
        size = 2

        def value(self, W):
            return 0.0

        def gradient(self, W):
            return np.array(gradient)

    with pytest.raises(ValueError, match=f"^{message}"):
        matrix(Bad(), log_alpha=-10.0)


def test_what_is_not_a_loss_is_refused():
    with pytest.raises(TypeError, match="has no size, no value, no gradient"):
        matrix(3.0, log_alpha=-10.0)
    with pytest.raises(ValueError, match=r"^loss\.size=0"):
        matrix(Entries(np.zeros((0, 0)), np.zeros((0, 0))), log_alpha=-10.0)
    with pytest.raises(TypeError, match="seed=None"):
        matrix(FOUR, log_alpha=-10.0, seed=None)
    assert graded.__all__ == ["linear", "matrix"]

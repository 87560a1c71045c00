"""The closed forms against multiple precision, plain integration, the limit and their own laws."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import saddles
from saddles.flow import full, whitened
from saddles.status import Status

#: Against 60 digits and more: x = λt − log(1/α) is known to a few ulp of log(1/α), which is 1000.
EXACT = 1e-11
#: Against solve_ivp at its sharpest tolerance.
INTEGRATED = 1e-9
#: Two runs in float64 of the same thing, where log(1/α) is at most 1000.
SAME = 1e-11

#: Spectra: generic, indefinite, with zeros, with repeated ones, with hardly anything to learn.
SPECTRA = (
    [3.0, 2.0, 1.0],
    [2.5, 1.5, 0.7, -0.2, -2.0],
    [2.0, 1.0, 0.0, 0.0],
    [2.0, 2.0, 2.0, 0.5],
    [1.0, 1.0, -1.0, -1.0],
    [1.5, -3.0],
    [2.0],
)


def gaussian(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def rotation(seed, d):
    return np.linalg.qr(gaussian(seed, d, d))[0]


def symmetric(seed, eigenvalues):
    Q = rotation(seed, len(eigenvalues))
    M = (Q * eigenvalues) @ Q.T
    return (M + M.T) / 2


def around_jumps(flow, *offsets):
    """Return times at so many e-foldings from each mode time, and the ends."""
    times = flow.curve.mode_times
    folds = 1 / (flow.curve.rates[flow.curve.pivots] * flow.curve.scale)
    taus = (times[:, None] + np.multiply.outer(folds, offsets)).ravel()
    last = min(flow.until, (times + 20 * folds).max(initial=1.0 / flow.curve.scale))
    return np.unique(np.concatenate([taus[(taus > 0) & (taus < last)], [0.0, last]]))


# --- against multiple precision -------------------------------------------------------------------


def riccati(rates, Q, start, log_alpha, taus, digits):
    """P(t) = Y G⁻¹ Yᵀ as written, in multiple precision, for M = Q diag(rates) Qᵀ."""
    with mpmath.workdps(digits):
        B = Q.T * mpmath.matrix(start.tolist()) * mpmath.exp(mpmath.mpf(log_alpha))
        points = []
        for tau in taus.tolist():
            t = -mpmath.mpf(log_alpha) * mpmath.mpf(tau)
            bracket = [2 * t if rate == 0 else mpmath.expm1(2 * rate * t) / rate for rate in rates]
            Y = Q * mpmath.diag([mpmath.exp(rate * t) for rate in rates]) * B
            G = mpmath.eye(B.cols) + B.T * mpmath.diag(bracket) * B
            P = Y * mpmath.inverse(G) * Y.T
            points.append(np.array(P.tolist(), dtype=float))
        return np.array(points)


@pytest.mark.parametrize("log_alpha", [-0.1, -10.0, -100.0])
@pytest.mark.parametrize("width", [1, 3, 6])
@pytest.mark.parametrize("spectrum", SPECTRA[:2])
def test_equals_the_formula_in_multiple_precision(spectrum, width, log_alpha):
    M, start = symmetric(1, spectrum), gaussian(0, len(spectrum), width)
    flow = full(M, log_alpha=log_alpha, width=width)
    taus = around_jumps(flow, -2.0, 0.0, 1.5)
    digits = 200 + int(-5 * log_alpha)
    with mpmath.workdps(digits):
        rates, Q = mpmath.eigsy(mpmath.matrix(M.tolist()))
    exact = riccati(list(rates), Q, start, log_alpha, taus, digits)
    assert np.abs(flow.at(taus) - exact).max() < EXACT


@pytest.mark.parametrize(
    ("spectrum", "width"), [((3, 2, 1, -1), 4), ((2, 2, 1, 0), 3), ((3, 0, 0, -2), 2)]
)
def test_equals_the_formula_at_e_to_the_minus_thousand(spectrum, width):
    """The reflection I − ½ 11ᵀ is exact in float64, and so are the matrix and its spectrum."""
    reflection = np.eye(4) - 0.5
    M = (reflection * spectrum) @ reflection
    flow = full(M, log_alpha=-1000.0, width=width)
    taus = around_jumps(flow, -1.0, 0.5)
    Q, start = mpmath.matrix(reflection.tolist()), gaussian(0, 4, width)
    exact = riccati(spectrum, Q, start, -1000.0, taus, 4000)
    assert np.abs(flow.at(taus) - exact).max() < EXACT


# --- against plain integration --------------------------------------------------------------------


def integrated(velocity, start, times, method):
    run = solve_ivp(
        lambda _t, z: velocity(z.reshape(start.shape)).ravel(),
        (0.0, times[-1]),
        start.ravel(),
        method,
        times,
        rtol=3e-14 if method == "DOP853" else 1e-9,
        atol=1e-15 if method == "DOP853" else 1e-9,
    )
    return run.y.T.reshape(-1, *start.shape)


@pytest.mark.parametrize("log_alpha", [-0.1, -1.0, -4.0])
@pytest.mark.parametrize("width", [1, 3, 6])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_equals_plain_integration(spectrum, width, log_alpha):
    M, taus = symmetric(2, spectrum), np.linspace(0.0, 1.5, 7)
    start = np.exp(log_alpha) * gaussian(0, len(spectrum), width)
    flow = full(M, log_alpha=log_alpha, width=width, until=1.5)
    Us = integrated(lambda U: M @ U - U @ U.T @ U, start, taus * -log_alpha, "DOP853")
    assert np.abs(flow.at(taus) - Us @ Us.transpose(0, 2, 1)).max() < INTEGRATED


def test_equals_stiff_integration_from_large_weights():
    M, taus = symmetric(2, SPECTRA[1]), np.linspace(0.0, 20.0, 5)
    start = 10 * gaussian(0, 5, 5)
    flow = full(M, log_alpha=-0.1, initial=start, until=20.0)
    start = np.exp(-0.1) * start
    Us = integrated(lambda U: M @ U - U @ U.T @ U, start, taus * 0.1, "Radau")
    gap = np.abs(flow.at(taus) - Us @ Us.transpose(0, 2, 1)).max()
    assert gap < INTEGRATED * np.abs(flow.at(0.0)).max()


def balanced(target, width):
    """Return the weights that `whitened` documents, Wᵀ above A, by eigenvectors of AᵀA."""
    c, d = target.shape
    G = gaussian(0, d + c, min(c, d, width or c))
    values, axes = np.linalg.eigh(G[d:].T @ G[d:])
    left, _, right = np.linalg.svd(G[:d], full_matrices=False)
    V = left @ right
    if c == d == G.shape[1] and np.linalg.det(V @ G[d:].T @ target) < 0:
        V[:, 0] *= -1
    return np.vstack([V @ (axes * np.sqrt(values)) @ axes.T, G[d:]])


@pytest.mark.parametrize("log_alpha", [-0.1, -1.0, -4.0])
@pytest.mark.parametrize(("c", "d", "width"), [(2, 4, None), (3, 2, 1), (3, 3, 9), (1, 1, None)])
def test_network_equals_plain_integration(c, d, width, log_alpha):
    target, taus = gaussian(4, c, d), np.linspace(0.0, 2.0, 7)
    flow = whitened(
        target,
        log_alpha=log_alpha,
        width=width,
        sigma_yy=20.0 * np.eye(len(target)) / len(target),
        until=2.0,
    )

    def velocity(Z):
        pull = target - Z[d:] @ Z[:d].T
        return np.vstack([pull.T @ Z[d:], pull @ Z[:d]])

    start = np.exp(log_alpha) * balanced(target, width)
    Zs = integrated(velocity, start, taus * -log_alpha, "DOP853")
    maps = Zs[:, d:] @ Zs[:, :d].transpose(0, 2, 1)
    losses = (20.0 - np.sum(target**2) + np.sum((target - maps) ** 2, axis=(1, 2))) / 2
    assert np.abs(flow.at(taus) - maps).max() < INTEGRATED
    assert np.abs(flow.loss(taus) - losses).max() < INTEGRATED


# --- times of modes -------------------------------------------------------------------------------


@pytest.mark.parametrize("log_alpha", [-60.0, -1e3, -1e6])
@pytest.mark.parametrize("spectrum", SPECTRA)
def test_half_of_a_mode_is_learnt_at_its_mode_time(spectrum, log_alpha):
    flow = full(symmetric(3, spectrum), log_alpha=log_alpha)
    curve = flow.curve
    assert curve.pivots.tolist() == list(range(sum(rate > 0 for rate in spectrum)))
    for i, time in enumerate(curve.mode_times):
        height = curve.modes[:, i] @ flow.at(time) @ curve.modes[:, i]
        # A time is known to an ulp, and a folding of the jump is 1/(rate log(1/alpha)) of it.
        assert height / spectrum[i] == pytest.approx(0.5, abs=1e-11 - 1e-14 * log_alpha)


def test_half_of_a_singular_pair_is_learnt_at_its_mode_time():
    target = gaussian(10, 3, 4)
    left, sizes, right = np.linalg.svd(target, full_matrices=False)
    flow = whitened(target, log_alpha=-1e3)
    heights = [left[:, i] @ flow.at(t) @ right[i] for i, t in enumerate(flow.curve.mode_times)]
    assert heights / sizes == pytest.approx(0.5, abs=SAME)


def test_times_of_modes_are_exact_to_exponentially_small_terms():
    """The error falls like e^(−2 gap log(1/α)/λ), or faster: a rate and no lucky tolerance."""
    errors = []
    for scale in (6.0, 9.0, 12.0):
        flow = full(symmetric(3, [2.0, 1.0]), log_alpha=-scale)
        mode = flow.curve.modes[:, 0]
        errors.append(abs(mode @ flow.at(flow.curve.mode_times[0]) @ mode / 2 - 0.5))
    slopes = np.diff(np.log(errors)) / 3.0
    assert slopes == pytest.approx(-1.0, abs=0.1)


def test_jumps_are_found_where_the_modes_are():
    rates = np.array([2.6, 1.9, 0.8])
    flow = full(symmetric(9, [*rates, -0.5]), log_alpha=-1e5)
    assert flow.status is Status.CONVERGED
    # The squared distance (λ − p)² is halved when p = (1 − 1/√2) λ, that much before p = λ/2.
    ahead = np.log(1 + np.sqrt(2)) / (2 * rates * 1e5)
    assert flow.jumps().times == pytest.approx(flow.curve.mode_times - ahead, abs=1e-13)


# --- the limit ------------------------------------------------------------------------------------


def check_limit(path, flow):
    """Plateaus of the flow are the saddles, and its extrapolated jump times the path's."""
    limit = saddles.vanishing_limit(path, flow)
    assert np.abs(limit.jump_times / path.times[1:] - 1).max() < 1e-9
    assert limit.order == pytest.approx(1.0, abs=1e-6)
    small = flow(-1e4)
    late = np.append((path.times[:-1] + path.times[1:]) / 2, small.until)
    assert small.at(late) == pytest.approx(path.betas, abs=1e-9)
    assert small.jumps().losses == pytest.approx(path.losses, abs=1e-9)


@pytest.mark.parametrize("spectrum", [[3.0, 2.0, 1.0], [2.5, 1.5, 0.7, -0.2], [2.0, 2.0, 1.0, 0.0]])
def test_the_limit_is_greedy_low_rank_learning(spectrum):
    M = symmetric(5, spectrum)
    path = saddles.greedy_low_rank(saddles.FullMatrix(M))
    check_limit(path, lambda log_alpha: full(M, log_alpha=log_alpha))


@pytest.mark.parametrize(("c", "d"), [(3, 5), (4, 2), (3, 3)])
def test_the_limit_is_alternating_gradient_flow(c, d):
    target = gaussian(6, c, d)
    path = saddles.agf.linear(np.eye(d), target)
    check_limit(path, lambda log_alpha: whitened(target, log_alpha=log_alpha))


# --- laws -----------------------------------------------------------------------------------------

SCALES = st.sampled_from([-0.1, -2.0, -50.0, -1e3])
CASES = st.tuples(st.integers(0, 10**6), st.sampled_from(SPECTRA), st.integers(1, 6), SCALES)


@given(CASES)
def test_rotating_the_space_rotates_the_flow(case):
    seed, spectrum, width, log_alpha = case
    M, start = symmetric(seed, spectrum), gaussian(seed, len(spectrum), width)
    turn = rotation(seed + 1, len(spectrum))
    flow = full(M, log_alpha=log_alpha, initial=start)
    other = full(turn @ M @ turn.T, log_alpha=log_alpha, initial=turn @ start)
    taus = around_jumps(flow, -1.0, 0.0, 1.0)
    taus = taus[taus <= other.until]
    assert np.abs(other.at(taus) - turn @ flow.at(taus) @ turn.T).max() < SAME * conditioning(flow)


@given(CASES)
def test_permuting_the_space_and_turning_the_columns(case):
    seed, spectrum, width, log_alpha = case
    M, start = symmetric(seed, spectrum), gaussian(seed, len(spectrum), width)
    order = np.random.default_rng(seed).permutation(len(spectrum))
    turned = start[order] @ rotation(seed + 2, width)
    flow = full(M, log_alpha=log_alpha, initial=start)
    other = full(M[np.ix_(order, order)], log_alpha=log_alpha, initial=turned)
    taus = around_jumps(flow, -1.0, 0.0, 1.0)
    taus = taus[taus <= other.until]
    gap = other.at(taus) - flow.at(taus)[:, order][:, :, order]
    assert np.abs(gap).max() < SAME * conditioning(flow)


def conditioning(flow):
    """Return how much rounding of the start weighs in the logarithm of its smallest pivot."""
    lower, pivots = flow.curve.lower, flow.curve.pivots
    sizes = np.abs(lower[pivots, np.arange(pivots.size)])
    return max(1.0, np.abs(lower).max() / sizes.min(initial=np.inf))


@given(CASES, st.sampled_from([1e-100, 0.25, 3.0, 1e9, 1e100]))
def test_scaling_the_target_speeds_the_flow_up(case, factor):
    """M → cM and U → √c U make times c times shorter."""
    seed, spectrum, width, log_alpha = case
    M, start = symmetric(seed, spectrum), gaussian(seed, len(spectrum), width)
    flow = full(M, log_alpha=log_alpha, initial=start)
    other = full(factor * M, log_alpha=log_alpha, initial=np.sqrt(factor) * start)
    taus = around_jumps(flow, -1.0, 0.0, 1.0)
    taus = taus[taus / factor <= other.until]
    gap = np.abs(other.at(taus / factor) / factor - flow.at(taus)).max()
    assert gap < SAME * conditioning(flow)
    assert other.curve.mode_times * factor == pytest.approx(flow.curve.mode_times, rel=SAME)


@given(CASES, st.floats(0.1, 2.0))
def test_going_on_from_where_it_was_is_the_same_flow(case, tau):
    """From a state in the middle; its dormant part survives in float64 if alpha is moderate."""
    seed, spectrum, width, _ = case
    M, start = symmetric(seed, spectrum), gaussian(seed, len(spectrum), width)
    flow = full(M, log_alpha=-2.0, initial=start, until=6.0)
    state = flow.curve.factor(np.array([tau]))[0]
    other = full(M, log_alpha=-1.0, initial=np.e * state, until=2 * (6.0 - tau))
    later = np.linspace(tau, 6.0, 6)
    gap = np.abs(other.at(2 * (later - tau)) - flow.at(later)).max()
    assert gap < SAME * conditioning(flow)


@given(CASES)
def test_points_are_positive_and_losses_fall(case):
    seed, spectrum, width, log_alpha = case
    M = symmetric(seed, spectrum)
    flow = full(M, log_alpha=log_alpha, width=width, seed=seed)
    W = flow.at(flow.times)
    assert np.abs(W - W.transpose(0, 2, 1)).max() < 1e-14
    assert np.linalg.eigvalsh(W).min() > -1e-14
    losses = flow.loss(flow.times)
    assert losses == pytest.approx([saddles.FullMatrix(M).value(w) for w in W], abs=1e-13)
    assert np.diff(losses).max() < 1e-13
    assert (flow.loss_rate(flow.times) <= 0).all()


@given(st.integers(0, 10**6), st.sampled_from(SPECTRA), st.sampled_from([-0.1, -30.0, -1e6, -1e11]))
def test_training_ends_at_the_positive_part_as_far_as_the_width_goes(seed, spectrum, log_alpha):
    M, width = symmetric(seed, spectrum), 1 + seed % 5
    flow = full(M, log_alpha=log_alpha, width=width, seed=seed)
    learnt = np.sort(np.maximum(spectrum, 0.0))
    learnt[: max(0, len(spectrum) - width)] = 0.0
    assert flow.status is Status.CONVERGED
    # What zero eigenvalues hold decays like 1/t, to (1e-12)^(2/3) where the gradient has vanished.
    slack = 1e-6 if 0.0 in spectrum and log_alpha == -0.1 else 1e-11
    W = flow.at(flow.until)
    assert np.linalg.eigvalsh(W) == pytest.approx(learnt, abs=slack)
    assert np.abs(M @ W - W @ W).max() < slack


@pytest.mark.parametrize("log_alpha", [-0.1, -3.0, -1e3])
@pytest.mark.parametrize("closed_form", [full, whitened])
def test_loss_rate_is_the_slope_of_the_loss(log_alpha, closed_form):
    flow = closed_form(symmetric(9, [2.6, 1.9, 0.8, -0.5]), log_alpha=log_alpha)
    nodes, weights = np.polynomial.legendre.leggauss(7)
    # Steps on plateaus are long, but the slope there is exponentially small.
    steps = np.diff(flow.times)
    inner = flow.times[:-1, None] + steps[:, None] * (nodes + 1) / 2
    drops = flow.loss_rate(inner.ravel()).reshape(inner.shape) @ (weights / 2) * steps
    fall = flow.loss(0.0) - flow.loss(flow.until)
    gap = flow.loss(flow.times[1:]) - flow.loss(0.0) - drops.cumsum()
    assert np.abs(gap).max() < 1e-4 * fall


# --- special initial weights ----------------------------------------------------------------------


def test_columns_that_depend_on_others_add_nothing():
    M, start = symmetric(1, SPECTRA[1]), gaussian(0, 5, 2)
    # Doubling a column as (u, u)/√2 leaves UUᵀ as it is.
    wide = np.column_stack([start[:, 0], *[start[:, 1] / np.sqrt(2)] * 2])
    flow, other = (full(M, log_alpha=-300.0, initial=U) for U in (start, wide))
    taus = around_jumps(flow, -1.0, 0.0, 1.0)
    assert np.abs(flow.at(taus) - other.at(taus)).max() < SAME
    assert len(other.curve.mode_times) == 2


def test_a_mode_that_the_start_lacks_is_never_learnt():
    flow = full(np.diag([3.0, 2.0, 1.0]), log_alpha=-1e3, initial=[[1, 0], [1, 0], [0, 1]])
    assert flow.curve.pivots.tolist() == [0, 2]
    assert flow.status is Status.CONVERGED
    assert flow.at(flow.until) == pytest.approx(np.diag([3.0, 0.0, 1.0]), abs=1e-14)
    small = full(np.diag([3.0, 2.0, 1.0]), log_alpha=-1.0, initial=[[1, 0], [1, 0], [0, 1]])
    start = np.exp(-1) * np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    M, taus = np.diag([3.0, 2.0, 1.0]), np.linspace(0, 3, 5)
    Us = integrated(lambda U: M @ U - U @ U.T @ U, start, taus, "DOP853")
    assert np.abs(small.at(taus) - Us @ Us.transpose(0, 2, 1)).max() < INTEGRATED


def test_a_square_network_keeps_the_sign_of_its_determinant():
    """Weights that a user gives are taken as they are: here the last mode cannot be learnt."""
    target = np.diag([2.0, 1.0])
    start = balanced(target, None)
    start[0] *= -1
    flow = whitened(target, log_alpha=-100.0, initial=start)
    assert len(flow.curve.mode_times) == 1
    assert np.linalg.matrix_rank(flow.at(flow.until), tol=1e-9) == 1


def test_unbalanced_or_nearly_special_weights_have_no_closed_form():
    with pytest.raises(ValueError, match="initial has A'A and WW' that differ"):
        whitened(np.eye(2), log_alpha=-10.0, initial=gaussian(0, 4, 2))
    with pytest.raises(ValueError, match="initial contains a growing mode by 1e-12 only"):
        full(np.diag([2.0, 1.0]), log_alpha=-10.0, initial=[[1e-12], [1.0]])


# --- how it ends; bad input -----------------------------------------------------------------------


def test_nothing_to_learn():
    for flow in (full(np.zeros((2, 2)), log_alpha=-9), whitened(np.zeros((3, 2)), log_alpha=-9)):
        assert flow.status is Status.NOTHING_TO_LEARN
        assert np.abs(flow.at([0.0, 0.5, flow.until])).max() < np.exp(-15)
        assert flow.conservation == 0
        assert len(flow.jumps()) == 0
    assert whitened(np.zeros((3, 2)), log_alpha=-9, sigma_yy=np.diag([3.0, 1.0, 0.0])).loss(
        0.5
    ) == pytest.approx(2.0)


def test_until_cuts_the_flow_short():
    M = symmetric(2, SPECTRA[0])
    cut = full(M, log_alpha=-1e3, until=0.6)
    assert cut.status is Status.UNTIL_REACHED
    assert cut.until == 0.6
    assert len(cut.jumps()) == 2
    assert cut.at([]).shape == (0, 3, 3)
    assert full(M, log_alpha=-1e3, until=50.0).status is Status.CONVERGED


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log_alpha": 0.0}, "log_alpha=0.0: "),
        ({"log_alpha": 0.3}, "log_alpha=0.3: "),
        ({"log_alpha": -np.inf}, "log_alpha=-inf: "),
        ({"log_alpha": -1e12}, r"log_alpha=-1000000000000\.0: "),
        ({"until": 0.0}, "until=0.0: "),
        ({"until": np.nan}, "until=nan: "),
        ({"width": 0}, "width=0: "),
        ({"seed": -1}, "seed=-1: "),
        ({"initial": np.zeros((4, 2))}, "initial=.* is zero"),
        ({"initial": np.ones((3, 2))}, "initial=.* has shape"),
        ({"initial": np.ones((4, 2)), "width": 3}, "initial=.* has shape"),
        ({"initial": np.full((4, 2), np.nan)}, "initial.*not finite"),
    ],
)
def test_bad_options_are_named(options, message):
    options = {"log_alpha": -10.0} | options
    with pytest.raises(ValueError, match=f"^{message}"):
        full(np.eye(4), **options)
    with pytest.raises(ValueError, match=f"^{message}"):
        whitened(np.eye(2), **options)


def test_bad_targets_are_named():
    with pytest.raises(ValueError, match=r"^M\[0, 1\]=1.0"):
        full([[1.0, 1.0], [0.0, 1.0]], log_alpha=-10.0)
    with pytest.raises(ValueError, match=r"^sigma_yx\[0, 0\]=inf"):
        whitened([[np.inf]], log_alpha=-10.0)
    with pytest.raises(ValueError, match=r"^sigma_yy has trace 1\.0"):
        whitened(np.eye(2), log_alpha=-10.0, sigma_yy=0.5 * np.eye(2))
    with pytest.raises(TypeError, match="seed=None"):
        full(np.eye(2), log_alpha=-10.0, seed=None)

"""Alternating gradient flow of linear networks: the published counter-example, flow, laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import saddles
from saddles import Status

#: Eigenvalues and Newton's method leave a few hundred eps, times condition numbers of about 1e3.
CLOSE = 1e-9
#: Asked of every saddle.
STATIONARITY = 1e-10


def moments(seed, d=5, c=3, n=60):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * np.geomspace(1.5, 0.7, d)
    Y = X @ rng.standard_normal((d, c)) + rng.standard_normal((n, c))
    return X.T @ X / n, Y.T @ X / n, Y.T @ Y / n


def rotation(rng, d):
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def certified(path):
    assert path.success
    assert path.certificates.worst <= STATIONARITY
    assert (np.diff(path.losses) < 0).all()
    assert (np.diff(path.times) > 0).all()
    return path


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_activation_follows_the_clocks_and_not_the_variance_explained(seed):
    """Modes b²s = 4, 3, 1/4 and bs = 2, 3, 1/2: order of bs; the order of b²s gives 1.625."""
    b, s = np.array([2.0, 1.0, 0.5]), np.array([1.0, 3.0, 1.0])
    P, Q = np.eye(3), np.eye(3)
    if seed is not None:
        P, Q = (rotation(np.random.default_rng(seed + k), 3) for k in (0, 10))
    xx = (Q * s) @ Q.T
    path = certified(saddles.agf.linear((xx + xx.T) / 2, (P * (b * s)) @ Q.T))
    assert path.times == pytest.approx([0, 1 / 3, 1 / 2, 2], rel=CLOSE)
    assert path.losses == pytest.approx([3.625, 2.125, 0.125, 0], abs=CLOSE)
    assert path.betas[1] == pytest.approx(np.outer(P[:, 1], Q[:, 1]), abs=CLOSE)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 4))
def test_whitened_inputs_learn_singular_value_by_singular_value(seed, c, d):
    rng = np.random.default_rng(seed)
    k = min(c, d)
    values = np.sort(rng.permutation(np.arange(1, 2 * k + 1))[:k] + rng.uniform(-0.3, 0.3, k))[::-1]
    left, right = rotation(rng, c)[:, :k], rotation(rng, d)[:, :k]
    path = certified(saddles.agf.linear(np.eye(d), (left * values) @ right.T))
    assert path.times[1:] == pytest.approx(1 / values, rel=CLOSE)
    assert path.losses == pytest.approx(
        [np.sum(values[r:] ** 2) / 2 for r in range(k + 1)], abs=CLOSE * k**3
    )
    for rank, saddle in enumerate(path):
        expected = (left[:, :rank] * values[:rank]) @ right[:, :rank].T
        assert saddle.beta == pytest.approx(expected, abs=CLOSE * k)


@pytest.mark.parametrize("seed", range(4))
def test_saddles_and_times_are_those_of_gradient_flow(seed):
    """Balanced weights in float64, log α = −6 and −12: jump times extrapolated in 1/log(1/α)."""
    xx, yx, _ = moments(seed, d=3, c=2)
    path = certified(saddles.agf.linear(xx, yx))
    rng, jumps = np.random.default_rng(seed), {}
    Z0 = rng.standard_normal((5, 5))

    def velocity(_, z):
        W, A = z[:15].reshape(5, 3), z[15:].reshape(2, 5)
        G = A @ W @ xx - yx
        return np.concatenate([-(A.T @ G).ravel(), -(G @ W.T).ravel()])

    halves = (path.losses[:-1] + path.losses[1:]) / 2
    for scale in (6.0, 12.0):
        z0 = np.exp(-scale) * np.concatenate([Z0[:3].T.ravel(), Z0[3:].ravel()])
        times = np.linspace(0, 1.6 * path.times[-1] * scale, 20_000)
        run = solve_ivp(velocity, times[[0, -1]], z0, t_eval=times, rtol=1e-10, atol=1e-14)
        maps = np.einsum("ikt,kjt->tij", run.y[15:].reshape(2, 5, -1), run.y[:15].reshape(5, 3, -1))
        errors = maps - path.betas[-1]
        losses = np.einsum("tij,jk,tik->t", errors, xx, errors) / 2 + path.losses[-1]
        jumps[scale] = np.interp(-halves, -losses, times) / scale
    near, far = np.abs(2 * jumps[12.0] - jumps[6.0] - path.times[1:]), path.times[1:]
    assert (near < 0.05 * far).all()
    assert losses[-1] == pytest.approx(path.losses[-1], abs=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_laws_rotations_and_scale(seed):
    xx, yx, yy = moments(seed)
    rng = np.random.default_rng(seed)
    P, Q = rotation(rng, 3), rotation(rng, 5)
    path = certified(saddles.agf.linear(xx, yx, sigma_yy=yy))
    turned = Q @ xx @ Q.T
    other = saddles.agf.linear((turned + turned.T) / 2, 3 * P @ yx @ Q.T, sigma_yy=9 * yy)
    assert 3 * other.times == pytest.approx(path.times, rel=CLOSE)
    assert other.losses / 9 == pytest.approx(path.losses, rel=CLOSE)
    assert P.T @ other.betas @ Q / 3 == pytest.approx(path.betas, abs=1e-8)
    assert path.betas[-1] == pytest.approx(np.linalg.solve(xx, yx.T).T, abs=1e-8)
    assert path.losses[0] == pytest.approx(np.trace(yy) / 2)


def test_times_are_those_of_the_general_clock():
    xx, yx, _ = moments(7, d=4, c=4)
    path = certified(saddles.agf.linear(xx, yx))
    sigma = [np.linalg.svd(yx - M @ xx, compute_uv=False) for M in path.betas]
    delays = []
    for k in range(1, len(path)):
        ridden = sum(sigma[i][k - i - 1] * delays[i] for i in range(k - 1))
        delays.append((1 - ridden) / sigma[k - 1][0])
    assert np.diff(path.times) == pytest.approx(delays, rel=CLOSE)


def test_equal_singular_values_are_one_jump():
    path = saddles.agf.linear(np.eye(3), np.diag([2.0, 2.0, 1.0]))
    assert path.times == pytest.approx([0, 0.5, 1])
    assert [units.tolist() for units in path.entered] == [[], [0, 1], [2]]


def test_width_stops_the_network():
    xx, yx, _ = moments(0)
    wide, narrow = saddles.agf.linear(xx, yx), saddles.agf.linear(xx, yx, width=2)
    assert narrow.status is Status.MAX_RANK
    assert narrow.times == pytest.approx(wide.times[:3])
    assert narrow.betas == pytest.approx(wide.betas[:3])
    assert saddles.agf.linear(xx, 0 * yx).status is Status.NOTHING_TO_LEARN


def test_a_narrow_network_that_will_still_turn_says_so():
    gains, variances = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    moments = np.diag(variances), np.diag(gains * variances)
    # The mode that explains more is not the first: a single neuron turns to it later.
    path = saddles.agf.linear(*moments, width=1)
    assert path.status is Status.MAX_RANK_LEFT
    assert not path.status.finished
    flow = saddles.flow.linear(*moments, log_alpha=-1e3, width=1)
    assert flow.loss(flow.until) < path.losses[-1] - 0.4


def test_singular_inputs_are_learnt_in_their_range():
    rng = np.random.default_rng(0)
    X, B = rng.standard_normal((3, 5)), rng.standard_normal((5, 2))
    path = certified(saddles.agf.linear(X.T @ X / 3, (X @ B).T @ X / 3))
    assert path.betas[-1] @ X.T == pytest.approx((X @ B).T, abs=1e-8)


EYE = np.eye(2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.ones((2, 3)), EYE), "sigma_xx.*square"),
        (([[1.0, 2.0], [0.0, 1.0]], EYE), r"sigma_xx\[0, 1\]=2.0"),
        ((EYE, np.ones((2, 3))), r"sigma_yx has shape \(2, 3\)"),
        ((-EYE, EYE), "sigma_xx has the eigenvalue -1.0"),
        ((np.diag([1.0, 0.0]), EYE), "not in the range"),
        ((EYE, [[np.nan, 0.0]]), "not finite"),
    ],
)
def test_bad_moments(arguments, words):
    with pytest.raises(ValueError, match=words):
        saddles.agf.linear(*arguments)


def test_bad_options():
    for name, value in (("width", 0), ("tol", 2.0), ("sigma_yy", np.eye(3)), ("sigma_yy", EYE / 9)):
        with pytest.raises(ValueError, match=name):
            saddles.agf.linear(EYE, EYE, **{name: value})

"""Linear attention: closed form, sampled contexts, gradient flow, and laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saddles
from reference import linear_attention as reference
from saddles import Status
from saddles.agf._engine.steps import solve_network

#: Levels and components; heads are right to the square root of it at most, and enter squared.
CLOSE = 1e-9
#: A head's direction is this far from the mode when it rings, and its coordinates stay so.
ALIGNED = 1e-7

#: λ ∝ 1/i with trace 2: the published setting, and its levels.
EIGENVALUES = np.array([24, 12, 8, 6]) / 25
LEVELS = [1, 0.56219, 0.35555, 0.22510, 0.13220]


def heads(seed, number, D):
    rows = np.random.default_rng(seed).standard_normal((number, 2 * D + 1))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def rotation(seed, D):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((D, D)))[0]


def covariance(seed, values):
    turn = rotation(seed, len(values))
    matrix = (turn * values) @ turn.T
    return (matrix + matrix.T) / 2


def test_the_published_levels():
    modes = saddles.agf.attention_modes(np.diag(EIGENVALUES), 32)
    assert modes.losses == pytest.approx(LEVELS, abs=5e-6)
    levels, components = reference.levels(EIGENVALUES, 32)
    assert modes.losses == pytest.approx(levels, rel=1e-14)
    assert modes.components == pytest.approx(components, rel=1e-14)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_path_goes_through_the_closed_form(seed):
    matrix = covariance(seed, EIGENVALUES)
    modes = saddles.agf.attention_modes(matrix, 32)
    path = saddles.agf.attention(matrix, 32, seed=seed)
    assert path.status is Status.CONVERGED
    assert path.kappa == 3
    assert path.losses == pytest.approx(modes.losses, abs=CLOSE)
    learnt = np.einsum("da,kde,ea->ka", modes.eigenvectors, path.betas, modes.eigenvectors)
    for k, row in enumerate(learnt):
        assert row == pytest.approx(np.where(np.arange(4) < k, modes.components, 0), abs=CLOSE)
        assert path.betas[k] == pytest.approx(modes.point(k), abs=ALIGNED)
    assert (path.times[1:] >= modes.bounds(path.times)).all()
    assert path.times[1] > modes.bound()


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 40))
def test_levels_of_any_covariance(seed, D, length):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.permutation(np.arange(1, 6))[:D] + rng.uniform(-0.2, 0.2, D))[::-1]
    matrix = covariance(seed, values)
    modes = saddles.agf.attention_modes(matrix, length)
    path = saddles.agf.attention(matrix, length, seed=seed, heads=6, max_jumps=1)
    assert path.losses == pytest.approx(modes.losses[:2], abs=CLOSE * values.sum())
    assert modes.losses == pytest.approx(reference.levels(values, length)[0], rel=1e-12)
    network = saddles.agf.LinearAttention(matrix, length)
    for learnt in range(D + 1):
        assert network.loss_of(modes.point(learnt)) == pytest.approx(modes.losses[learnt])
    # At the end nothing pulls any more.
    assert np.abs(network.pull(modes.point(D))).max() <= 1e-10 * np.abs(network.first).max()


def test_the_bound_is_attained_by_a_head_along_the_first_mode():
    modes = saddles.agf.attention_modes(np.diag(EIGENVALUES), 32)
    best = np.zeros((2, 9))
    best[0, [0, 1, 5]] = 1 / math.sqrt(3)
    best[1] = heads(0, 1, 4) / 2
    for log_alpha, size in ((-math.inf, 1.0), (-math.inf, 2.0), (-3.0, 1.0)):
        path = saddles.agf.attention(
            np.diag(EIGENVALUES), 32, init=size * best, log_alpha=log_alpha, max_jumps=1
        )
        bound = modes.bound(log_alpha=log_alpha, norm=size)
        assert path.times[1] == pytest.approx(bound, rel=1e-8)
    physical = math.sqrt(3) / (32 * EIGENVALUES[0] ** 2) * (math.exp(3) - 1)
    assert modes.bound(log_alpha=-3) * math.exp(3) == pytest.approx(physical)


def test_equal_eigenvalues_are_learnt_one_by_one():
    values = np.array([1.0, 1.0, 0.5])
    matrix = covariance(3, values)
    modes = saddles.agf.attention_modes(matrix, 16)
    path = saddles.agf.attention(matrix, 16, seed=2)
    assert path.status is Status.CONVERGED
    assert path.losses == pytest.approx(modes.losses, abs=CLOSE)
    assert modes.losses[0] - modes.losses[1] == pytest.approx(modes.losses[1] - modes.losses[2])
    assert path.betas[-1] == pytest.approx(modes.point(3), abs=ALIGNED)
    assert path.betas[2] == pytest.approx(modes.point(2), abs=ALIGNED)
    eigenvalues = np.linalg.eigvalsh(path.betas[1])
    assert eigenvalues == pytest.approx([0, 0, modes.components[0]], abs=ALIGNED)


def test_directions_without_variance_are_never_learnt():
    matrix = np.diag([2.0, 1.0, 0.0])
    modes = saddles.agf.attention_modes(matrix, 8)
    assert modes.rank == 2
    assert modes.components[2] == 0
    path = saddles.agf.attention(matrix, 8)
    assert len(path) == 3
    assert path.losses == pytest.approx(modes.losses, abs=CLOSE)


@pytest.mark.parametrize("log_alpha", [-3.0, -6.0])
def test_gradient_flow_rests_on_the_levels_and_jumps_at_the_times(log_alpha):
    """Times agree like α: the flow's excess falls by e³ or so from one scale to the next."""
    values, length = np.array([1.5, 0.5]), 8
    init, alpha = heads(0, 3, 2), math.exp(log_alpha)
    path = saddles.agf.attention(np.diag(values), length, init=init)
    modes = saddles.agf.attention_modes(np.diag(values), length)
    times = np.linspace(0, 1.2 * path.times[-1] / alpha, 4000)
    parts = alpha * init[:, 0], alpha * init[:, 1:3], alpha * init[:, 3:]
    Ms = reference.flow(*parts, np.diag(values), length, times)
    network = saddles.agf.LinearAttention(np.diag(values), length)
    losses = np.array([network.loss_of(M) for M in Ms])
    halves = (modes.losses[1:] + modes.losses[:-1]) / 2
    jumps = np.interp(-halves, -losses, times) * alpha
    assert jumps == pytest.approx(path.times[1:], abs=3 * alpha)
    between = np.append((path.times[1:-1] + path.times[2:]) / 2, 1.15 * path.times[-1]) / alpha
    plateaus = np.interp(between, times, losses)
    assert plateaus == pytest.approx(modes.losses[1:], abs=1e-2 if log_alpha == -3 else 1e-5)


@pytest.mark.slow
def test_polar_flow_rests_on_the_published_levels():
    init = heads(0, 6, 4)
    modes = saddles.agf.attention_modes(np.diag(EIGENVALUES), 32)
    path = saddles.agf.attention(np.diag(EIGENVALUES), 32, init=init)
    network = saddles.agf.LinearAttention(np.diag(EIGENVALUES), 32)
    flow = saddles.flow.neurons(network, init, log_alpha=-10)
    found = flow.jumps()
    assert found.losses == pytest.approx(modes.losses, abs=1e-6)
    assert found.times == pytest.approx(path.times[1:], rel=1e-3)
    assert (found.times >= modes.bounds(np.append(0, found.times), log_alpha=-10)).all()


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3))
def test_gradients_are_those_of_the_loss(seed, D, H):
    rng = np.random.default_rng(seed)
    network = saddles.agf.LinearAttention(covariance(seed, rng.uniform(0.5, 2, D)), 5)
    theta, direction = rng.standard_normal((2, H, network.size))
    step = 1e-5
    for scalar, gradient in (
        (network.loss, network.gradient(theta)),
        (
            lambda t: network.utility(t, theta).sum(),
            network.utility_gradient(theta, theta),
        ),
    ):
        rise = (scalar(theta + step * direction) - scalar(theta - step * direction)) / (2 * step)
        assert np.sum(gradient * direction) == pytest.approx(rise, rel=1e-5, abs=1e-5)
    v, q, k = network.split(theta)
    parts = reference.velocity(v[:, 0], q, k, network.covariance, 5)
    expected = np.hstack([parts[0][:, None], parts[1], parts[2]])
    assert -network.gradient(theta) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    # Utility is minus the derivative of the loss by the size of an added head.
    small = 1e-3 * theta
    first = network.loss(np.vstack([theta, small])) - network.loss(theta)
    assert first == pytest.approx(-network.utility(small, theta).sum(), rel=1e-2, abs=1e-8)
    assert network.utility(2 * theta, theta) == pytest.approx(8 * network.utility(theta, theta))


def test_laws_rotation_scale_and_order():
    matrix, init = np.diag([1.5, 0.5]), heads(4, 4, 2)
    turn = rotation(1, 2)
    path = saddles.agf.attention(matrix, 6, init=init)
    turned = np.hstack([init[:, :1], init[:, 1:3] @ turn.T, init[:, 3:] @ turn.T])
    twice = 2 * turn @ matrix @ turn.T
    other = saddles.agf.attention((twice + twice.T) / 2, 6, init=turned[::-1])
    # U is quadratic in Λ, so times fall by 4; M scales like 1/Λ and the loss like Λ.
    assert 4 * other.times == pytest.approx(path.times, rel=1e-6)
    assert other.losses == pytest.approx(2 * path.losses)
    assert 2 * turn.T @ other.betas @ turn == pytest.approx(path.betas, abs=ALIGNED)
    same = solve_network(saddles.agf.LinearAttention(matrix, 6), 3 * init)
    assert 3 * same.times == pytest.approx(path.times, rel=1e-8)


def test_the_same_seed_gives_the_same_path():
    first, second = (saddles.agf.attention(np.diag([1.0, 0.5]), 4, seed=5) for _ in range(2))
    assert first.times.tolist() == second.times.tolist()
    assert first.betas.tolist() == second.betas.tolist()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "words"),
    [
        ((np.eye(2),), {}, TypeError, "context_length"),
        ((np.eye(2), 0), {}, ValueError, "context_length=0"),
        ((np.eye(2), None), {}, TypeError, "context_length=None"),
        ((np.eye(2), 1.5), {}, TypeError, "context_length=1.5"),
        ((np.ones((2, 3)), 4), {}, ValueError, "covariance.*square"),
        ((-np.eye(2), 4), {}, ValueError, "covariance has the eigenvalue -1"),
        ((np.zeros((2, 2)), 4), {}, ValueError, "covariance is zero"),
        ((np.eye(2), 4), {"heads": 0}, ValueError, "heads=0"),
        ((np.eye(2), 4), {"init": np.ones((2, 4))}, ValueError, "init"),
        ((np.eye(2), 4), {"init": np.eye(2, 5), "heads": 9}, ValueError, "heads=9"),
        ((np.eye(2), 4), {"log_alpha": 1.0}, ValueError, "log_alpha=1.0"),
    ],
)
def test_bad_input(arguments, options, error, words):
    with pytest.raises(error, match=words):
        saddles.agf.attention(*arguments, **options)


def test_bad_arguments_of_the_closed_form():
    modes = saddles.agf.attention_modes(np.eye(2), 4)
    with pytest.raises(ValueError, match="learnt=3"):
        modes.point(3)
    with pytest.raises(ValueError, match="norm=0"):
        modes.bound(norm=0)
    with pytest.raises(ValueError, match="times"):
        modes.bounds([0.0, 1.0, 2.0, 3.0])

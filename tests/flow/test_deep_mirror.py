"""Flows of diagonal networks of depth 3 and more: raw weights, the limit path, known constants."""

import math

import numpy as np
import pytest
from scipy.optimize import nnls

import reference.deep_diagonal as oracle
import saddles
from saddles import Status
from saddles.flow import diagonal, vanishing_limit
from saddles.flow.modes import jump_constant
from tests.diagonal.deep_problems import K1, random_problem

#: Two integrations of the network, both at 1e-10 a step.
PLAIN = 1e-7
#: An extrapolated flow whose steps err by 1e-10.
EXTRAPOLATED = 1e-6
FINE = 1e-10


def limit_of(X, y, **shape):
    """Return the path, and the flow's times in the limit."""
    path = saddles.diagonal_network(X, y, **shape)
    # Jumps take α^{D−2}, which must be short against the shortest plateau.
    widest = min(1e-4, 1e-3 * np.diff(path.times).min())
    scales = [math.log(widest * share) / (path.kappa - 2) for share in (1, 0.1, 0.01)]

    def flow(log_alpha):
        return diagonal(X, y, log_alpha=log_alpha, rtol=FINE, **shape)

    return path, vanishing_limit(path, flow, log_alphas=scales)


@pytest.mark.parametrize("seed", [0, 1])
def test_equals_plain_integration_of_all_weights(seed):
    X, y, init = random_problem(seed)
    flow = diagonal(X, y, init=init, log_alpha=math.log(0.2), until=8.0, rtol=FINE)
    tau = np.linspace(0.2, 8, 40)
    betas = oracle.product_flow(X, y, init, 0.2, flow.physical_times(tau))
    assert np.abs(flow.at(tau) - betas).max() < PLAIN * np.abs(betas).max()
    assert flow.conservation < PLAIN


def test_differences_of_powers_equal_plain_integration():
    init = np.array([[1.0, 0.8, 1.2, 1.0], [1.0, 1.1, 0.9, 0.7]])
    shape = {"depth": 4, "init": init, "form": "difference"}
    flow = diagonal(*K1, **shape, log_alpha=math.log(0.2), until=1.5, rtol=FINE)
    tau = np.linspace(0.1, 1.5, 20)
    betas = oracle.difference_flow(*K1, init, 4, 0.2, flow.physical_times(tau))
    assert np.abs(flow.at(tau) - betas).max() < PLAIN
    assert flow.conservation < PLAIN


def test_differences_of_powers_tend_to_their_path():
    """Products do so in the table `depth`. Constants are a third of theirs, as times are."""
    path, limit = limit_of(*K1, depth=3, form="difference")
    assert np.abs(limit.jump_times / path.times[1:] - 1).max() < EXTRAPOLATED
    assert limit.order == pytest.approx(1, abs=0.01)
    assert np.allclose(limit.slopes, [-0.9001, -1.9419, -19.5204], rtol=1e-4)


def test_first_constants():
    """The first coordinate of the published problem comes to 0.8, from a gradient of 0.5."""
    for depth, constant in ((3, -2.70035), (4, -1.38850)):
        assert oracle.first_constant(depth, 0.5, 0.8) == pytest.approx(constant, abs=5e-6)
    for depth in range(3, 9):
        found = jump_constant(depth, 0.7, 2.3)
        assert found == pytest.approx(oracle.first_constant(depth, 0.7, 2.3), rel=1e-12)


def test_a_random_network_tends_to_its_path():
    X, y, init = random_problem(2)
    path, limit = limit_of(X, y, init=init)
    assert np.abs(limit.jump_times / path.times[1:] - 1).max() < EXTRAPOLATED


@pytest.mark.slow
def test_two_hundred_random_networks_tend_to_their_paths():
    left = 0
    for seed in range(200):
        X, y, init = random_problem(seed)
        path, limit = limit_of(X, y, init=init)
        assert np.abs(limit.jump_times / path.times[1:] - 1).max() < EXTRAPOLATED, seed
        left += sum(units.size for units in path.left)
    assert left > 20


def test_smallest_scale_that_is_allowed():
    """A jump takes 1e-12 of scaled time."""
    depth = 4
    path = saddles.diagonal_network(*K1, depth=depth)
    flow = diagonal(*K1, depth=depth, log_alpha=math.log(1e-12) / (depth - 2))
    found = saddles.compare(path, flow)
    assert found.same_jumps
    assert found.worst_time < EXTRAPOLATED
    assert found.worst_beta < EXTRAPOLATED
    with pytest.raises(ValueError, match=r"a jump takes .* use saddles.diagonal_network"):
        diagonal(*K1, depth=depth, log_alpha=math.log(1e-14) / (depth - 2))


def test_a_forbidden_sign_is_never_learnt():
    """From equal weights β stays ≥ 0: the flow rests where the path ends."""
    X, y = K1
    path = saddles.diagonal_network(X, y, init=[1, 1, 1])
    flow = diagonal(X, y, init=[1, 1, 1], log_alpha=math.log(1e-4))
    assert path.status is Status.NO_CLOCK_RINGS
    assert flow.status is Status.CONVERGED
    assert np.abs(flow.at(flow.until) - path.betas[-1]).max() < 1e-6
    assert flow.loss(flow.until) == pytest.approx(path.losses[-1])
    assert np.isfinite(flow.clocks(flow.until)).all()


def test_the_clock_of_a_forbidden_sign_runs_for_ever():
    """One weight falls like e^{−1000}: it acts as zero, and its clock goes on."""
    init = np.array([[0.6, 0.5], [0.6, 0.5], [0.7, 1.0]])
    flow = diagonal(np.eye(2), [1.0, -1.0], init=init, log_alpha=-3, until=2000.0)
    assert flow.clocks(2000.0)[1] == pytest.approx(-1000)
    assert flow.conservation < 1e-6


def test_clocks_run_to_the_boundaries():
    X, y = K1
    shape = {"init": [1.0, 1.0, 0.0]}
    path = saddles.diagonal_network(X, y, **shape)
    flow = diagonal(X, y, log_alpha=math.log(1e-4), **shape)
    middles = (path.times[1:] + path.times[:-1]) / 2
    duals = (path.duals[1:] + path.duals[:-1]) / 2
    assert np.abs(flow.clocks(middles) - duals @ X).max() < 1e-2
    assert flow.conservation < 1e-6


def test_loss_rate_is_the_derivative_of_the_loss():
    flow = diagonal(*K1, depth=3, log_alpha=math.log(0.05), rtol=FINE)
    tau, step = np.linspace(0.5, 10, 30), 1e-5
    slopes = (flow.loss(tau + step) - flow.loss(tau - step)) / (2 * step)
    assert np.allclose(flow.loss_rate(tau), slopes, rtol=1e-4, atol=1e-9)


def test_units_of_the_targets_are_units_of_the_weights():
    """With y → cy and α → c^{1/D}α, β → cβ and scaled times are divided by c."""
    X, y, init = random_problem(1)
    factor = 1e-12
    scale, tau = math.log(1e-3), np.linspace(0, 3, 20)
    plain = diagonal(X, y, init=init, log_alpha=scale)
    other = diagonal(X, factor * y, init=init, log_alpha=scale + math.log(factor) / len(init))
    assert np.abs(other.at(tau / factor) / factor - plain.at(tau)).max() < 1e-6


@pytest.mark.parametrize("first", [0.0, 0.6, 1.0])
def test_targets_far_below_the_initial_weights_are_learnt(first):
    """β falls to a billionth of its start. Of equal weights it cannot become negative."""
    X, y = np.array([[1.0, 0.5], [0.2, 1.0]]), np.array([1e-9, -2e-9])
    flow = diagonal(X, y, init=[first, 1.0, 1.3], log_alpha=-0.01)
    end, _ = (np.linalg.lstsq if first < 1 else nnls)(X, y)[:2]
    assert flow.status is Status.CONVERGED
    assert np.abs(flow.at(flow.until) - end).max() < 1e-6 * np.abs(end).max()
    assert flow.conservation < 1e-6


def test_nothing_to_learn():
    flow = diagonal([[1.0]], [0.0], depth=3, log_alpha=-5)
    assert flow.status is Status.NOTHING_TO_LEARN
    assert flow.kappa == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 1}, "depth=1"),
        ({"init": [0, 0, 1]}, "two zeros"),
        ({"init": np.ones((3, 2))}, r"init has shape \(3, 2\), but X has 4 features"),
        ({"depth": 4, "init": [1, 1, 0]}, "init has 3 layers"),
        ({"depth": 2, "init": [1, 0.5]}, "at depth 2 the flow starts from"),
        ({"form": "difference"}, "at depth 2 the flow starts from"),
        ({"form": "sum"}, "form='sum'"),
        ({"depth": 3, "form": "difference", "init": [1, -1]}, "must hold u and v"),
    ],
)
def test_bad_shapes_are_named(options, words):
    with pytest.raises(ValueError, match=words):
        diagonal(*K1, log_alpha=-5, **options)


def test_flows_of_other_depths_are_refused():
    path = saddles.diagonal_network(*K1, depth=3)
    flow = diagonal(*K1, log_alpha=-50)
    with pytest.raises(ValueError, match=r"path has degree kappa=3 .*, but other has kappa=2"):
        saddles.compare(path, flow)
    with pytest.raises(ValueError, match=r"kappa=2 .*, but other has kappa=3"):
        saddles.compare(saddles.pesme_flammarion(*K1), path)
    with pytest.raises(ValueError, match="has degree kappa=2, but path has kappa=3"):
        vanishing_limit(path, lambda _: flow)

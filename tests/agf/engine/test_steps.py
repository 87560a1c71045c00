"""The engine of alternating gradient flows, on networks whose paths are known in closed form."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import brentq

import saddles
from saddles import PathError, Status
from saddles.agf._engine.clock import Clock, Dormant
from saddles.agf._engine.dormant import first_ring
from saddles.agf._engine.steps import solve_network
from saddles.homogeneous import HomogeneousNetwork
from tests.agf import networks

#: Local errors of the directions are 1e-8 per step, and clocks integrate them.
CLOCK = 1e-6
#: Newton's method ends far below this.
STATIONARITY = 1e-9


@dataclass(frozen=True)
class Diagonal:
    """A neuron θ = (u, v) computes Σ_j u_j v_j x_j: on one coordinate each, a diagonal network."""

    X: np.ndarray
    y: np.ndarray
    degree: int = 2

    @property
    def size(self):
        return 2 * self.X.shape[1]

    def point(self, theta, /):
        u, v = np.split(theta, 2, axis=1)
        return np.sum(u * v, axis=0)

    def _pull(self, active):
        return self.X.T @ (self.y - self.X @ self.point(active)) / len(self.y)

    def loss(self, theta, /):
        return float(np.sum((self.y - self.X @ self.point(theta)) ** 2)) / (2 * len(self.y))

    def gradient(self, theta, /):
        return -self.utility_gradient(theta, theta)

    def utility(self, theta, active, /):
        u, v = np.split(theta, 2, axis=1)
        return (u * v) @ self._pull(active)

    def utility_gradient(self, theta, active, /):
        u, v = np.split(theta, 2, axis=1)
        return np.hstack([v, u]) * np.tile(self._pull(active), 2)


@dataclass(frozen=True)
class Product:
    """A neuron computes the product of its κ weights; L = ½ (y − Σ_i Π_j θ_ij)²."""

    degree: int
    y: float = 1.0
    curved: bool = True

    @property
    def size(self):
        return self.degree

    def point(self, theta, /):
        return np.array([np.prod(theta, axis=1).sum()])

    def loss(self, theta, /):
        f = float(self.point(theta)[0])
        return (self.y - f) ** 2 / 2 if self.curved else self.y**2 / 2 - self.y * f

    def _slope(self, theta):
        rows = [np.prod(np.delete(theta, j, axis=1), axis=1) for j in range(self.degree)]
        return np.stack(rows, axis=1)

    def _residual(self, active):
        return self.y - self.curved * float(self.point(active)[0])

    def gradient(self, theta, /):
        return -self.utility_gradient(theta, theta)

    def utility(self, theta, active, /):
        return self._residual(active) * np.prod(theta, axis=1)

    def utility_gradient(self, theta, active, /):
        return self._residual(active) * self._slope(theta)


def diagonal_init(d):
    return np.hstack([np.eye(d), np.zeros((d, d))])


NON_MONOTONE = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]], [1.0, 0.0]


def random_regression(seed, n=6, d=4):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal(n)


@pytest.mark.parametrize("data", [NON_MONOTONE, *map(random_regression, range(6))])
def test_diagonal_neurons_follow_the_path_of_diagonal_networks(data):
    X, y = map(np.array, data)
    network = Diagonal(X, y)
    assert isinstance(network, HomogeneousNetwork)
    path = solve_network(network, diagonal_init(X.shape[1]))
    exact = saddles.pesme_flammarion(X, y)
    assert path.certificates.worst <= STATIONARITY
    assert path.times == pytest.approx(exact.times, rel=CLOCK)
    assert path.losses == pytest.approx(exact.losses, abs=1e-9 * exact.losses[0])
    assert path.betas == pytest.approx(exact.betas, abs=1e-5)
    for ours, theirs in zip(path.active, exact.active, strict=True):
        assert ours.tolist() == theirs.tolist()


def test_a_neuron_that_returns_to_zero_leaves():
    X, y = map(np.array, NON_MONOTONE)
    path = solve_network(Diagonal(X, y), diagonal_init(4))
    assert [units.tolist() for units in path.left] == [[], [], [0], []]
    assert [units.tolist() for units in path.rang] == [[], [0], [2], [3]]


@pytest.mark.parametrize("log_alpha", [-2.0, -30.0, -700.0, -1e6])
def test_the_clock_of_a_bilinear_neuron_is_exact_at_any_scale(log_alpha):
    """θ' = Sθ with S symmetric: log|e^{St} θ0| = −log α, one neuron, y = 1."""
    start = np.array([[0.9, -0.3]])
    path = solve_network(Product(2), start, log_alpha=log_alpha)

    def excess(t):
        grown, shrunk = math.log(0.6 / math.sqrt(2)) + t, math.log(1.2 / math.sqrt(2)) - t
        return np.logaddexp(2 * grown, 2 * shrunk) / 2 + log_alpha

    time = brentq(excess, 0, -2 * log_alpha + 2, xtol=1e-12) / -log_alpha
    assert path.times[1] == pytest.approx(time, rel=CLOCK)
    assert path.betas[1] == pytest.approx([1.0])
    assert path.status is Status.CONVERGED


@pytest.mark.parametrize("degree", [3, 4, 5, 10, 30])
@pytest.mark.parametrize("log_alpha", [-0.5, -5.0, -700.0, -1e6, -math.inf])
def test_the_clock_along_the_best_direction_is_exact(degree, log_alpha):
    """U* = κ^{−κ/2}; |θ0| = α/2: τ = (2^{κ−2} − α^{κ−2}) / ((κ − 2) κ U*)."""
    path = solve_network(
        Product(degree), np.full((1, degree), 0.5 / math.sqrt(degree)), log_alpha=log_alpha
    )
    power, best = degree - 2, degree ** (-degree / 2)
    time = (2**power - math.exp(power * log_alpha)) / (power * degree * best)
    assert path.times[1] == pytest.approx(time, rel=1e-10)
    assert path.betas[1] == pytest.approx([1.0])
    assert path.status is Status.CONVERGED
    assert path.kappa == degree


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_small_scales_tend_to_the_limit(degree):
    """Excess of the jump time: of order α^{κ−2}, or 1/log(1/α), measured as a rate."""
    init = np.random.default_rng(degree).standard_normal((3, degree))
    init[:, 0] = np.abs(np.prod(init[:, 1:], axis=1)) * np.sign(np.prod(init[:, 1:], axis=1))
    limit = solve_network(Product(degree), init, max_jumps=1)
    scales = (-10.0, -20.0, -40.0) if degree == 2 else (-5.0, -6.0, -7.0)
    excess = [
        solve_network(Product(degree), init, log_alpha=scale, max_jumps=1).times[1] - limit.times[1]
        for scale in scales
    ]
    expected = [1 / -s if degree == 2 else math.exp((degree - 2) * s) for s in scales]
    rates = np.array(excess) / expected
    assert rates == pytest.approx(np.full(3, rates[-1]), rel=0.05)


@pytest.mark.parametrize("degree", [3, 4, 7])
def test_what_a_neuron_lacks_tells_its_norm(degree):
    clock = Clock(degree, 12.0, math.log(0.3))
    norms = np.array([-3.0, 0.0, 2.0, 10.0])
    assert clock.log_norms(clock.lacking(norms)) == pytest.approx(norms - 12, abs=1e-9)
    assert clock.log_norms(np.zeros(1)) == pytest.approx([math.log(0.3)])


def test_a_neuron_that_starts_anew_begins_its_way_at_home():
    """U = θ_1³: along −e_1 it shrinks, from its first direction it grows to e_1."""
    clock, first = Clock(3, 5.0, 0.0), np.array([[0.6, 0.8], [0.0, 1.0]])
    home = Dormant(first, clock.lacking(np.zeros(2)))
    away = Dormant(np.array([[-1.0, 0.0], [0.0, 1.0]]), home.lacking / 2)
    phase = first_ring(lambda rows: 3 * rows[:, :1] ** 2 * [1.0, 0.0], away, home, clock)
    assert phase.units.tolist() == [0]
    assert phase.begun.directions.tolist() == first.tolist()
    assert phase.begun.lacking.tolist() == [home.lacking[0], home.lacking[1] / 2]
    assert phase.after.directions[0] == pytest.approx([1, 0], abs=0.1)


def test_a_neuron_that_first_shrinks_starts_its_descent_as_it_grows():
    """At α = e^−2 it is never small; where U < 0 it would come to rest at the saddle behind it."""
    rng = np.random.default_rng(3)
    network = networks.power(rng.standard_normal((6, 2)), rng.standard_normal(6), 4)
    init = rng.standard_normal((4, 3))
    init /= np.linalg.norm(init, axis=1, keepdims=True)
    path = solve_network(network, init, log_alpha=-2.0)
    flow = saddles.flow.neurons(network, init, log_alpha=-2.0, until=60.0)
    assert (np.diff(path.losses) < -1e-2 * path.losses[0]).all()
    assert path.losses[-1] == pytest.approx(flow.loss(60.0), rel=1e-4)


def test_equal_neurons_ring_together_and_larger_ones_first():
    same = solve_network(Product(3), np.ones((2, 3)))
    assert same.entered[1].tolist() == [0, 1]
    apart = solve_network(Product(3), np.array([[1.0, 1.0, 1.0], [1.1, 1.1, 1.1]]))
    assert apart.entered[1].tolist() == [1]
    assert apart.times[1] == pytest.approx(same.times[1] / 1.1)
    assert apart.certificates.margin[1] == pytest.approx(0.1, rel=1e-6)
    assert apart.status is Status.CONVERGED


def test_where_no_neuron_can_grow():
    """(1, 1) is where −uv is least on the circle: an exact start there stays, and shrinks."""
    path = solve_network(Product(2, y=-1.0), np.ones((1, 2)))
    assert path.status is Status.NO_GROWTH
    assert len(path) == 1


def test_nothing_to_learn_and_unbounded():
    assert solve_network(Product(3, y=0.0), np.ones((1, 3))).status is Status.NOTHING_TO_LEARN
    with pytest.raises(PathError) as error:
        solve_network(Product(3, curved=False), np.ones((1, 3)))
    assert error.value.status is Status.UNBOUNDED
    assert len(error.value.path) == 1
    kept = solve_network(Product(3, curved=False), np.ones((1, 3)), on_failure="return")
    assert kept.status is Status.UNBOUNDED


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"init": np.zeros((2, 3))}, r"init\[0\] is zero"),
        ({"init": np.ones((2, 4))}, "4 columns"),
        ({"init": np.full((1, 3), np.nan)}, "not finite"),
        ({"init": np.ones((0, 3))}, "empty"),
        ({"log_alpha": 0.0}, "log_alpha"),
        ({"log_alpha": -0.1, "activation_norm": 0.5}, "activation_norm"),
        ({"tol": 2.0}, "tol=2.0"),
        ({"creep": 0.0}, "creep=0.0"),
    ],
)
def test_bad_input_is_named(options, words):
    options = {"init": np.ones((1, 3)), **options}
    with pytest.raises(ValueError, match=words):
        solve_network(Product(3), **options)


def test_paths_know_their_neurons_and_are_saved_without(tmp_path):
    path = solve_network(Product(3), np.array([[1.0, 1.0, 1.0], [0.1, 0.1, 0.1]]))
    assert np.prod(path.neurons[1]) == pytest.approx(1.0)
    assert path.directions[1] == pytest.approx(np.full((1, 3), 1 / math.sqrt(3)))
    path.save(tmp_path / "path.json")
    read = saddles.SaddlePath.load(tmp_path / "path.json")
    assert read.betas.tolist() == path.betas.tolist()
    assert read.certificates.creep.tolist() == path.certificates.creep.tolist()


def test_callback_stops_and_repeats_are_equal():
    init = np.random.default_rng(0).standard_normal((3, 3))
    first, second = (solve_network(Product(3), init) for _ in range(2))
    assert first.times.tolist() == second.times.tolist()
    assert first.betas.tolist() == second.betas.tolist()
    stopped = solve_network(Product(3), init, callback=lambda saddle: saddle.index == 1)
    assert stopped.status is Status.STOPPED

"""Saddle paths of multi-index targets: closed forms, other solvers, and gradient flow."""

import math
import time

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

import saddles
from saddles import Status
from saddles.agf import HermiteTarget, Spherical, multi_index, single_index
from tests.agf.multi_index.random_targets import distances, random_path

#: Relative to the first loss.
LOSSES = 1e-9
TWO = HermiteTarget.teacher([1.0, 1.0], np.eye(2))
#: Of two orthogonal ReLU teachers: 1/c, 1/h.
TIMES = [math.sqrt(2) / (1 / math.pi + 3 / 4), math.pi / math.sqrt(2)]


class Centred:
    """f = 2|W − M|² + (tr W − tr M)², twice the loss of neurons (w·x)² on xᵀMx."""

    def __init__(self, M):
        self.M, self.size, self.exact_minimiser = M, len(M), None

    def value(self, W):
        return float(2 * np.sum((W - self.M) ** 2) + np.trace(W - self.M) ** 2)

    def gradient(self, W):
        return 4 * (W - self.M) + 2 * np.trace(W - self.M) * np.eye(len(W))


@pytest.mark.parametrize("d", [pytest.param(10, marks=pytest.mark.slow), 10**6])
def test_two_teachers_are_learnt_together_and_part(d):
    """Neurons of either sign: the negative ones shrink, and stay where they are."""
    path = multi_index(TWO, d, width=6, seed=3)
    assert path.times[1:] == pytest.approx(TIMES, rel=1e-6)
    assert path.losses[-1] == pytest.approx(0.0, abs=LOSSES * path.losses[0])
    assert path.status is Status.CONVERGED
    assert path.network.d == min(d, 8)
    together, apart = path.splits[1:]
    assert (together.size, apart.tolist()) == (0, path.active[1].tolist())
    assert len(set(path.clusters[1].tolist())) == 1
    assert path.overlaps[1] == pytest.approx(math.sqrt(0.5), abs=1e-6)
    assert path.in_span == pytest.approx(1.0, abs=1e-9)


def test_neurons_on_a_staircase_part_out_of_its_span():
    """Neurons of either sign: their kernel and Hermite series in closed form, solved to 30 digits.

    The exponent of what they have outside of the span of z falls until they activate.
    """
    target = HermiteTarget({(1, 0): 1.0, (1, 1): 1.0})
    path = multi_index(target, 3, width=4, signs=[1, 1, -1, -1])
    assert path.times[1:] == pytest.approx([1.6477056237, 13.0186225101], rel=1e-8)
    assert path.losses[:2] == pytest.approx([1.0, 0.0849931694], abs=LOSSES)
    assert path.splits[2].tolist() == [0, 1, 2, 3]
    assert path.in_span == pytest.approx([1.0, 1.0, 0.932], abs=1e-3)
    assert path.certificates.conjectured.tolist() == [False, False, True]


def test_quadratic_neurons_have_the_levels_of_greedy_low_rank_learning():
    target = HermiteTarget.polynomial({(2, 0): 3.0, (0, 2): 1.5})
    path = multi_index(target, 5, activation="quadratic", width=8)
    learnt = saddles.greedy_low_rank(Centred(np.diag([3.0, 1.5, 0.0, 0.0, 0.0])))
    assert path.losses == pytest.approx([21.375, 3.0, 0.0], abs=LOSSES * 21.375)
    assert path.losses == pytest.approx(learnt.losses / 2, abs=LOSSES * 21.375)
    assert learnt.times[1:] == pytest.approx([1 / 21, 1 / 12], rel=1e-9)


@pytest.mark.slow
def test_centred_quadratic_targets_take_neurons_out_of_their_span():
    path = multi_index(
        HermiteTarget({(2, 0): 3.0, (0, 2): 1.5}), 5, activation="quadratic", width=8
    )
    levels = [11.25, 5.25, 4.5, 4.05, 3.375, 2.892857142857143]
    assert path.losses == pytest.approx(levels, abs=LOSSES * 11.25)
    assert (path.in_span[[1, 2]] - [1.0, 1.0])[1] < -0.1


def test_tensors_are_learnt_component_by_component():
    """Neurons w⊗w⊗w on Σ λ_j e_j⊗e_j⊗e_j: which first and when, by quadrature."""
    sizes, p = np.array([1.0, 0.8, 0.6]), 3
    target = HermiteTarget(dict(zip(((3, 0, 0), (0, 3, 0), (0, 0, 3)), sizes, strict=True)))
    cubes = Spherical(3, (0.0, 0.0, 0.0, 1.0))
    path = multi_index(target, 3, activation=cubes, width=12)
    levels = 3.0 * np.array([2.0, 1.0, 0.36, 0.0])  # p!/2 times the sum of what remains of λ²
    assert path.losses == pytest.approx(levels, abs=LOSSES * levels[0])
    rate, found = (p - 2) * p * math.factorial(p) * sizes, []
    for a, *w in path.init:
        start = math.copysign(1.0, a) * np.array(w)  # −θ is the same neuron
        speeds = rate * start ** (p - 2)
        if speeds.max() <= 0:
            continue

        def slowness(s, start=start, speeds=speeds):
            return math.sqrt(p / np.sum((start / (1 - s * speeds)) ** 2))

        found.append((quad(slowness, 0, 1 / speeds.max(), epsabs=1e-12)[0], int(speeds.argmax())))
    first, axis = min(found)
    assert path.times[1] == pytest.approx(first, rel=1e-6)
    assert np.abs(path.overlaps[1][:, axis]) == pytest.approx(1.0, abs=1e-6)


def test_staircases_have_the_levels_of_the_flow():
    """He_2 + He_3 with the square of ReLU neurons, and spherical ones that learn both at once."""
    path = single_index([0.0, 0.0, 1.0, 1.0], 3, activation="relu2", width=6, max_jumps=2)
    assert path.losses == pytest.approx([4.0, 2.922537, 2.684326], abs=1e-6)
    both = Spherical(3, (0.0, 0.0, 1.0, 1.0))
    path = single_index([0.0, 0.0, 1.0, 1.0], 3, activation=both, width=6)
    assert path.losses == pytest.approx([4.0, 0.0], abs=LOSSES * 4)


def test_learning_ends_when_only_what_neurons_cannot_see_is_left():
    """ReLU neurons without bias are orthogonal to He_3, of which E y² has 6 g²."""
    path = single_index([0.0, 1.0, 0.0, 0.5], 3, width=6)
    assert path.losses == pytest.approx([1.25, 0.75], abs=LOSSES)
    assert path.status is Status.CONVERGED


def excess(path, levels, log_alpha, **how):
    """(T_α − T) log(1/α) of the times at which the loss passes half-way between `levels`."""
    run = saddles.flow.neurons(path.network, path.init, log_alpha=log_alpha, **how)
    found = []
    for before, after, limit in zip(levels[:-1], levels[1:], path.times[1:], strict=True):
        passed = brentq(
            lambda tau, level=(before + after) / 2: float(run.loss(tau)) - level, 0.0, run.until
        )
        found.append((passed - limit) * -log_alpha)
    return np.array(found)


def test_a_flow_is_late_by_one_over_its_scale():
    path = multi_index(TWO, 2, width=2, signs=[1, 1], seed=1)
    late = [excess(path, path.losses, -scale, until=3.0) for scale in (12.0, 24.0)]
    assert late[1] == pytest.approx(late[0], rel=0.02)


ONE_AND_A_HALF = HermiteTarget.teacher([1.0, 0.5], np.eye(2))
CASES = {
    "two": (TWO, 4, "relu"),
    "three": (HermiteTarget.teacher([1.0, 1.0, 1.0], np.eye(3)), 6, "relu"),
    "one and a half": (ONE_AND_A_HALF, 4, "relu"),
    "values": (ONE_AND_A_HALF, 4, "abs"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_flows_of_teachers_are_late_by_one_over_their_scale(name):
    """Where deviations are below rounding, too: neurons are followed by their differences."""
    target, width, activation = CASES[name]
    path = multi_index(target, 3, width=width, signs=np.ones(width), activation=activation)
    late = [excess(path, path.losses, -scale, rtol=1e-9) for scale in (20.0, 40.0)]
    assert late[1] == pytest.approx(late[0], rel=0.02)


@pytest.mark.slow
def test_the_limit_of_a_staircase_is_that_of_its_flows():
    """z1 + z1 z2 + z1 z2 z3 with neurons of degree 4: times are right to a power of α."""
    target = HermiteTarget({(1, 0, 0): 1.0, (1, 1, 0): 1.0, (1, 1, 1): 1.0})
    path = multi_index(target, 3, activation="relu3", width=8, seed=1, max_jumps=4)
    levels = [1.5, 1.05505, 0.53952, 0.50236, 0.44931]
    assert path.losses == pytest.approx(levels, abs=2e-5)
    halfway, early = (path.losses[:-1] + path.losses[1:]) / 2, []
    for log_alpha in (-4.0, -5.0):
        run = saddles.flow.neurons(
            path.network, path.init, log_alpha=log_alpha, until=path.times[4] * 1.02
        )
        early.append(1 - run.crossing_times(halfway) / path.times[1:])
    # A flow is early by α² times a constant of order one: 2e-4 to 7e-4 at α = e^−4.
    assert early[1] * math.exp(2) == pytest.approx(early[0], rel=0.05)
    assert early[1] * math.exp(10) == pytest.approx([0.99, 0.80, 1.95, 0.56], rel=0.02)


def agrees(path):
    """Assert that a flow comes nearer to the path as α shrinks, unless it is lost itself."""
    near = distances(path)
    if np.isfinite(near).all():
        assert near[1] < max(0.8 * near[0], 1e-4)
    return np.isfinite(near).all()


def test_the_path_of_a_random_target_agrees_with_its_flow():
    assert agrees(random_path(74))


@pytest.mark.slow
def test_a_neuron_whose_pull_is_near_rounding_grows_all_the_same():
    """It needs a time of 10^8, in which rounding moves the active neurons by 10^-7 of their norms.

    Steps that have to err by less are as short as those at the start, and ten thousand of them
    do not end.
    """
    path = random_path(101, on_failure="return")
    assert path.status is Status.MAX_RANK
    assert path.losses[-1] < path.losses[-2] * (1 - 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_paths_of_many_random_targets_agree_with_their_flows(seed):
    begun = time.process_time()
    path = random_path(seed, on_failure="return")
    assert time.process_time() - begun < 20
    if not path.status.finished or len(path) == 1:
        pytest.skip(f"the path ends with {path.status.name}")
    if not agrees(path):
        pytest.skip("a flow is lost")


@pytest.mark.slow
def test_a_million_dimensions_cost_as_much_as_ten():
    target = HermiteTarget({(2, 0, 0): 1.0, (0, 2, 0): 0.8, (0, 1, 1): 0.6})
    costs = {10: [], 10**6: []}
    for _ in range(3):
        for d, spent in costs.items():
            begun = time.process_time()
            multi_index(target, d, width=20, max_jumps=2)
            spent.append(time.process_time() - begun)
    assert min(costs[10**6]) <= 1.2 * min(costs[10])


def first_time(X, y):
    """One over the growth along the direction in which ReLU neurons of a sample end up."""
    w = np.ones(2)
    for _ in range(60):
        w = (y * (X @ w > 0)) @ X
        w /= np.linalg.norm(w)
    return len(y) / float(y @ np.maximum(X @ w, 0.0))


def test_samples_are_off_by_the_root_of_their_number():
    """√n (T_n − T) has the standard deviation of y relu(b·x) over c², 2.797."""
    network, numbers = saddles.agf.MultiIndex(TWO, 2), np.array([250, 1000, 4000, 16000])
    X, y = network.sample(250, 0)
    path = saddles.agf.relu(X, y, width=4, max_jumps=1, on_failure="return")
    # A sample has a few such directions, whose growths differ by less than its error.
    assert path.times[1] == pytest.approx(first_time(X, y), rel=1e-3)
    errors = []
    for n in numbers:
        off = [first_time(*network.sample(int(n), seed)) - TIMES[0] for seed in range(60)]
        errors.append(np.sqrt(np.mean(np.square(off))))
    # The slope of 60 samples each at four numbers is known to about 0.05.
    assert np.polyfit(np.log(numbers), np.log(errors), 1)[0] == pytest.approx(-0.5, abs=0.05)
    assert errors * np.sqrt(numbers) == pytest.approx(2.797, rel=0.25)


def test_there_may_be_more_inputs_than_an_integer_of_64_bits_counts():
    path = multi_index(HermiteTarget({(1,): 1.0}), 10**30, width=2, max_jumps=1)
    assert path.losses == pytest.approx([0.5, 0.25])


def test_a_path_from_a_file_says_that_it_has_no_neurons(tmp_path):
    path = single_index([0.0, 1.0], 3, width=2)
    path.save(tmp_path / "path.json")
    loaded = type(path).load(tmp_path / "path.json")
    for name in ("overlaps", "in_span", "clusters", "splits"):
        assert len(getattr(path, name)) == len(path)
        with pytest.raises(ValueError, match="keep the path by pickle"):
            getattr(loaded, name)

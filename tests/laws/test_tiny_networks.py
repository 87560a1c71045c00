"""Tiny networks of neurons of all kinds: laws of their paths, and the flow of an oracle.

A seed is a problem, so that a failure can be run again: ``tiny(seed).path(log_alpha)``.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saddles
from reference.neuron_flow import extrapolated, flow
from saddles import PathError, SaddlePath, Status
from saddles.agf import NeuronPath
from saddles.homogeneous import Declared
from tests.agf import networks
from tests.laws.tiny_networks import KINDS, Tiny, tiny

pytest.importorskip("torch")

Array = np.ndarray

#: Scales: the limit, and two that are followed.
LIMIT = -math.inf
SCALES = (LIMIT, -8.0, -20.0)
#: Scales of the oracle, by degree: its times are extrapolated from there.
ORACLE = {2: (-8.0, -12.0, -16.0), 3: (-6.0, -8.0, -10.0), 4: (-4.0, -5.0, -6.0)}
#: How often the extrapolation's own estimate of its error a time may be off; and what else, of
#: kinks and of the norm that counts as active.
OFF, TIMES = 5.0, 1e-5
#: Difference of losses, of the first one.
LOSSES = 1e-6


def check(problem: Tiny, log_alpha: float) -> SaddlePath | None:
    """Return the path, None if it is refused; assert what every path obeys."""
    try:
        path = problem.path(log_alpha)
    except PathError:
        return None
    assert (np.diff(path.losses) <= 1e-14 * path.losses[0]).all()
    assert (np.diff(path.times) > 0).all()
    return path


def agrees(problem: Tiny, path: SaddlePath) -> None:
    """Assert that a flow passes the path's levels at its times, and ends at its last loss."""
    degree, first = problem.kind.degree, path.losses[0]
    middles = (path.losses[1:] + path.losses[:-1]) / 2
    scales = np.array(ORACLE[degree])
    flows = [flow(problem.oracle, problem.init, a, 3 * path.times[-1]) for a in scales]
    assert abs(flows[-1].losses[-1] - path.losses[-1]) <= LOSSES * first
    found = np.array([[run.passes(level) for level in middles] for run in flows])
    times, errors = extrapolated(found, scales, degree)
    assert (np.abs(times - path.times[1:]) <= OFF * errors + TIMES * path.times[1:]).all()


@settings(max_examples=1)
@given(seed=st.integers(0, 10_000))
def test_paths_of_tiny_networks(seed):
    for log_alpha in SCALES[: 1 + seed % 2]:
        check(tiny(seed), log_alpha)


def turned(problem: Tiny, seed: int) -> tuple[NeuronPath, NeuronPath, Array, Array]:
    """Return a path; that of permuted neurons and turned outputs; the order; and the turn.

    The neurons have two outputs, a (w·x)² with a in the plane.
    """
    rng = np.random.default_rng(seed)
    X, init = problem.X, rng.standard_normal((3, 2 + problem.X.shape[1]))
    Y = rng.integers(-3, 4, (len(X), 2)).astype(float)
    turn, order = np.linalg.qr(rng.standard_normal((2, 2)))[0], rng.permutation(len(init))
    moved = np.hstack([init[:, :2] @ turn.T, init[:, 2:]])[order]
    paths = (
        saddles.agf.network(networks.squares(X, y), init=rows, error_bars=False)
        for y, rows in ((Y, init), (Y @ turn.T, moved))
    )
    return (*paths, order, turn)


@settings(max_examples=2)
@given(seed=st.integers(0, 10_000))
def test_permuted_neurons_with_turned_outputs_have_the_same_path(seed):
    """Losses and times stay; neurons are permuted, outputs turned. Tilts and steps are others."""
    try:
        path, other, order, turn = turned(tiny(seed), seed)
    except PathError:
        return
    assert other.status is path.status
    assert other.losses == pytest.approx(path.losses, abs=1e-8 * path.losses[0])
    assert other.times == pytest.approx(path.times, rel=1e-6)
    for here, there, rows, others in zip(path, other, path.neurons, other.neurons, strict=True):
        place = np.argsort(order[there.active])
        assert order[there.active][place].tolist() == here.active.tolist()
        wanted = np.hstack([rows[:, :2] @ turn.T, rows[:, 2:]])
        size = np.abs(rows).max(initial=1.0)
        assert others[place] == pytest.approx(wanted, abs=1e-4 * size)
        assert there.beta == pytest.approx(here.beta @ turn.T, abs=1e-6 * size)


@pytest.mark.parametrize(("seed", "log_alpha"), [(123, LIMIT), (291, LIMIT), (209, -20.0)])
def test_blind_spots_do_not_end_a_path(seed, log_alpha):
    """Weights that no sample sees; neurons dead along a random direction; a ReLU that turns over.

    Its flow, from α = e^−20 with rtol = 1e-8, comes to a loss of .6757142857 by way of 1.4857.
    """
    path = check(tiny(seed), log_alpha)
    assert path is not None
    wanted = {123: 0.0, 291: 0.5, 209: 0.6757142857142857}[seed]
    assert path.losses[-1] == pytest.approx(wanted, abs=1e-12)


def test_a_weight_that_decays_does_not_come_out_on_the_other_side():
    """Its neuron's pull vanishes with it, and the integrator's error would take it to another."""
    path = check(tiny(3), LIMIT)
    assert path is not None
    assert len(path) == 1
    assert path.status is Status.NO_GROWTH


def test_a_single_neuron_learns_one_direction_in_each_of_its_parts():
    """The oracle's flow from e^−16 has a loss of 0.4674 in the end, and .4667 is left of it."""
    path = check(tiny(832), LIMIT)
    assert path is not None
    assert path.losses == pytest.approx([1.5, 1.5 - 2 / 15, 7 / 15])
    assert path.times[1:] == pytest.approx([1 / 1.6, 1 / (0.8 * math.sqrt(3))])


@pytest.mark.parametrize("seed", [0])
def test_a_path_is_that_of_the_oracle(seed):
    path = check(tiny(seed), -math.inf)
    assert path is not None
    assert path.status is Status.CONVERGED
    agrees(tiny(seed), path)


@pytest.mark.parametrize("name", KINDS)
def test_the_oracle_s_derivatives_are_those_of_torch(name):
    """Both ways of writing a kind are one: losses, and the pull of neurons beside each other."""
    from saddles.agf import TorchNetwork

    problem = tiny(list(KINDS).index(name) + 9)
    X, Y, kind, init = problem.X, problem.Y, problem.kind, problem.init
    task = Declared.of(TorchNetwork(kind.neuron, X, Y, size=init.shape[1], degree=kind.degree))
    assert problem.oracle.loss(init) == pytest.approx(task.loss(init))
    assert problem.oracle.pulls(init, init) == pytest.approx(
        task.utility_gradient(init, init), abs=1e-12
    )


@pytest.mark.slow
def test_three_thousand_tiny_networks():
    """At most one in two hundred is refused, and those that converge agree with the oracle."""
    refused, wrong = [], []
    for seed in range(1000):
        for log_alpha in SCALES:
            path = check(tiny(seed), log_alpha)
            if path is None:
                refused.append((seed, log_alpha))
            elif path.status is Status.CONVERGED and math.isinf(log_alpha) and len(path) > 1:
                try:
                    agrees(tiny(seed), path)
                except AssertionError:
                    wrong.append(seed)
    assert not wrong
    assert len(refused) <= 0.005 * 3000, refused

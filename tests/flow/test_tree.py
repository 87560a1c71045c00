"""Neurons of degree 2 that come near to each other, and neurons that shrink."""

from dataclasses import replace

import numpy as np
import pytest

from saddles.agf import (
    HermiteTarget,
    MultiIndex,
    multi_index,
    splitting_rates,
    utility_maximisers,
)
from saddles.flow import neurons
from saddles.flow._polar.coordinates import Polar
from saddles.flow._polar.march import march
from saddles.flow._polar.tree import Tree
from saddles.homogeneous import Declared
from saddles.status import Status

TEACHERS = HermiteTarget.teacher([1.0, 0.5], np.eye(2))


def test_short_differences_of_directions_grow_at_the_rates_of_their_modes():
    """Far below rounding: e^−60, along the modes of second derivatives, dormant and active."""
    path = multi_index(TEACHERS, 3, width=2, signs=[1, 1], max_jumps=1)
    network, active = path.network, path.neurons[1]
    nobody = np.empty((0, network.size))
    dormant = utility_maximisers(network, starts=5).neurons[0]
    for direction, beside in ((dormant, nobody), (active[0], active)):
        found = splitting_rates(network, beside, direction)
        for mode, rate in zip(found.modes, found.rates, strict=True):
            start = np.vstack([direction, direction + 1e-5 * np.linalg.norm(direction) * mode])
            scale = 0.0 if len(beside) else 40.0
            polar = Polar.of(Declared.of(network), start, scale)
            tree = Tree.of(polar, polar.start())
            assert tree.parent.tolist() == [-1, 0]
            packed = tree.begin.copy()
            packed[-1] = -60.0
            grown = tree.velocity(0.0, packed)[-1] * polar.unit
            assert grown == pytest.approx(rate - found.growth, abs=1e-8)


def test_a_tree_of_differences_is_the_flow_of_its_neurons():
    """Its velocity is that of polar coordinates, and so is what it becomes when it is regrown."""
    network = MultiIndex(TEACHERS, 3)
    rng = np.random.default_rng(0)
    start = multi_index(TEACHERS, 3, width=5, signs=np.ones(5), max_jumps=0).init[[0, 0, 0, 1, 1]]
    start[:, 1:] += 3e-3 * rng.standard_normal((5, 3))
    polar = Polar.of(Declared.of(network), start, 2.0)
    tree = Tree.of(polar, polar.start())
    assert (tree.parent >= 0).sum() == 3
    packed, step = tree.begin, 1e-6
    moved = tree.velocity(0.0, packed)
    along = (tree.state(packed + step * moved) - tree.state(packed - step * moved)) / (2 * step)
    assert along == pytest.approx(polar.velocity(0.0, tree.state(packed)), abs=1e-7)
    again = tree.regrown(packed)
    assert tree.state(packed) == pytest.approx(again.state(again.begin), abs=1e-14)
    assert not again.strays(again.begin)
    packed[-1] = 1e3  # Where a step may try; its error is large, and nothing warns.
    assert tree.velocity(0.0, packed)[2:].min() > 1e100


def test_neurons_that_share_a_teacher_come_together_in_steps_that_lengthen(monkeypatch):
    """Like 1/t: rounding of a rate, over their distance, is soon more than a step may err by."""
    network = MultiIndex(HermiteTarget.teacher([1.0], np.eye(1)), 2)
    angles, scale = 1e-4 * np.array([1.0, -0.7, 0.3]), 40.0
    units = np.column_stack([np.ones(3), np.cos(angles), np.sin(angles)])
    begun = Polar.of(Declared.of(network), np.exp(scale) * units / np.sqrt(3), scale)
    polar = replace(begun, unit=0.5, natural=0.0)  # those of the teacher, before it was learnt
    monkeypatch.setattr("saddles.flow._polar.march.STEPS_PER_NEURON", 60)
    curve, status = march(polar, 1e-9, 1e5 / polar.speed, apart=True)
    assert status is Status.CONVERGED
    assert np.diff(curve.knots)[-2] > 1e3
    directions = curve.states(curve.knots[-1:])[0, 2:].reshape(3, -1)[:, 1:]
    apart = np.ptp(np.arctan2(directions[:, 2], directions[:, 1]))
    assert 0 < apart < np.ptp(angles) / 2


def test_balanced_neurons_that_shrink_stay_balanced():
    """Rounding would take them off the cone |w| = |a|, like the square of what they shrink by."""
    path = multi_index(TEACHERS, 3, activation="abs", width=2, signs=[1, -1], max_jumps=0)
    flow = neurons(path.network, path.init, log_alpha=-40.0, until=1.4)
    times = np.linspace(0, flow.until, 9)
    assert flow.curve.log_norms(times)[-1, 1] < -60
    assert flow.curve.directions(times)[:, :, 0] ** 2 == pytest.approx(0.5, abs=1e-12)

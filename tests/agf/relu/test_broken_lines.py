"""Many dormant neurons together: against one by one, and against integration."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddles.agf._relu import lockstep
from saddles.agf._relu.broken_lines import climb, climb_all, neurons_climb, neurons_move
from saddles.agf._relu.exponential_ways import turn
from saddles.agf._relu.piecewise import PiecewiseUtility, Pulls
from saddles.agf._relu.relu import _balanced

#: Both are exact but for the condition of what comes after.
CLOSE = 1e-8


def problem(seed, largest=40):
    rng = np.random.default_rng(seed)
    d, n = int(rng.integers(2, 6)), int(rng.integers(2, largest))
    return rng.standard_normal((n, d)), rng.standard_normal(n), float(rng.choice([0, 0.1, -0.5]))


def check_same(ends, others):
    for end, other in zip(ends, others, strict=True):
        assert end.direction == pytest.approx(other.direction, abs=CLOSE)
        assert (end.growth, end.ratio) == pytest.approx((other.growth, other.ratio), abs=CLOSE)
        assert (end.sign, end.unique) == (other.sign, other.unique)


@settings(max_examples=12)
@given(st.integers(0, 10**6))
def test_together_neurons_go_where_each_goes(seed):
    X, r, slope = problem(seed)
    rng, G = np.random.default_rng(seed), PiecewiseUtility.of(X, r, slope)
    w, sign = rng.standard_normal((5, X.shape[1])), rng.choice([-1.0, 1.0], 5)
    imbalance = rng.choice([0.0, math.inf, -0.5], 5) * np.sum(w**2, axis=1)
    alone = [
        climb(G, *row, sign=s, imbalance=i)
        for row, s, i in zip(w[:, None], sign, imbalance, strict=True)
    ]
    check_same(climb_all(G, w, sign, imbalance), alone)


@pytest.mark.parametrize("seed", range(2))
def test_a_horizon_hides_no_hyperplane(seed, monkeypatch):
    rng = np.random.default_rng(seed)
    G = PiecewiseUtility.of(rng.standard_normal((120, 4)), rng.standard_normal(120), 0.0)
    w, sign, balanced = rng.standard_normal((6, 4)), rng.choice([-1.0, 1.0], 6), np.zeros(6)
    whole = climb_all(G, w, sign, balanced)
    monkeypatch.setattr(lockstep, "ALL", 0)
    monkeypatch.setattr(lockstep, "CANDIDATES", 8)
    check_same(climb_all(G, w, sign, balanced), whole)


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.floats(0.01, 3))
def test_after_a_time_neurons_are_where_their_exponential_ways_lead(seed, time):
    """The other exact way: that of several outputs, with one."""
    X, r, slope = problem(seed, largest=15)
    rng, G = np.random.default_rng(seed), PiecewiseUtility.of(X, r, slope)
    time /= G.scale
    theta = rng.standard_normal((4, X.shape[1] + 1))
    theta[:2, -1] = np.copysign(np.linalg.norm(theta[:2, :-1], axis=1), theta[:2, -1])
    moved = neurons_move(G, theta, time)
    for row, other in zip(theta, moved, strict=True):
        way = turn(Pulls.of(X, r[:, None], slope), row, until=time)
        if not way.vanishes:
            assert other == pytest.approx(way.at(time)[0], abs=1e-7)


@settings(max_examples=12)
@given(st.integers(0, 10**6))
def test_the_end_is_where_time_leads(seed):
    X, r, slope = problem(seed)
    rng, G = np.random.default_rng(seed), PiecewiseUtility.of(X, r, slope)
    theta = rng.standard_normal((4, X.shape[1] + 1))
    theta[:, -1] = np.copysign(np.linalg.norm(theta[:, :-1], axis=1), theta[:, -1])
    late = neurons_move(G, theta, 1e9 / G.scale)
    for end, row in zip(neurons_climb(G, theta), late, strict=True):
        w = row[:-1] / np.linalg.norm(row[:-1])
        if end.growth > 1e-6 * G.scale:
            assert w == pytest.approx(end.direction, abs=1e-6)


@pytest.mark.parametrize("seed", [49, 151, 184, 313, 443, 506, 592, 694])
def test_where_hyperplanes_of_whole_numbers_meet_ways_end_too(seed):
    """Several hold a neuron, and others touch its ray: it cannot leave them, or comes back."""
    rng = np.random.default_rng([11, seed])
    n, slope = int(rng.integers(4, 8)), float(rng.choice([0, 0.1]))
    X, r = (rng.integers(-2, 3, shape).astype(float) for shape in ((n, 3), n))
    G = PiecewiseUtility.of(X, r, slope)
    ends = neurons_climb(G, _balanced(4, 3, 1, seed))
    for end in ends:
        assert end is not None
        assert end.residual <= CLOSE
        rate = end.sign * float(G.value(end.direction))
        assert end.growth == pytest.approx(rate, abs=CLOSE * G.scale)

"""Plateaus of graded flows: the closed form obeys the flow, and nothing creeps."""

from __future__ import annotations

import numpy as np
import pytest

import saddles
from saddles.flow import full, linear, matrix
from saddles.flow._graded.leap import Leap
from saddles.status import Status
from tests.flow.test_graded import ADDED_UP, entries, gaussian, orthogonal, symmetric


def network(seed, levels, variances):
    """Return moments whose modes mix, with these singular values and variances."""
    d = len(levels)
    Q, P, R = (orthogonal(3 * seed + k, d) for k in range(3))
    xx = (Q * variances) @ Q.T
    return (xx + xx.T) / 2, (P * levels) @ R.T


#: Levels over seven orders, inputs of condition 1e3.
WIDE = network(1, [1.0, 1e-3, 1e-7], [1.0, 0.2, 1e-3])


@pytest.fixture(scope="module")
def wide():
    return linear(*WIDE, log_alpha=-350.0)


def leaps(flow):
    return [curve for curve in flow.curve.packed.curves if isinstance(curve, Leap)]


def test_every_plateau_is_leapt_over_and_nothing_creeps(wide):
    assert wide.status is Status.CONVERGED
    assert len(leaps(wide)) == 3
    assert len(wide.times) < 1500
    left, levels, _ = np.linalg.svd(WIDE[1])
    missed = np.linalg.norm(left.T @ (wide.at(wide.until) @ WIDE[0] - WIDE[1]), axis=1)
    assert (missed < 1e-3 * levels).all()  # each mode by its own size
    assert missed.max() < 1e-7  # and all of them to the relative error that is asked for


def test_saddles_are_those_of_the_path(wide):
    path = saddles.agf.linear(*WIDE)
    # In units of 1/log(1/α), the flow is late by what it takes to grow to the saddle's size.
    starts = [leap.end / wide.curve.speed for leap in leaps(wide)]
    assert starts == pytest.approx(path.times[1:], rel=0.1)
    assert wide.loss(starts) == pytest.approx(path.losses[:-1], rel=1e-8)


def test_a_leap_obeys_the_flow(wide):
    for leap in leaps(wide):
        for share in (0.01, 0.3, 0.9, 0.999):
            middle = leap.begin + share * (leap.end - leap.begin)
            step = 1e-5 * (leap.end - leap.begin)
            ahead, here, behind = leap(middle + step * np.array([1.0, 0.0, -1.0])).T
            moved = wide.curve.coordinates.velocity(0.0, here)
            pace = np.abs(moved).max()
            slopes = (ahead - behind) / (2 * step)
            # Sizes of columns that nothing lets grow are known to few digits, and nobody asks.
            assert np.abs(slopes - moved).max() < 1e-3 * pace


def test_leaps_begin_where_steps_end(wide):
    packed = wide.curve.packed
    for number, curve in enumerate(packed.curves):
        if isinstance(curve, Leap) and number:
            time = packed.times[number : number + 1]
            factors = [
                wide.curve.coordinates.factor(piece(time)[:, 0])
                for piece in (packed.curves[number - 1], curve)
            ]
            before, after = (wide.curve.coordinates.point(factor) for factor in factors)
            assert np.abs(before - after).max() < ADDED_UP * np.abs(after).max()


@pytest.mark.parametrize("width", [5, 3])
def test_equal_rates_are_no_hindrance(width):
    M = symmetric(4, [2.0, 2.0, 0.5, 0.5, -1.0])
    loss = entries((M + M.T) / 2)
    exact = full(loss.M, log_alpha=-300.0, width=width)
    flow = matrix(loss, log_alpha=-300.0, width=width, until=exact.until)
    taus = np.linspace(0, exact.until, 60)
    assert np.abs(flow.at(taus) - exact.at(taus)).max() < ADDED_UP


def test_a_leap_keeps_to_the_last_time():
    flow = linear(*WIDE, log_alpha=-350.0, until=0.5)
    assert flow.status is Status.UNTIL_REACHED
    assert flow.until == 0.5
    assert len(flow.times) == 2
    other = linear(*WIDE, log_alpha=-350.0, until=0.5, initial=2 * gaussian(0, 6, 6))
    assert other.loss(0.5) == pytest.approx(flow.loss(0.5))

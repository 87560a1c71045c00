"""What counts as an end: nothing moves, nothing could grow, and nothing of worth is hidden."""

import math

import numpy as np
import pytest

from saddles._numerics.ends import Outlook, endless, gains, still
from saddles.status import Status


@pytest.mark.parametrize(
    ("moves", "left", "hidden", "status"),
    [
        (True, 0.0, math.inf, None),
        (False, 0.0, 0.0, Status.CONVERGED),
        (False, 1e-11, 0.0, Status.CONVERGED),
        (False, 1e-9, 0.0, None),
        (False, 1e-9, 1e-9, Status.CONVERGED),
        (False, 1e-7, 1e-7, Status.RESOLUTION),
        (False, 1e-7, 0.9e-7, None),
        (False, math.inf, math.inf, Status.RESOLUTION),
    ],
)
@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_ends_do_not_depend_on_the_unit_of_the_loss(moves, left, hidden, status, unit):
    assert Outlook(moves=moves, left=left * unit, whole=unit, hidden=hidden * unit).status is status


def test_a_pull_is_measured_against_what_drives_the_unit_itself():
    pull = np.array([1e-9, 1e-9, 1e-13, -1e-9, 1e-12])
    own = np.array([1.0, 1e-3, 1e-6, 1.0, 0.0])
    assert still(pull, own, 1e-8).tolist() == [True, False, True, True, False]


def test_gains_are_those_of_a_parabola():
    growth, curvature = np.array([0.5, -1.0, 1e-17, 2.0]), np.array([2.0, 1.0, 0.0, 0.0])
    assert gains(growth, curvature).tolist() == [0.5**2 / 4, 0.0, 0.0, math.inf]


@pytest.mark.parametrize("power", [3, 5, 7])
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_sizes_that_tend_to_one_are_told_from_those_that_grow_without_end(power, size):
    """At a minimum of degree q + 1 force is the q-th power of what is missing."""
    force = 0.1 ** np.arange(3, 10)
    arriving = np.log(size * (1 - force ** (1 / power)))
    leaving = np.log(size * force ** (-1 / (3 * power)))
    assert not endless(list(arriving))
    assert endless(list(leaving))
    assert endless(list(np.column_stack([arriving, leaving])))
    assert not endless(list(-leaving))
    assert not endless(list(leaving[:3]))

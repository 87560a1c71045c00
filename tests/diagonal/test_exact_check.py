"""A path led through fractions is the reference's; a wrong path is refuted."""

from fractions import Fraction

import numpy as np
import pytest

import saddles
from reference.pesme_flammarion import pesme_flammarion as reference
from saddles import testing
from saddles._diagonal.exact_check import Refuted, exact_saddles, solved


def fractions(X, y):
    return [[Fraction(int(v)) for v in row] for row in X], [Fraction(int(v)) for v in y]


@pytest.mark.parametrize("seed", range(60))
def test_it_is_the_path_of_the_reference(seed):
    X, y = testing.integer_problem(seed)
    path = saddles.pesme_flammarion(X.astype(float), y.astype(float))
    found, exact = exact_saddles(*fractions(X, y), path.active), reference(X.tolist(), y.tolist())
    assert [saddle.time for saddle in found] == exact.times
    assert [saddle.loss for saddle in found] == exact.losses
    for saddle, beta, fit in zip(found, exact.betas, exact.fits, strict=True):
        own = [saddle.beta.get(i, Fraction(0)) for i in range(len(beta))]
        assert [
            sum((int(x) * b for x, b in zip(row, own, strict=True)), Fraction(0)) for row in X
        ] == fit
    for saddle, beta in zip(found, path.betas, strict=True):
        own = [float(saddle.beta.get(i, 0)) for i in range(len(beta))]
        np.testing.assert_allclose(own, beta, atol=1e-9 * np.abs(path.betas).max())


X = np.array([[10, 5, 7, 0], [5, 10, 1, 7]])
Y = np.array([10, 0])
PATH = saddles.pesme_flammarion(X.astype(float), Y.astype(float))


def changed(jump, units):
    active = list(PATH.active)
    active[jump] = np.array(units, dtype=int)
    return active


@pytest.mark.parametrize(
    ("active", "words"),
    [
        (changed(1, [0, 1]), "after jump 1 coefficient 1 is"),
        (changed(2, [0]), "after jump 2 the clock of 2 is pushed"),
        (changed(2, [0, 2]), "after jump 2 coefficient 0 is -"),
        (PATH.active[:-1], "training goes on after jump 2"),
        ((*PATH.active, PATH.active[-1]), "training ends after 3 jumps"),
    ],
)
def test_a_wrong_path_is_refuted(active, words):
    with pytest.raises(Refuted, match=words):
        exact_saddles(*fractions(X, Y), active)


def test_a_path_that_was_stopped_is_led_as_far_as_it_goes():
    found = exact_saddles(*fractions(X, Y), PATH.active[:2], finished=False)
    assert [float(saddle.time) for saddle in found] == pytest.approx(PATH.times[:2])


def test_numbers_that_are_no_integers():
    rows = [[Fraction(v, 10) for v in row] for row in X.tolist()]
    path = saddles.pesme_flammarion(X / 10, Y / 10)
    found = exact_saddles(rows, [Fraction(v, 10) for v in Y.tolist()], path.active)
    assert [saddle.time for saddle in found] == [0, 2, 8, Fraction(552, 49)]


def test_blur_makes_a_tie_of_clocks_that_rounding_parted():
    rows = [[Fraction(1), Fraction(0)], [Fraction(0), Fraction(1) + Fraction(1, 10**15)]]
    path = saddles.pesme_flammarion(np.eye(2), [1.0, 1.0])
    assert [units.tolist() for units in path.active] == [[], [0, 1]]
    with pytest.raises(Refuted):
        exact_saddles(rows, [Fraction(1)] * 2, path.active)
    assert len(exact_saddles(rows, [Fraction(1)] * 2, path.active, blur=Fraction(1, 10**12))) == 2


def test_singular_systems_are_known():
    one = Fraction(1)
    assert solved([[one, one], [one, one]], [one, one]) is None
    assert solved([[2 * one, one], [one, one]], [one, one]) == [0, 1]
    assert solved([], []) == []

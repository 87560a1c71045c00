"""Paths do not know the units of data: rescaled problems have rescaled paths, to the last digit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import saddles
from saddles._result.path import SaddlePath

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((6, 3)), rng.standard_normal(6)
STARTS = rng.standard_normal((2, 4))
TEMPLATE = np.cos(2 * np.pi * np.arange(5) / 5)
COVARIANCE = np.array([[2.0, 0.3], [0.3, 1.0]])
HEADS = rng.standard_normal((3, 5))

#: Weights of degree 3 take the cube root of a scale, of degree 2 the square root.
EXPONENTS = (-180, 24)


def cubic(theta: Any, inputs: Any) -> Any:
    """Return a neuron of degree 3."""
    return (inputs @ theta[:3]) ** 2 * theta[3]


def mixed(theta: Any, inputs: Any) -> Any:
    """Return a quadratic form of one part of several dimensions."""
    return (inputs @ theta[:3]) * theta[3]


def network(neuron: Any, scale: float, shift: float, degree: int) -> SaddlePath:
    """Return a path of torch neurons, inputs and targets rescaled."""
    pytest.importorskip("torch")
    return saddles.agf.network(neuron, scale * X, shift * Y, STARTS[:1], degree=degree)


#: Paths as functions of a scale, the power of it by which jump times grow, and that of betas.
FAMILIES: dict[str, tuple[Callable[[float], SaddlePath], int, int]] = {
    "relu, X": (lambda s: saddles.agf.relu(s * X, Y, width=6), -1, 0),
    "relu, Y": (lambda s: saddles.agf.relu(X, s * Y, width=6), -1, 1),
    "relu, both outputs": (
        lambda s: saddles.agf.relu(X, s * np.c_[Y, -Y], width=6, max_jumps=1),
        -1,
        1,
    ),
    "modular addition": (lambda s: saddles.agf.modular_addition(s * TEMPLATE, width=2), -3, 1),
    "attention": (lambda s: saddles.agf.attention(s * COVARIANCE, 5, init=HEADS), -2, -1),
    "attention, init": (lambda s: saddles.agf.attention(COVARIANCE, 5, init=s * HEADS), -1, 0),
    "cubic, X": (lambda s: network(cubic, s, 1.0, 3), -2, 0),
    "cubic, Y": (lambda s: network(cubic, 1.0, s, 3), -1, 1),
    "quadratic, X": (lambda s: network(mixed, s, 1.0, 2), -1, 0),
    "quadratic, Y": (lambda s: network(mixed, 1.0, s, 2), -1, 1),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_paths_scale_with_their_data(family: str) -> None:
    solve, power, betas = FAMILIES[family]
    base = solve(1.0)
    assert len(base) > 1
    for exponent in EXPONENTS:
        path = solve(2.0**exponent)
        assert path.status is base.status
        assert [s.active.tolist() for s in path] == [s.active.tolist() for s in base]
        np.testing.assert_array_equal(path.times, np.ldexp(base.times, power * exponent))
        largest = np.abs(base.betas).max()
        np.testing.assert_allclose(
            np.ldexp(path.betas, -betas * exponent), base.betas, rtol=0, atol=1e-12 * largest
        )
        np.testing.assert_allclose(
            path.losses / path.losses[0],
            base.losses / base.losses[0],
            rtol=1e-9,
            atol=1e-20,
        )
        assert (path.remaining.loss is None) == (base.remaining.loss is None)
        if base.remaining.loss is not None:
            share = base.remaining.loss / base.losses[0]
            assert path.remaining.loss / path.losses[0] == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("factor", [3.7e-60, 41.0])
def test_units_that_are_no_powers_of_two(factor: float) -> None:
    base = saddles.agf.modular_addition(TEMPLATE, width=2)
    path = saddles.agf.modular_addition(factor * TEMPLATE, width=2)
    np.testing.assert_allclose(path.times[1:] * factor**3, base.times[1:], rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-150, 1e-8, 1e8, 1e150])
def test_extremal_directions_scale(scale: float) -> None:
    base, found = (saddles.agf.extremal_directions(s * X, Y) for s in (1.0, scale))
    np.testing.assert_allclose(found.directions, base.directions, atol=1e-12)
    np.testing.assert_allclose(found.growth, scale * base.growth, rtol=1e-12)
    probe = np.array([0.3, -0.5, 1.0])
    assert found.utility(probe) == pytest.approx(scale * base.utility(probe), rel=1e-12)


@pytest.mark.parametrize("scale", [1e-80, 1e80])
def test_extreme_data_are_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=r"max\(abs\(template\)\)=.*multiply template"):
        saddles.agf.modular_addition(scale * TEMPLATE, width=2)
    with pytest.raises(ValueError, match=r"max\(abs\(covariance\)\)=.*multiply covariance"):
        saddles.agf.attention(scale * COVARIANCE, 5)
    with pytest.raises(ValueError, match=r"max\(abs\(neuron\(theta, X\)\)\)="):
        network(cubic, scale, 1.0, 3)
    with pytest.raises(ValueError, match=r"overflow.* Y by a constant"):
        network(cubic, 1.0, scale**2, 3)

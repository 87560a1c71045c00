"""In which order a target shows its coordinates: information exponent and leap.

Ben Arous, Gheissari and Jagannath (2021, arXiv:2003.10409) call the lowest degree of a target's
Hermite expansion, above 0, its information exponent. A neuron with small overlaps sees this degree
first. Abbe, Boix-Adserà and Misiakiewicz (2023, arXiv:2302.11055) continue: coordinates that are
known lower the degree of what is left, z_1 z_2 is of degree 1 in z_2 for whoever knows z_1. The
largest degree that has to be leapt over is the leap.

Here known is a subspace S, so that no basis is preferred. A step looks at the parts of the Hermite
tensors T_j with i indices across S and j − i in S, takes the smallest i ≥ 1 for which one is not
zero, and adds to S all directions that these parts contain.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``tensors``      T_j, symmetric, (r, ..., r): g_β β!/√j! at the places of β, so that
                 |T_j|² is the mean square of the terms of degree j
``known``        an orthonormal basis of S, (r, s); ``other`` of its complement
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from saddles import checks
from saddles.agf._multi_index.activation import lacking, named
from saddles.agf._multi_index.target import (
    HermiteTarget,
    Index,
    factorial,
    refuse_high_degrees,
)
from saddles.typing import Array

__all__ = ["information_exponent", "leap", "steps"]

#: A part of a tensor this small, relative to the largest tensor, is rounding.
ABSENT = 1e-10
#: Largest number of entries of a tensor, the same for teachers, and of indices.
LARGEST, TEACHERS, DEGREES = 100_000, 10_000, 20


def information_exponent(target: HermiteTarget, *, activation: Any = None) -> int:
    """Lowest Hermite degree of a target, above 0.

    Parameters
    ----------
    target : HermiteTarget
        The target.
    activation : str, Homogeneous or Spherical, optional
        Of the neurons that learn: degrees which it lacks do not count. Teachers need it.

    Returns
    -------
    int
        The degree p that neurons with small overlaps see first; `search_time` has what it costs.

    Raises
    ------
    TypeError, ValueError
        If nothing is left to learn, with the degrees that the activation lacks.

    Examples
    --------
    >>> from saddles.agf import HermiteTarget, information_exponent
    >>> target = HermiteTarget({(2, 0): 1.0, (1, 2): 1.0})
    >>> information_exponent(target), information_exponent(target, activation="cubic")
    (2, 3)
    """
    sizes = {
        j: math.hypot(*(value * math.sqrt(factorial(beta)) for beta, value in terms.items()))
        for j, terms in _seen(target, activation).items()
    }
    return min(j for j, size in sizes.items() if size > ABSENT * max(sizes.values()))


def leap(target: HermiteTarget, *, activation: Any = None) -> int:
    """Largest degree that has to be leapt over on the way to all coordinates of a target.

    Parameters
    ----------
    target : HermiteTarget
        The target.
    activation : str, Homogeneous or Spherical, optional
        Of the neurons that learn: degrees which it lacks do not count. Teachers need it.

    Returns
    -------
    int
        The largest of the exponents of all steps, of which the first is `information_exponent`.

    Raises
    ------
    TypeError, ValueError
        If nothing is left to learn, with the degrees that the activation lacks.

    Notes
    -----
    The definition with subspaces depends on no basis. It may be larger than the one with
    coordinates: z_1 + z_2 shows one direction of the plane alone. Teachers count up to a degree at
    which their tensors have 10⁴ entries: 13 in two coordinates, 8 in three.

    Examples
    --------
    >>> from saddles.agf import HermiteTarget, leap
    >>> leap(HermiteTarget({(1, 0, 0): 1.0, (1, 1, 0): 1.0, (1, 1, 1): 1.0}))
    1
    >>> leap(HermiteTarget({(1, 0, 0): 1.0, (1, 1, 1): 1.0}))
    2
    """
    return max(exponent for exponent, _ in steps(target, activation))


def steps(
    target: HermiteTarget, activation: Any = None, most: int | None = None
) -> list[tuple[int, Array]]:
    """Return the first `most` steps: the exponent, and the directions (r, m) that are added."""
    tensors = _tensors(target, activation)
    scale = max(float(np.linalg.norm(each)) for each in tensors)
    known = np.zeros((target.r, 0))
    found: list[tuple[int, Array]] = []
    while known.shape[1] < target.r and len(found) != most:
        other = np.linalg.svd(known)[0][:, known.shape[1] :]
        step = _next(tensors, known, other, ABSENT * scale)
        if step is None:
            break
        found.append(step)
        known = np.hstack([known, step[1]])
    return found


def _next(
    tensors: list[Array], known: Array, other: Array, least: float
) -> tuple[int, Array] | None:
    """Return the smallest number of indices across what is known, and where they point."""
    for exponent in range(1, max(each.ndim for each in tensors) + 1):
        parts = [
            _along(each, [other] * exponent + [known] * (each.ndim - exponent))
            for each in tensors
            if each.ndim >= exponent
        ]
        left, values, _ = np.linalg.svd(
            np.hstack([each.reshape(other.shape[1], -1) for each in parts]), full_matrices=False
        )
        if len(values) and values[0] > least:
            return exponent, other @ left[:, values > least]
    return None


def _along(tensor: Array, bases: list[Array]) -> Array:
    """Return a tensor in a basis for each index."""
    return reduce(lambda rest, basis: np.tensordot(rest, basis, (0, 0)), bases, tensor)


def _tensors(target: HermiteTarget, activation: Any) -> list[Array]:
    """Return the Hermite tensors of degree 1 and more that a neuron can see."""
    seen = _seen(target, activation)
    if (highest := max(seen)) > (fits := _fits(target, LARGEST)):
        raise ValueError(
            f"target={checks.show(target)} has degree {highest} in {target.r} coordinates; its "
            f"tensors fit up to degree {fits}. Leave out its highest degrees."
        )
    return [
        math.sqrt(math.factorial(j)) * _tensor(terms, target.r, j)
        for j, terms in sorted(seen.items())
    ]


def _fits(target: HermiteTarget, entries: int) -> int:
    """Return the highest degree at which tensors have at most so many entries."""
    return min(int(math.log(entries, max(target.r, 2))), DEGREES)


def _seen(target: HermiteTarget, activation: Any) -> dict[int, dict[Index, float]]:
    """Return the terms that a neuron can see by their degree, which is at least 1."""
    if not isinstance(target, HermiteTarget):
        raise TypeError(
            f"target={checks.show(target)} must be a saddles.agf.HermiteTarget; make one from "
            "Hermite coefficients, a polynomial, teachers or a function."
        )
    students, teachers = None if activation is None else named(activation), len(target.weights)
    if students is None and teachers:
        raise ValueError("activation=None: teachers need the activation; pass activation='relu'.")
    refuse_high_degrees(target)
    known = target.coefficients
    if students is not None and teachers:
        known = target.hermite(students, _fits(target, TEACHERS))
    found: dict[int, dict[Index, float]] = {}
    for beta, value in known.items():
        if value and any(beta):
            found.setdefault(sum(beta), {})[beta] = value
    lacks = [] if students is None else lacking(students, found)
    if len(lacks) == len(found):
        missed = f": the activation lacks the degrees {lacks}" if found else ""
        raise ValueError(
            f"target={checks.show(target)} has no Hermite degree to learn{missed}; give it another "
            "one, or pass an activation that has its degrees."
        )
    return {j: terms for j, terms in found.items() if j not in lacks}


def _tensor(terms: Mapping[Index, float], r: int, degree: int) -> Array:
    """Return the symmetric tensor T with Σ_β g_β m^β = <T, m ⊗ ... ⊗ m>, slice by slice."""
    if not terms:
        return np.zeros((r,) * degree)
    if degree == 0:
        return np.array(sum(terms.values()))
    slices = (
        {
            (*beta[:i], beta[i] - 1, *beta[i + 1 :]): value * beta[i] / degree
            for beta, value in terms.items()
            if beta[i]
        }
        for i in range(r)
    )
    return np.stack([_tensor(each, r, degree - 1) for each in slices])

"""Parts of a matrix loss that never interact: ∇f(W) never links them, nor does one feel another.

Observations that form a disconnected graph are the common case. Each part learns as if it were
alone, with columns of its own: what its columns have in the rows of another part is exponentially
small, and does not grow before the clock of that part rings. A descent of all rows at once would
let rounding decide that. So the parts are taken apart, in the coordinates given or, if they are
hidden there, in eigenvectors of a generic element of the algebra that all ∇f(W) generate.

==============  ==================================================================
code name       symbol
==============  ==================================================================
``basis``       B, orthonormal directions of a part, shape (d, m)
``rest``        UUᵀ of the columns of other parts, shape (d, d)
==============  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from saddles._matrix.declared import DeclaredLoss
from saddles._numerics.precision import EPS
from saddles.typing import Array

__all__ = ["Parts", "independent_parts", "within"]

#: Number of random points whose slopes, with that at 0, show which entries a loss connects.
POINTS = 3
#: How far those points are from 0, as factors in the unit of the square root of the slope.
NEAR = 0.1
#: Rounding of ∇f, relative to its size, for each of its rows.
UNLINKED = 64 * EPS
#: Links weaker than this, relative to the size of ∇f, are too weak to be followed: a descent passes
#: saddles that only they make unstable, as if they were the end, and cannot tell it from rounding.
WEAK = 1e-5


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a loss.

    Attributes
    ----------
    bases : list of ndarray of shape (d, m)
        Orthonormal directions of each.
    weakly_linked : bool
        Whether one of them falls into several if weak links are left out.
    """

    bases: list[Array]
    weakly_linked: bool = False


def independent_parts(gradient: Callable[[Array], Any], size: int, *, hidden: bool) -> Parts:
    """Return the parts of a loss.

    Parameters
    ----------
    gradient : callable
        U (d, r) -> ∇f(UUᵀ), dense or sparse, (d, d).
    size : int
        d.
    hidden : bool
        Whether parts are looked for that are not parts of the coordinates.
    """
    rng = np.random.default_rng(0)
    # In coordinates one column reaches every row; of hidden directions it would reach only one.
    shape = (size, size if hidden else 1)
    first = gradient(np.zeros(shape))
    reach = NEAR * np.sqrt(abs(first).max() or 1.0)
    slopes = [first]
    slopes += [gradient(reach * rng.standard_normal(shape)) for _ in range(POINTS)]
    if not all(np.isfinite(getattr(slope, "data", slope)).all() for slope in slopes):
        return Parts([np.eye(size)])
    bases = _connected(slopes, np.eye(size), np.zeros(len(slopes)))
    if not hidden:
        return Parts(_apart(gradient, bases, reach, rng))
    vectors, turned, noise = _in_eigenvectors(slopes)
    if len(bases) == 1:
        bases = _connected(turned, vectors, noise)
    weakly_linked = len(_connected(turned, vectors, np.maximum(noise, WEAK))) > len(bases)
    return Parts(_apart(gradient, bases, reach, rng), weakly_linked)


def _in_eigenvectors(slopes: list[Any]) -> tuple[Array, list[Array], Array]:
    """Return eigenvectors of a generic element of the algebra, ∇f in them, and its noise.

    The noise, of shape (k, d, d), is that of ∇f and that of the eigenvectors: one turns by as much
    as the element is uncertain, over the gap between its eigenvalue and the next. Parts that
    are copies of each other have no such gap; what is hidden there, `_apart` finds.
    """
    # What W changes, however little that is beside the slope at 0, whose rounding is left in it.
    changes = [slopes[0], *(slope - slopes[0] for slope in slopes[1:])]
    sizes = np.array([np.linalg.norm(change) for change in changes])
    sizes[sizes == 0] = 1.0
    units = [change / norm for change, norm in zip(changes, sizes, strict=True)]
    product = units[0] @ units[1]
    weights = np.random.default_rng(0).random(len(units))
    generic = sum(w * unit for w, unit in zip(weights, units, strict=True)) + product + product.T
    levels, vectors = np.linalg.eigh(generic)
    uncertain = UNLINKED * len(levels) * np.maximum(1.0, sizes[0] / sizes)
    gaps = np.pad(np.maximum(np.diff(levels), EPS), 1, constant_values=np.inf)
    turns = uncertain.max() / np.minimum(gaps[:-1], gaps[1:])
    noise = uncertain[:, None, None] + turns + turns[:, None]
    return vectors, [vectors.T @ unit @ vectors for unit in units], noise


def _apart(
    gradient: Callable[[Array], Any], bases: list[Array], reach: float, rng: np.random.Generator
) -> list[Array]:
    """Join the parts of which one feels what another has learnt, although ∇f never links them."""
    from scipy.sparse.csgraph import connected_components

    if len(bases) == 1:
        return bases
    columns = reach * np.stack([basis @ rng.standard_normal(basis.shape[1]) for basis in bases], 1)
    joint, felt = gradient(columns), np.eye(len(bases), dtype=bool)
    noise = UNLINKED * len(bases[0]) * abs(joint).max()
    for q in range(len(bases)):
        change = gradient(np.delete(columns, q, axis=1)) - joint
        felt[q] |= [not abs(basis.T @ (change @ basis)).max() <= noise for basis in bases]
    count, labels = connected_components(felt, directed=False)
    return [
        np.hstack([b for b, k in zip(bases, labels, strict=True) if k == n]) for n in range(count)
    ]


def _connected(slopes: list[Any], basis: Array, noise: Array) -> list[Array]:
    """Return the columns of `basis` in the groups that entries above their noise join."""
    from scipy.sparse.csgraph import connected_components

    linked = sum(abs(slope) > least for slope, least in zip(slopes, noise, strict=True))
    count, labels = connected_components(linked, directed=False)
    return [basis[:, labels == k] for k in range(count)]


def within(loss: DeclaredLoss, basis: Array, others: Array) -> DeclaredLoss:
    """Return a loss of the part with this basis (d, m), beside the columns (d, r) of others."""
    rest = others @ others.T

    def whole(W: Array) -> Array:
        return rest + _embedded(W, basis)

    def product(W: Array, D: Array) -> Array:
        assert loss.hessian_product is not None
        bent = loss.hessian_product(whole(W), _embedded(D, basis))
        return np.asarray(basis.T @ np.asarray(bent, dtype=float) @ basis)

    return DeclaredLoss(
        size=basis.shape[1],
        value=lambda W: loss.value(whole(W)),
        gradient=lambda W: basis.T @ np.asarray(loss.gradient(whole(W)), dtype=float) @ basis,
        hessian_product=None if loss.hessian_product is None else product,
        at_factor=None if loss.at_factor is None else partial(_at_factor, loss, basis, others),
        along_factor=None if loss.at_factor is None else partial(_along, loss, basis, others),
        takes_stacks=loss.takes_stacks,
    )


def _embedded(W: Array, basis: Array) -> Array:
    """Return BWBᵀ, for W of shape (m, m) or (k, m, m)."""
    return np.asarray(basis @ W @ basis.T)


def _at_factor(loss: DeclaredLoss, basis: Array, others: Array, U: Array) -> tuple[float, Any]:
    assert loss.at_factor is not None
    value, slope = loss.at_factor(np.hstack([others, basis @ U]))
    return value, _cut(slope, basis)


def _along(loss: DeclaredLoss, basis: Array, others: Array, U: Array, D: Array) -> Any:
    assert loss.along_factor is not None
    joined, along = (np.hstack([pad, basis @ own]) for pad, own in ((others, U), (0 * others, D)))
    return _cut(loss.along_factor(joined, along), basis)


def _cut(slope: Any, basis: Array) -> Any:
    """Return the block of a sparse ∇f at the coordinates that are the part's."""
    rows = np.flatnonzero(basis.any(axis=1))
    return slope[rows][:, rows]

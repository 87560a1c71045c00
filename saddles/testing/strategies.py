"""Hypothesis strategies for problems: regressions (X, y), matrix losses, second moments.

`general_position` and `gaussian` stay away from ties, apart from those that chance brings; each
kind of degeneracy has a strategy of its own, and `integer_regressions` is all of them together.
Integer data are exact in every arithmetic, so that a tie is a tie for every algorithm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from saddles._matrix.losses import FullMatrix, MatrixCompletion, MatrixSensing
from saddles.testing import _hypothesis  # noqa: F401  (says how to get it, if it is missing)
from saddles.typing import Array

from hypothesis import strategies as st  # isort: skip
from hypothesis.extra import numpy as npst  # isort: skip

__all__ = [
    "NONMONOTONE",
    "completions",
    "deactivating",
    "full_matrices",
    "gaussian",
    "general_position",
    "initial_weights",
    "integer_regressions",
    "matrix_losses",
    "moments",
    "rank_deficient",
    "regressions",
    "sensings",
    "wide",
    "with_duplicate_columns",
    "with_ties",
    "with_zero_columns",
    "with_zero_rows",
]

#: Features (n, d) and targets (n,).
Problem = tuple[Array, Array]
Drawn = TypeVar("Drawn")
#: A strategy as a function of its bounds.
Kind = Callable[..., st.SearchStrategy[Drawn]]

#: The path on which a coordinate enters and leaves again (arXiv:2607.12332), times ten.
NONMONOTONE = (
    np.array([[10.0, 5.0, 7.0, 0.0], [5.0, 10.0, 1.0, 7.0]]),
    np.array([10.0, 0.0]),
)


def _entries(shape: int | tuple[int, ...], size: int) -> st.SearchStrategy[Array]:
    """Integers of at most `size`; the simplest entry is 1, since a problem of zeros says little."""
    order = np.array(sorted(range(-size, size + 1), key=lambda entry: abs(entry - 0.8)), float)
    places = npst.arrays(np.int64, shape, elements=st.integers(0, 2 * size))
    return places.map(lambda array: order[array])


def _regression(n: int, d: int, size: int) -> st.SearchStrategy[Problem]:
    return st.tuples(_entries((n, d), size), _entries(n, size))


@st.composite
def general_position(
    draw: st.DrawFn, *, max_side: int = 8, size: int = 1000, max_samples: int | None = None
) -> Problem:
    """Integers so large that no two clocks are likely to ring together.

    Parameters
    ----------
    max_side : int
        Largest number of samples, and of features.
    size : int
        Largest absolute value of an entry.
    max_samples : int, optional
        Largest number of samples, instead of `max_side`.
    """
    n = draw(st.integers(1, max_samples or max_side))
    d = draw(st.integers(1, max_side))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    X = rng.integers(-size, size + 1, (n, d)).astype(float)
    return X, rng.integers(-size, size + 1, n).astype(float)


@st.composite
def gaussian(
    draw: st.DrawFn, *, max_samples: int = 8, max_features: int = 8, min_samples: int = 1
) -> Problem:
    """Independent normal entries: no ties, unique coefficients.

    Parameters
    ----------
    max_samples, max_features, min_samples : int
        Bounds of the number of samples, and of features.
    """
    n = draw(st.integers(min_samples, max_samples))
    d = draw(st.integers(1, max_features))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.standard_normal((n, d)), rng.standard_normal(n)


@st.composite
def with_ties(draw: st.DrawFn, *, max_side: int = 8) -> Problem:
    """Entries −1, 0, 1: many clocks ring together.

    Parameters
    ----------
    max_side : int
        Largest number of samples, and of features.
    """
    n, d = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    return draw(_regression(n, d, 1))


@st.composite
def with_duplicate_columns(draw: st.DrawFn, *, max_side: int = 8, size: int = 3) -> Problem:
    """Some columns occur again, the sign perhaps turned.

    Parameters
    ----------
    max_side : int
        Largest number of samples, and of features.
    size : int
        Largest absolute value of an entry.
    """
    n, d = draw(st.integers(1, max_side)), draw(st.integers(1, max_side // 2))
    X, y = draw(_regression(n, d, size))
    copies = draw(st.lists(st.integers(0, d - 1), min_size=1, max_size=max_side - d))
    signs = draw(st.lists(st.sampled_from([-1, 1]), min_size=len(copies), max_size=len(copies)))
    return np.hstack([X, X[:, copies] * signs]), y


@st.composite
def with_zero_columns(draw: st.DrawFn, *, max_side: int = 8, size: int = 3) -> Problem:
    """At least one feature is zero throughout.

    Parameters
    ----------
    max_side : int
        Largest number of samples, and of features.
    size : int
        Largest absolute value of an entry.
    """
    n, d = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    X, y = draw(_regression(n, d, size))
    X[:, sorted(draw(st.sets(st.integers(0, d - 1), min_size=1)))] = 0
    return X, y


@st.composite
def with_zero_rows(draw: st.DrawFn, *, max_side: int = 8, size: int = 3) -> Problem:
    """At least one sample has no features; its target may be anything.

    Parameters
    ----------
    max_side : int
        Largest number of samples, and of features.
    size : int
        Largest absolute value of an entry.
    """
    n, d = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    X, y = draw(_regression(n, d, size))
    X[sorted(draw(st.sets(st.integers(0, n - 1), min_size=1)))] = 0
    return X, y


@st.composite
def rank_deficient(draw: st.DrawFn, *, max_side: int = 8, size: int = 2) -> Problem:
    """The features have rank at most 3, and less than their number.

    Parameters
    ----------
    max_side : int
        Largest number of samples, and of features.
    size : int
        Largest absolute value of an entry of their factors, and of the targets.
    """
    n, d = draw(st.integers(1, max_side)), draw(st.integers(2, max_side))
    rank = draw(st.integers(1, min(3, d - 1)))
    X = draw(_entries((n, rank), size)) @ draw(_entries((rank, d), size))
    return X, draw(_entries(n, size))


@st.composite
def wide(draw: st.DrawFn, *, max_side: int = 8, size: int = 5) -> Problem:
    """Fewer samples than features.

    Parameters
    ----------
    max_side : int
        Largest number of samples, and of features.
    size : int
        Largest absolute value of an entry.
    """
    d = draw(st.integers(2, max_side))
    return draw(_regression(draw(st.integers(1, d - 1)), d, size))


@st.composite
def deactivating(draw: st.DrawFn, *, max_extra: int = 3) -> Problem:
    """Problems in which a coordinate becomes active and later returns to zero.

    The published example, its columns permuted and their signs turned, its samples permuted, and
    features added that are too small to ring before the coordinate has left.

    Parameters
    ----------
    max_extra : int
        Largest number of features added.
    """
    X, y = NONMONOTONE
    extra = draw(_entries((2, draw(st.integers(0, max_extra))), 3)) / 32
    X = np.hstack([X, extra])
    columns, rows = draw(st.permutations(range(X.shape[1]))), draw(st.permutations(range(2)))
    turns = draw(st.lists(st.sampled_from([-1, 1]), min_size=X.shape[1], max_size=X.shape[1]))
    return X[np.ix_(rows, columns)] * turns, y[rows] * draw(st.sampled_from([-1, 1]))


#: Kinds of integer problems, those that are easiest to read first.
INTEGERS: tuple[Kind[Problem], ...] = (
    with_ties,
    with_duplicate_columns,
    rank_deficient,
    with_zero_columns,
    with_zero_rows,
    wide,
    general_position,
)

#: Kinds of regressions: a check gives each its turn.
REGRESSIONS: tuple[Kind[Problem], ...] = (*INTEGERS[:-1], deactivating, general_position, gaussian)


def integer_regressions(*, max_side: int = 8) -> st.SearchStrategy[Problem]:
    """Every kind of integer problem: tied, general, duplicate, zero, deficient, wide.

    Failures shrink towards the first kind, whose entries are the easiest to read.

    Parameters
    ----------
    max_side : int
        Largest number of samples, and of features.

    Returns
    -------
    SearchStrategy
        Of pairs (X, y), X (n, d) and y (n,).
    """
    return st.one_of([kind(max_side=max_side) for kind in INTEGERS])


def regressions() -> st.SearchStrategy[Problem]:
    """Regressions of every kind: integers, degenerate or not, deactivating, Gaussian.

    Returns
    -------
    SearchStrategy
        Of pairs (X, y), X (n, d) and y (n,).
    """
    return st.one_of([kind() for kind in REGRESSIONS])


@st.composite
def initial_weights(
    draw: st.DrawFn, n_features: int, *, min_depth: int = 3, max_depth: int = 5, ties: bool = False
) -> Array:
    """Initial weights over α of a deep diagonal network (D, d), some with a weight of zero.

    Parameters
    ----------
    n_features : int
        Number of coordinates d.
    min_depth, max_depth : int
        Smallest and largest depth D, at least 2.
    ties : bool
        Whether the two smallest weights of a coordinate may have the same size, which forbids a
        sign. A zero of either sign is none.
    """
    depth = draw(st.integers(min_depth, max_depth))
    sizes = draw(npst.arrays(np.int64, (depth, n_features), elements=st.integers(1, 16)))
    signs = draw(npst.arrays(np.int64, (depth, n_features), elements=st.sampled_from([1, -1])))
    zeros = draw(npst.arrays(np.int64, n_features, elements=st.integers(0, 1)))
    init = sizes * signs / 8.0
    init[0, zeros == 1] = 0.0
    if not ties:
        smallest = np.sort(np.abs(init), axis=0)
        init[0, smallest[0] == smallest[1]] = 0.0
    return np.asarray(init)


# --- matrices -----------------------------------------------------------------------------------


def _generators() -> st.SearchStrategy[np.random.Generator]:
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _symmetric(M: Array) -> Array:
    """Return M without the asymmetry of its rounding."""
    return np.asarray((M + M.T) / 2)


@st.composite
def full_matrices(draw: st.DrawFn, *, max_size: int = 5) -> FullMatrix:
    """Fully observed symmetric matrices: their eigenvalues well apart, some of them negative.

    Parameters
    ----------
    max_size : int
        Largest number of rows d.
    """
    d, rng = draw(st.integers(1, max_size)), draw(_generators())
    Q = np.linalg.qr(rng.standard_normal((d, d)))[0]
    levels = rng.permutation(np.arange(-1, d + 1))[:d] + rng.uniform(0.2, 0.8, d)
    return FullMatrix(_symmetric((Q * levels) @ Q.T))


@st.composite
def completions(draw: st.DrawFn, *, max_size: int = 5) -> MatrixCompletion:
    """Positive definite matrices with some entries hidden.

    The diagonal is observed, so that no minimum is at infinity. One row is observed too, so that
    the entries do not split into parts.

    Parameters
    ----------
    max_size : int
        Largest number of rows d.
    """
    d, rng = draw(st.integers(1, max_size)), draw(_generators())
    U = rng.standard_normal((d, d)) * np.geomspace(1.5, 0.3, d)
    mask = rng.random((d, d)) < 0.75
    mask[0] = True
    return MatrixCompletion(_symmetric(U @ U.T), mask | mask.T | np.eye(d, dtype=bool))


@st.composite
def sensings(draw: st.DrawFn, *, max_size: int = 4) -> MatrixSensing:
    """A matrix of rank 2 (or 1, for size 1) and as many measurements as it has entries.

    Parameters
    ----------
    max_size : int
        Largest number of rows d.
    """
    d, rng = draw(st.integers(1, max_size)), draw(_generators())
    # Whole numbers of 1/256: the measurements are those of a matrix, and not only up to rounding.
    A = rng.integers(-256, 257, (d * d, d, d)) / 256
    A = A + A.transpose(0, 2, 1)
    U = rng.integers(-512, 513, (d, min(d, 2))) / 256
    return MatrixSensing(A, np.tensordot(A, U @ U.T, axes=2))


#: Kinds of matrix losses.
MATRIX_LOSSES: tuple[Kind[Any], ...] = (full_matrices, completions, sensings)


def matrix_losses() -> st.SearchStrategy[Any]:
    """Matrix losses of every kind: all entries, completion, sensing.

    Returns
    -------
    SearchStrategy
        Of `FullMatrix`, `MatrixCompletion` and `MatrixSensing`.
    """
    return st.one_of([kind() for kind in MATRIX_LOSSES])


@st.composite
def moments(draw: st.DrawFn, *, max_inputs: int = 4, max_outputs: int = 3) -> tuple[Array, Array]:
    """Second moments Σxx (d, d) and Σyx (c, d) of correlated inputs and noisy outputs.

    Parameters
    ----------
    max_inputs, max_outputs : int
        Largest numbers d and c.
    """
    d, c = draw(st.integers(1, max_inputs)), draw(st.integers(1, max_outputs))
    rng, n = draw(_generators()), 60
    X = rng.standard_normal((n, d)) * np.geomspace(1.5, 0.7, d)
    Y = X @ rng.standard_normal((d, c)) + rng.standard_normal((n, c))
    return _symmetric(X.T @ X / n), Y.T @ X / n


#: Kinds of second moments.
MOMENTS: tuple[Kind[tuple[Array, Array]], ...] = (moments,)

"""Seeded families of regressions, named for what they have that ordinary data have not.

Plain functions of a generator, for loops over thousands of seeds that need neither shrinking nor
search, nor Hypothesis. The strategies in `saddles.testing.strategies` have both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAMILIES", "LARGEST_SIDE", "SIZES", "integer_problem"]

#: Features (n, d) and targets (n,).
Problem = tuple[NDArray[np.int64], NDArray[np.int64]]
Family = Callable[[np.random.Generator, int], Problem]

#: n and d of the generated problems are at most this.
LARGEST_SIDE = 8


def _sides(rng: np.random.Generator, least: int = 1) -> tuple[int, int]:
    n, d = rng.integers(least, LARGEST_SIDE + 1, 2)
    return int(n), int(d)


def _integers(rng: np.random.Generator, size: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
    return rng.integers(-size, size + 1, shape)


def general(rng: np.random.Generator, size: int) -> Problem:
    """Independent uniform integers; with small entries, ties are common."""
    n, d = _sides(rng)
    return _integers(rng, size, (n, d)), _integers(rng, size, (n,))


def wide(rng: np.random.Generator, size: int) -> Problem:
    """Fewer samples than features."""
    d = int(rng.integers(2, LARGEST_SIDE + 1))
    n = int(rng.integers(1, d))
    return _integers(rng, size, (n, d)), _integers(rng, size, (n,))


def tall(rng: np.random.Generator, size: int) -> Problem:
    """More samples than features, targets out of reach."""
    n = int(rng.integers(2, LARGEST_SIDE + 1))
    d = int(rng.integers(1, n))
    return _integers(rng, size, (n, d)), _integers(rng, size, (n,))


def signs(rng: np.random.Generator, size: int) -> Problem:
    """Entries −1, 0, 1 whatever `size`: many clocks ring together."""
    n, d = _sides(rng, 2)
    return _integers(rng, 1, (n, d)), _integers(rng, 1, (n,))


def duplicates(rng: np.random.Generator, size: int) -> Problem:
    """Some columns occur twice, or once more with the sign turned."""
    X, y = general(rng, size)
    X = X[:, : LARGEST_SIDE // 2]
    copies = rng.integers(0, X.shape[1], int(rng.integers(1, 5)))
    return np.hstack([X, X[:, copies] * rng.choice([-1, 1], copies.size)]), y


def multiples(rng: np.random.Generator, size: int) -> Problem:
    """Some columns are whole multiples of others: they can never be overtaken."""
    X, y = general(rng, size)
    X = X[:, : LARGEST_SIDE // 2]
    copies = rng.integers(0, X.shape[1], int(rng.integers(1, 5)))
    return np.hstack([X, X[:, copies] * rng.integers(-3, 4, copies.size)]), y


def zeros(rng: np.random.Generator, size: int) -> Problem:
    """Some columns and some rows are zero, the target's entry sometimes included."""
    X, y = general(rng, size)
    X[rng.random(X.shape[0]) < 0.3] = 0
    X[:, rng.random(X.shape[1]) < 0.3] = 0
    y[rng.random(y.size) < 0.2] = 0
    return X, y


def low_rank(rng: np.random.Generator, size: int) -> Problem:
    """Rank at most 3."""
    n, d = _sides(rng)
    rank = int(rng.integers(1, 4))
    small = max(1, int(np.sqrt(size)))
    return _integers(rng, small, (n, rank)) @ _integers(rng, small, (rank, d)), _integers(
        rng, size, (n,)
    )


def means(rng: np.random.Generator, size: int) -> Problem:
    """Columns that are means of others ring with them, and their coefficients are not unique."""
    n = int(rng.integers(2, 5))
    first = 2 * _integers(rng, size, (n, int(rng.integers(2, 5))))
    pairs = rng.integers(0, first.shape[1], (int(rng.integers(1, 4)), 2))
    signs = rng.choice([-1, 1], pairs.shape)
    X = np.hstack([first, (first[:, pairs] * signs).sum(axis=2) // 2])
    y = (
        first @ rng.integers(-1, 2, first.shape[1])
        if rng.random() < 0.5
        else _integers(rng, size, (n,))
    )
    return X, y


def orthogonal(rng: np.random.Generator, size: int) -> Problem:
    """Scaled unit vectors and a column of ones: ties between independent columns."""
    n = int(rng.integers(2, 6))
    diagonal = np.diag(rng.integers(1, 3, n))
    extra = _integers(rng, 2, (n, int(rng.integers(0, LARGEST_SIDE - n))))
    return np.hstack([diagonal, np.ones((n, 1), int), extra]), _integers(rng, 2, (n,))


FAMILIES: tuple[Family, ...] = (
    general,
    wide,
    tall,
    signs,
    duplicates,
    multiples,
    zeros,
    low_rank,
    means,
    orthogonal,
)

#: Largest entries of the integer families: ties are common with the first, rare with the last.
SIZES = (1, 2, 3, 9)


def integer_problem(seed: int, sizes: tuple[int, ...] = SIZES) -> Problem:
    """Return the integer problem (X, y) of this seed; each family has its turn.

    Parameters
    ----------
    seed : int
        At least 0; seeds that follow one another draw from different families.
    sizes : tuple of int
        Largest absolute values of entries, one of which is drawn.

    Returns
    -------
    X : ndarray of shape (n, d)
        Features.
    y : ndarray of shape (n,)
        Targets.
    """
    rng = np.random.default_rng(seed)
    family = FAMILIES[seed % len(FAMILIES)]
    X, y = family(rng, int(rng.choice(sizes)))
    return X, y

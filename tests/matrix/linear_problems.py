"""Second moments of linear networks, seeded: each as exact ones, and as a solver is given them.

What is exact is for an oracle that takes every digit for real; what is given is the same turned to
another basis of inputs and outputs, where rounding hides which parts of the data never interact.
"""

import numpy as np
from scipy.linalg import block_diag


def rotation(rng, d):
    return np.linalg.qr(rng.standard_normal((d, d)))[0]


def symmetric(matrix):
    return (matrix + matrix.T) / 2


def turned(rng, xx, yx):
    P, Q = (rotation(rng, side) for side in yx.shape)
    return symmetric(Q @ xx @ Q.T), P @ yx @ Q.T


def spread(rng, count, decades):
    return 10.0 ** -rng.uniform(0, decades, count)


def general(rng):
    """Condition of the inputs up to 1e8; a target's gain is of order one, or its correlation."""
    d, c = rng.integers(1, 9, 2)
    Q, B = rotation(rng, d), rng.standard_normal((c, d))
    xx = symmetric((Q * spread(rng, d, rng.uniform(0, 8))) @ Q.T)
    moments = xx, B @ xx if rng.random() < 0.5 else B
    return moments, moments


def modes(rng):
    """Diagonal moments, half of them with ties or zeros."""
    d, c = rng.integers(1, 9, 2)
    q = min(c, d)
    variances, signals = spread(rng, d, 3), spread(rng, q, 3)
    if rng.random() < 0.4:
        variances = rng.integers(1, 4, d).astype(float)
    if rng.random() < 0.4:
        signals = np.maximum(rng.integers(0, 4, q), np.arange(q) == 0).astype(float)
    yx = np.zeros((c, d))
    yx[range(q), range(q)] = signals
    return np.diag(variances), yx


def commuting(rng):
    moments = modes(rng)
    return moments, turned(rng, *moments)


def nearly_commuting(rng):
    """Modes whose correlations are 1e-11 to 1e-3."""
    xx, yx = modes(rng)
    sizes = np.sqrt(np.diag(xx))
    coupling = np.triu(rng.standard_normal(xx.shape), 1) * 10.0 ** -rng.uniform(3, 11)
    moments = xx + np.outer(sizes, sizes) * (coupling + coupling.T), yx
    return moments, turned(rng, *moments) if rng.random() < 0.5 else moments


def sums(rng):
    """One to three parts that do not interact."""
    parts = []
    for _ in range(rng.integers(1, 4)):
        d, c = rng.integers(1, 4, 2)
        X = rng.standard_normal((d, d + 3))
        parts.append((X @ X.T / d, rng.standard_normal((c, d)) @ X @ X.T / d))
    xx, yx = (block_diag(*matrices) for matrices in zip(*parts, strict=True))
    moments = symmetric(xx), yx
    return moments, turned(rng, *moments)


def integers(rng):
    """Small integer samples: ties, zeros, too few of them; a few are turned."""
    d, c = rng.integers(1, 5, 2)
    n = rng.integers(1, d + 3)
    yx = np.zeros((c, d))
    while not yx.any():
        X, Y = rng.integers(-2, 3, (d, n)), rng.integers(-2, 3, (c, n))
        moments = (X @ X.T).astype(float), (Y @ X.T).astype(float)
        yx = moments[1]
    return moments, turned(rng, *moments) if rng.random() < 0.3 else moments


def few_samples(rng):
    """Fewer samples than inputs: Σxx is singular."""
    d, c = rng.integers(2, 9), rng.integers(1, 9)
    n = rng.integers(1, d)
    X = rng.standard_normal((d, n))
    moments = symmetric(X @ X.T / n), rng.standard_normal((c, n)) @ X.T
    return moments, moments


FAMILIES = (general, commuting, nearly_commuting, sums, integers, few_samples)

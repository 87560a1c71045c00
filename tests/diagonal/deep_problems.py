"""Seeded regressions with initial weights of deep diagonal networks."""

import numpy as np

__all__ = ["K1", "TIMES", "initial", "random_problem"]

#: Published problem on which a coordinate enters and leaves (arXiv:2607.12332), and its times.
K1 = np.array([[1, 0.5, 0.7, 0], [0.5, 1, 0.1, 0.7]]), np.array([1.0, 0.0])
TIMES = np.array([0.0, 2.0, 8.0, 552 / 49])


def initial(rng: np.random.Generator, depth: int, count: int) -> np.ndarray:
    """Return initial weights (depth, count): signs and sizes mixed, some with a weight of zero."""
    init = rng.uniform(0.5, 1.5, (depth, count)) * rng.choice([-1.0, 1.0], (depth, count))
    init[0, rng.random(count) < 0.3] = 0.0
    return init


def random_problem(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features, targets and initial weights of depth 3 to 5.

    Half of the problems have correlated features, from which coordinates enter and leave.
    """
    rng = np.random.default_rng(seed)
    depth, n, d = 3 + seed % 3, int(rng.integers(2, 5)), int(rng.integers(2, 7))
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    if seed % 2:
        X += rng.standard_normal((n, 1))
    return X, y, initial(rng, depth, d)

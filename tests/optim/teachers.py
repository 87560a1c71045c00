"""Teachers whose networks the trainer is to recover."""

import numpy as np

__all__ = ["teacher"]


def teacher(seed, *, d=6, m=3, n=400, noise=0.0, held=400):
    """Return samples and targets of a ReLU teacher, twice, and its unit weights (m, d)."""
    draw = np.random.default_rng(seed)
    W = draw.standard_normal((m, d))
    W /= np.linalg.norm(W, axis=1, keepdims=True)
    a = draw.choice([-1, 1], m) * draw.uniform(0.5, 1.5, m)
    X = draw.standard_normal((n + held, d))
    f = np.maximum(X @ W.T, 0) @ a
    y = f[:n] + noise * draw.standard_normal(n)
    return (X[:n], y), (X[n:], f[n:]), W

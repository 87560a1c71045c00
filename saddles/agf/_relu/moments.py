"""The polynomial that a ReLU network is while no height changes its sign, from moments of the data.

With slopes S_ik that stay, f(x_k) = Σ_i a_i S_ik w_i·x_k, and the loss depends on the data through

    B_ij = (1/n) Σ_k S_ik S_jk x_k x_kᵀ,    P_i = (1/n) Σ_k S_ik x_k y_kᵀ

alone. The pulls T_i = P_i − Σ_j B_ij w_j a_jᵀ give the flow w_i' = T_i a_i, a_i' = T_iᵀ w_i. Where
one sample changes its side, moments change by one product.

=============  ==================================================
code name      symbol
=============  ==================================================
``products``   B, shape (A, d, A, d)
``targets``    P, shape (A, d, q)
``slopes``     S, shape (A, n)
=============  ==================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles.typing import Array, Indices

__all__ = ["Moments"]

#: Share of the samples above which moments are summed anew.
MANY = 0.25


@dataclass(frozen=True, eq=False)
class Moments:
    """Moments of the samples as neurons see them; see the module's table."""

    products: Array
    targets: Array
    slopes: Array

    @classmethod
    def of(cls, X: Array, Y: Array, slopes: Array, known: Moments | None = None) -> Moments:
        """Return them, from those `known` for slopes that differ at few samples."""
        (n, d), count = X.shape, len(slopes)
        if known is not None:
            changed = np.flatnonzero((known.slopes != slopes).any(axis=0))
            if len(changed) <= MANY * n:
                old, new = (_seen(X, S, changed) for S in (known.slopes, slopes))
                products = (new.T @ new - old.T @ old).reshape(known.products.shape) / n
                targets = ((new - old).T @ Y[changed]).reshape(known.targets.shape) / n
                return cls(known.products + products, known.targets + targets, slopes)
        seen = _seen(X, slopes, np.arange(n))
        targets = (seen.T @ Y).reshape(count, d, -1) / n
        return cls((seen.T @ seen).reshape(count, d, count, d) / n, targets, slopes)

    def pulls(self, w: Array, a: Array) -> Array:
        """Return T at neurons w (A, d) and a (A, q), shape (A, d, q)."""
        count, d = w.shape
        outer = (w[:, :, None] * a[:, None]).reshape(count * d, -1)
        seen = self.products.reshape(count * d, -1) @ outer
        return np.asarray(self.targets - seen.reshape(self.targets.shape))

    def velocity(self, theta: Array) -> Array:
        """Return θ' at neurons `theta` (A, d + q)."""
        d = self.targets.shape[1]
        w, a = theta[:, :d], theta[:, d:]
        pulls = self.pulls(w, a)
        inner, outer = np.matmul(pulls, a[:, :, None]), np.matmul(w[:, None], pulls)
        return np.hstack([inner[:, :, 0], outer[:, 0]])

    def jacobian(self, theta: Array) -> Array:
        """Return the derivative of the velocity, shape (A, d + q, A, d + q)."""
        (count, d, q), size = self.targets.shape, theta.shape[1]
        w, a = theta[:, :d], theta[:, d:]
        bent = np.zeros((count, size, count, size))
        bent[:, :d, :, :d] = -(a @ a.T)[:, None, :, None] * self.products
        # B_ij w_j, and w_i·B_ij w_j
        seen = np.stack([self.products[:, :, j] @ w[j] for j in range(count)], axis=2)
        twice = np.einsum("id,idj->ij", w, seen)
        mixed = -seen[:, :, :, None] * a[:, None, None]
        pulls = self.pulls(w, a)
        for i in range(count):
            mixed[i, :, i] += pulls[i]
        bent[:, :d, :, d:] = mixed
        bent[:, d:, :, :d] = mixed.transpose(2, 3, 0, 1)
        bent[:, d:, :, d:] = -twice[:, None, :, None] * np.eye(q)[None, :, None]
        return bent


def _seen(X: Array, slopes: Array, samples: Indices) -> Array:
    """Return S_ik x_k of some samples k, shape (k, A d)."""
    seen = slopes[:, samples].T[:, :, None] * X[samples, None]
    return np.asarray(seen.reshape(len(samples), slopes.shape[0] * X.shape[1]))

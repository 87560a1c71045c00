"""Function-space points, stored as they are best kept: dense, as sparse rows, or as factors.

=====================  =====================================================================
code name              symbol
=====================  =====================================================================
``betas``              β_k, K + 1 points, in one array, CSR array or array of `LowRank`
=====================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles._tools.record import Record
from saddles.typing import Array

__all__ = ["LowRank", "dense", "stacked"]

_ROW = ("data", "indices")


@dataclass(frozen=True, eq=False, repr=False)
class LowRank(Record):
    """A large matrix of low rank, kept as its factors: ``left @ right.T``.

    Attributes
    ----------
    left : ndarray of shape (c, r)
        Left factor.
    right : ndarray of shape (d, r)
        Right factor; the same as `left` for a symmetric matrix UUᵀ.

    Examples
    --------
    >>> import numpy as np
    >>> from saddles import LowRank
    >>> matrix = LowRank(np.array([[1.0], [2.0]]), np.array([[3.0], [0.0]]))
    >>> matrix.shape, matrix.toarray().tolist()
    ((2, 2), [[3.0, 0.0], [6.0, 0.0]])
    """

    left: Array
    right: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (c, d) of the matrix."""
        return self.left.shape[0], self.right.shape[0]

    @property
    def data(self) -> Array:
        """Every number that is stored, (r (c + d),)."""
        return np.concatenate([self.left.ravel(), self.right.ravel()])

    def toarray(self) -> Array:
        """Return the dense matrix (c, d)."""
        return np.asarray(self.left @ self.right.T)


def dense(betas: Any) -> Array:
    """Return function-space points (K+1, ...), however they are stored, as one dense array."""
    if isinstance(betas[0], LowRank):
        return np.array([beta.toarray() for beta in betas])
    return np.asarray(betas.toarray() if hasattr(betas, "toarray") else betas)


def stacked(betas: list[Any]) -> Any:
    """Stack dense points into one array, sparse rows into one CSR array, factors as they are."""
    if isinstance(betas[0], LowRank):
        stack = np.empty(len(betas), dtype=object)
        stack[:] = betas
        return stack
    if not hasattr(betas[0], "toarray"):
        return np.array(betas)
    from scipy.sparse import csr_array

    ends = np.cumsum([0] + [beta.data.size for beta in betas])
    values, indices = (np.concatenate([getattr(b, part) for b in betas]) for part in _ROW)
    return csr_array((values, indices, ends), shape=(len(betas), betas[0].shape[1]))

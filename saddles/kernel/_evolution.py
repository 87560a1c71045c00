"""Kernels compared with one another, and along training.

Distance and alignment are those of Fort et al., "Deep learning versus kernel learning" (NeurIPS
2020, arXiv:2010.15110); centred, the alignment is that of Cortes, Mohri and Rostamizadeh (2012,
arXiv:1203.0550), which Kornblith et al. (2019, arXiv:1905.00414) call linear CKA.

=================  ==============================================
code name          symbol
=================  ==============================================
``alignment``      A(K, L) = <K, L> / (|K| |L|), Frobenius
``distance``       1 − A(K, L) = ½ |K/|K| − L/|L||²
``centred``        H K H with H = I − 11ᵀ/n
=================  ==============================================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import CONSTANT
from saddles._tools.record import Record
from saddles.neuron._formulas import kernel_distance
from saddles.typing import Array, ArrayLike

__all__ = ["Evolution", "alignment", "centred", "distance"]


def distance(first: ArrayLike, second: ArrayLike, *, centre: bool = False) -> Any:
    """Kernel distance 1 − <K, L> / (|K| |L|); 0 for proportional kernels.

    Parameters
    ----------
    first, second : array_like of shape (n, n) or (q, n, n)
        Kernels on the same samples, not zero; broadcast against each other.
    centre : bool
        Centre both first, so that a constant function counts for nothing.

    Returns
    -------
    float or ndarray of shape (q,)
        In [0, 1] for positive semi-definite kernels. Small distances keep their digits.

    Raises
    ------
    ValueError
        If a kernel is zero (constant, when centred) or not finite, or the shapes do not fit.

    Examples
    --------
    >>> from saddles import kernel
    >>> kernel.distance([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 3.0]])
    1.0
    >>> kernel.distance([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 3.0]], centre=True)
    0.0
    """
    if centre:
        first, second = centred(first), centred(second)
    return kernel_distance(first, second)


def alignment(first: ArrayLike, second: ArrayLike, *, centre: bool = False) -> Any:
    """Kernel alignment <K, L> / (|K| |L|); for the alignment with targets y pass y yᵀ.

    Parameters
    ----------
    first, second : array_like of shape (n, n) or (q, n, n)
        As for `distance`.
    centre : bool
        As for `distance`.

    Returns
    -------
    float or ndarray of shape (q,)
        In [0, 1] for positive semi-definite kernels.

    Raises
    ------
    ValueError
        As for `distance`.

    Examples
    --------
    >>> import numpy as np
    >>> from saddles import kernel
    >>> y = np.array([1.0, -1.0])
    >>> kernel.alignment([[2.0, 0.0], [0.0, 2.0]], np.outer(y, y)).__round__(12)
    0.707106781187
    >>> kernel.alignment([[2.0, 0.0], [0.0, 2.0]], np.outer(y, y), centre=True).__round__(12)
    1.0
    """
    return 1 - distance(first, second, centre=centre)


def centred(matrices: ArrayLike) -> Array:
    """Centre kernels in feature space: H K H with H = I − 11ᵀ/n.

    Parameters
    ----------
    matrices : array_like of shape (n, n) or (q, n, n)
        Kernels.

    Returns
    -------
    ndarray of the same shape
        Exactly zero for a kernel that is constant up to rounding.

    Raises
    ------
    ValueError
        If the kernels are not square or not finite.

    Examples
    --------
    >>> from saddles import kernel
    >>> kernel.centred([[1.0, 0.0], [0.0, 0.0]])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    values = checks.real_array(matrices, "matrices", (2, 3))
    if values.shape[-1] != values.shape[-2]:
        raise ValueError(f"matrices has shape {values.shape}; a kernel on n samples is (n, n).")
    rows = values - values.mean(axis=-1, keepdims=True)
    both = rows - rows.mean(axis=-2, keepdims=True)
    size = np.abs(values).max(axis=(-2, -1), keepdims=True)
    nothing = np.abs(both).max(axis=(-2, -1), keepdims=True) <= CONSTANT * size
    return np.where(nothing, 0.0, both)


@dataclass(frozen=True, eq=False, repr=False)
class Evolution(Record):
    """Kernels along a training run, and how they move.

    Attributes
    ----------
    kernels : ndarray of shape (q, n, n)
        In the order of training; given ones are checked, and kept as float64.

    Raises
    ------
    TypeError, ValueError
        If they are not kernels.

    Examples
    --------
    >>> import numpy as np
    >>> from saddles import kernel, neuron
    >>> flow = neuron.exact([1.0, 0.0], 0.1, [0.0, 0.1])
    >>> run = kernel.Evolution(neuron.kernel(np.eye(2), *flow.at([0.0, 2.0, 100.0])))
    >>> run.from_start.round(3)
    array([0.   , 0.186, 0.2  ])
    """

    kernels: Array

    def __post_init__(self) -> None:
        values = checks.real_array(self.kernels, "kernels", 3)
        if values.shape[1] != values.shape[2]:
            raise ValueError(
                f"kernels has shape {values.shape}; pass kernels on the same samples, (q, n, n)."
            )
        object.__setattr__(self, "kernels", values)

    def __len__(self) -> int:
        """Return the number of kernels q."""
        return len(self.kernels)

    @property
    def from_start(self) -> Array:
        """Distance of each kernel from the first one, (q,)."""
        return np.asarray(distance(self.kernels, self.kernels[0]))

    @property
    def between(self) -> Array:
        """Distance of each kernel from the one before, (q − 1,)."""
        if len(self) < 2:
            return np.zeros(0)
        return np.asarray(distance(self.kernels[1:], self.kernels[:-1]))

    def alignment(self, y: ArrayLike, *, centre: bool = False) -> Array:
        """Return the alignment (q,) of each kernel with the targets `y`, (n,) or (n, c).

        With `centre`, kernels and yyᵀ are centred first.
        """
        targets = checks.real_array(y, "y", (1, 2))
        targets = targets.reshape(len(targets), -1)
        return np.asarray(alignment(self.kernels, targets @ targets.T, centre=centre))

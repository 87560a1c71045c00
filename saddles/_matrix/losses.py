"""Losses of a matrix: smooth functions f of a symmetric d × d matrix W, as frozen data.

The setting of Li, Luo and Lyu, "Towards resolving the implicit bias of gradient descent for matrix
factorization: greedy low-rank learning" (ICLR 2021, arXiv:2012.09839): W = UUᵀ learns by the flow
U' = −∇f(UUᵀ) U. Any object with ``size``, ``value`` and ``gradient`` is a loss; those of this file
are quadratic, so that their second derivative is one linear map. Sums run over all entries, both
triangles, and are not divided by their number.

========================  ==========================================================
code name                 symbol
========================  ==========================================================
``size``                  d
``value(W)``              f(W)
``gradient(W)``           ∇f(W), symmetric, shape (d, d)
``hessian_product(W, D)`` the derivative of ∇f at W along the symmetric D
``takes_stacks``          whether D may also be several: (k, d, d) in, (k, d, d) out
``at_factor(U)``          f(UUᵀ) and ∇f(UUᵀ), which may be sparse
``along_factor(U, D)``    the derivative of ∇f along UDᵀ + DUᵀ, which may be sparse
========================  ==========================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.typing import Array, ArrayLike

__all__ = ["FullMatrix", "MatrixCompletion", "MatrixLoss", "MatrixSensing"]


@runtime_checkable
class MatrixLoss(Protocol):
    """What an object must offer to be a loss of symmetric d × d matrices.

    More is used where it exists. ``hessian_product(W, D)`` (d, d) replaces finite differences of
    the gradient; with ``takes_stacks = True`` it is given several at once, D (k, d, d). The pair
    ``at_factor(U)``, ``along_factor(U, D)`` spares large problems the dense matrix W = UUᵀ: they
    return sparse arrays, or anything that has ``@``.

    Attributes
    ----------
    size : int
        d.

    Examples
    --------
    >>> import numpy as np, saddles
    >>> class Distance:
    ...     size = 2
    ...     def value(self, W):
    ...         return 0.5 * float(np.sum((W - np.eye(2)) ** 2))
    ...     def gradient(self, W):
    ...         return W - np.eye(2)
    >>> isinstance(Distance(), saddles.MatrixLoss)
    True
    """

    @property
    def size(self) -> int:
        """Return d."""

    def value(self, W: Array, /) -> float:
        """Return f(W)."""

    def gradient(self, W: Array, /) -> Array:
        """Return ∇f(W), symmetric, of shape (d, d)."""


@dataclass(frozen=True, eq=False, repr=False)
class FullMatrix(Record):
    """Distance to a matrix with all entries observed: f(W) = ½ |W − M|² (Frobenius).

    Parameters
    ----------
    M : array_like of shape (d, d)
        The target, symmetric.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> import saddles
    >>> loss = saddles.FullMatrix([[2.0, 0.0], [0.0, 1.0]])
    >>> loss.value([[0.0, 0.0], [0.0, 0.0]])
    2.5
    """

    takes_stacks: ClassVar[bool] = True
    M: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "M", checks.symmetric(self.M, "M"))

    @property
    def size(self) -> int:
        """Number of rows d."""
        return int(self.M.shape[0])

    def value(self, W: ArrayLike) -> float:
        """Return ½ |W − M|²."""
        return float(np.sum((np.asarray(W, dtype=float) - self.M) ** 2) / 2)

    def gradient(self, W: ArrayLike) -> Array:
        """Return W − M, shape (d, d)."""
        return np.asarray(np.asarray(W, dtype=float) - self.M)

    def hessian_product(self, W: ArrayLike, D: ArrayLike) -> Array:
        """Return D (..., d, d), whatever W: the second derivative is the identity."""
        return np.asarray(D, dtype=float)


@dataclass(frozen=True, eq=False, repr=False)
class MatrixSensing(Record):
    """Linear measurements of a matrix: f(W) = ½ Σ_m (<A_m, W> − b_m)².

    Parameters
    ----------
    A : array_like of shape (m, d, d)
        Measurement matrices, each symmetric (replace A_m by (A_m + A_mᵀ)/2: it measures the same).
    b : array_like of shape (m,)
        What they measured.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> import saddles
    >>> loss = saddles.MatrixSensing([[[1.0, 0.0], [0.0, 0.0]]], [2.0])
    >>> loss.gradient([[0.0, 0.0], [0.0, 0.0]]).tolist()
    [[-2.0, 0.0], [0.0, 0.0]]
    """

    takes_stacks: ClassVar[bool] = True
    A: Array
    b: Array

    def __post_init__(self) -> None:
        A, b = checks.real_array(self.A, "A", 3), checks.real_array(self.b, "b", 1)
        checks.same_length(A, "A", b, "b")
        object.__setattr__(
            self, "A", np.stack([checks.symmetric(a, f"A[{m}]") for m, a in enumerate(A)])
        )
        object.__setattr__(self, "b", b)

    @property
    def size(self) -> int:
        """Number of rows d."""
        return int(self.A.shape[1])

    def value(self, W: ArrayLike) -> float:
        """Return ½ Σ_m (<A_m, W> − b_m)²."""
        return float(np.sum((self._measure(W) - self.b) ** 2) / 2)

    def gradient(self, W: ArrayLike) -> Array:
        """Return Σ_m (<A_m, W> − b_m) A_m, shape (d, d)."""
        return np.asarray(np.tensordot(self._measure(W) - self.b, self.A, axes=1))

    def hessian_product(self, W: ArrayLike, D: ArrayLike) -> Array:
        """Return Σ_m <A_m, D> A_m for D (..., d, d), of that shape, whatever W."""
        measured = np.tensordot(np.asarray(D, dtype=float), self.A, axes=([-2, -1], [1, 2]))
        return np.asarray(np.tensordot(measured, self.A, axes=1))

    def _measure(self, W: ArrayLike) -> Array:
        return np.asarray(np.tensordot(self.A, np.asarray(W, dtype=float), axes=2))


@dataclass(frozen=True, eq=False, repr=False)
class MatrixCompletion(Record):
    """Some entries of a matrix: f(W) = ½ Σ_{(i,j) observed} (W_ij − M_ij)², both triangles.

    Parameters
    ----------
    observed : array_like or scipy.sparse array of shape (d, d)
        The matrix M, symmetric; entries that are not observed may hold anything, NaN too.
    mask : array_like or scipy.sparse array of shape (d, d)
        True (or 1) where an entry is observed; symmetric.

    Attributes
    ----------
    rows, cols : ndarray of int, shape (m,)
        Where the observed entries are, row by row.
    values : ndarray of shape (m,)
        The observed entries.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.

    Examples
    --------
    >>> import saddles
    >>> loss = saddles.MatrixCompletion([[2.0, 1.0], [1.0, 0.0]], [[True, True], [True, False]])
    >>> loss.value([[0.0, 0.0], [0.0, 0.0]]), loss.values.tolist()
    (3.0, [2.0, 1.0, 1.0])
    """

    takes_stacks: ClassVar[bool] = True
    observed: Any
    mask: Any
    rows: Any = field(init=False, repr=False)
    cols: Any = field(init=False, repr=False)
    values: Array = field(init=False, repr=False)
    _starts: Any = field(init=False, repr=False)
    _mirror: Any = field(init=False, repr=False)
    _flat: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        rows, cols = _observed_places(self.mask)
        size = int(np.shape(self.mask)[0])
        values = _observed_values(self.observed, rows, cols, size)
        _refuse_lonely(rows, cols)
        mirror = np.lexsort((rows, cols))
        difference = np.abs(values - values[mirror])
        if difference.max() > checks.SYMMETRY * np.abs(values).max():
            k = int(np.argmax(difference))
            i, j = int(rows[k]), int(cols[k])
            raise ValueError(
                f"observed[{i}, {j}]={float(values[k])!r} and observed[{j}, {i}]="
                f"{float(values[mirror][k])!r}: the matrix must be symmetric where it is observed; "
                "pass (M + M.T) / 2 if the difference is rounding."
            )
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "cols", cols)
        object.__setattr__(self, "values", (values + values[mirror]) / 2)
        object.__setattr__(self, "_starts", np.searchsorted(rows, np.arange(size + 1)))
        object.__setattr__(self, "_mirror", mirror)
        object.__setattr__(self, "_flat", rows % ROWS_AT_ONCE * size + cols)

    @property
    def size(self) -> int:
        """Number of rows d."""
        return int(self._starts.size - 1)

    def value(self, W: ArrayLike) -> float:
        """Return half the sum of squares over the observed entries."""
        misfit = np.asarray(W, dtype=float)[self.rows, self.cols] - self.values
        return float(misfit @ misfit / 2)

    def gradient(self, W: ArrayLike) -> Array:
        """Return W − M on the observed entries, 0 elsewhere, shape (d, d)."""
        gradient = np.zeros((self.size, self.size))
        misfit = np.asarray(W, dtype=float)[self.rows, self.cols] - self.values
        gradient[self.rows, self.cols] = misfit
        return gradient

    def hessian_product(self, W: ArrayLike, D: ArrayLike) -> Array:
        """Return D (..., d, d) on the observed entries, 0 elsewhere, whatever W."""
        D = np.asarray(D, dtype=float)
        product = np.zeros(D.shape)
        product[..., self.rows, self.cols] = D[..., self.rows, self.cols]
        return product

    def at_factor(self, U: Array) -> tuple[float, Any]:
        """Return f(UUᵀ) and ∇f(UUᵀ) as a sparse array, for U of shape (d, r)."""
        misfit = self._entries(U, U) - self.values
        return float(misfit @ misfit / 2), self._sparse(misfit)

    def along_factor(self, U: Array, D: Array) -> Any:
        """Return UDᵀ + DUᵀ on the observed entries as a sparse array, for U, D of shape (d, r)."""
        half = self._entries(U, D)
        return self._sparse(half + half[self._mirror])

    def _entries(self, U: Array, V: Array) -> Array:
        """Return the observed entries of UVᵀ, (m,), by blocks of rows that stay in the cache."""
        entries = np.empty(self.values.shape)
        across = np.ascontiguousarray(V.T)
        for first in range(0, self.size, ROWS_AT_ONCE):
            begin, end = self._starts[[first, min(first + ROWS_AT_ONCE, self.size)]]
            block = (U[first : first + ROWS_AT_ONCE] @ across).ravel()
            np.take(block, self._flat[begin:end], out=entries[begin:end], mode="clip")
        return entries

    def _sparse(self, entries: Array) -> Any:
        """Return the sparse (d, d) array with these observed entries (m,)."""
        from scipy.sparse import csr_array

        return csr_array((entries, self.cols, self._starts), shape=(self.size, self.size))


#: Rows of UVᵀ that are formed together.
ROWS_AT_ONCE = 256


def _observed_places(mask: Any) -> tuple[Any, Any]:
    """Return the rows and columns (m,) of the observed entries, row by row."""
    sparse = hasattr(mask, "tocoo")
    flags = _plain(mask.data if sparse else mask, "mask")
    shape = mask.shape if sparse else flags.shape
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(
            f"mask={checks.show(mask)} has shape {shape}; it must be square, (d, d), with one "
            "entry per entry of the matrix."
        )
    if flags.dtype.kind not in "biuf" or not np.isin(flags, (0, 1)).all():
        raise TypeError(
            f"mask={checks.show(mask)} must hold True and False (or 1 and 0) alone; compare first, "
            "for instance with ~numpy.isnan(observed)."
        )
    where = mask.tocoo() if sparse else None
    rows, cols = where.coords if where is not None else flags.nonzero()
    if where is not None:
        rows, cols = (places[where.data != 0] for places in (rows, cols))
    if rows.size == 0:
        raise ValueError(
            f"mask={checks.show(mask)} is False everywhere; at least one entry must be observed."
        )
    order = np.lexsort((cols, rows))
    return rows[order].astype(np.intp), cols[order].astype(np.intp)


def _plain(value: Any, name: str) -> Any:
    """Return an array of any kind, or raise if it is ragged or hides entries of its own."""
    if np.ma.isMaskedArray(value):
        raise TypeError(
            f"{name}={checks.show(value)} is a masked array; pass its data as observed and "
            "~numpy.ma.getmaskarray(...) as mask."
        )
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{name}={checks.show(value)} is ragged; give every row the same length."
        ) from (None)


def _refuse_lonely(rows: Any, cols: Any) -> None:
    """Raise unless the mirror image of every observed place is observed too."""
    size = 1 + int(max(rows.max(), cols.max()))
    missing = np.setdiff1d(cols * size + rows, rows * size + cols)
    if missing.size:
        i, j = divmod(int(missing[0]), size)
        raise ValueError(
            f"mask[{i}, {j}]=False but mask[{j}, {i}]=True: the mask must be symmetric, since W "
            "is; pass mask | mask.T and the matrix with both entries."
        )


def _observed_values(observed: Any, rows: Any, cols: Any, size: int) -> Array:
    """Return the observed entries (m,), finite."""
    entries = observed if hasattr(observed, "tocsr") else _plain(observed, "observed")
    if entries.shape != (size, size):
        raise ValueError(
            f"observed has shape {entries.shape} and mask has shape {(size, size)}; they must be "
            "the same, (d, d)."
        )
    if hasattr(observed, "tocsr"):
        entries = observed.tocsr()
    return checks.real_array(np.asarray(entries[rows, cols]).ravel(), "observed[mask]", 1)

"""Whatever holds real numbers, as an array: the first thing that `checks` does with it.

Lists, NumPy arrays of any strides and byte order, torch tensors of any device, data frames, and
sparse arrays where they are allowed. No library but NumPy is imported for the dense ones.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

__all__ = ["numbers", "refuse_sparse", "show", "sparse_columns"]


def show(value: Any) -> str:
    """Show a value briefly: arrays by shape and dtype, everything else by ``repr``."""
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"<array of shape {value.shape}, dtype {value.dtype}>"
    text = " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def numbers(value: Any, name: str) -> Any:
    """Return whatever holds real numbers as an array of integers or floats, of any shape."""
    if value is None:
        raise TypeError(f"{name}=None: it is needed; pass an array of real numbers.")
    if hasattr(value, "toarray"):
        refuse_sparse(value, name)
    if np.ma.isMaskedArray(value):
        raise TypeError(f"{name}={show(value)} is masked; remove or impute the masked entries.")
    array = _as_numpy(value, name)
    if array.dtype.kind not in "iuf":
        raise TypeError(
            f"{name}={show(array)} has dtype {array.dtype}; entries must be real numbers (integers "
            f"or floats), so convert with numpy.asarray({name}, dtype=float) if that is meant."
        )
    return array


def _as_numpy(value: Any, name: str) -> Any:
    """Return any array-like as a NumPy array of whatever it holds."""
    if hasattr(value, "detach"):
        return _of_tensor(value, name)
    if hasattr(value, "dtypes") and hasattr(value, "to_numpy"):
        return _of_frame(value)
    try:
        return np.asarray(value)
    except Exception as error:
        # NumPy cannot read tensors with gradients, or on other devices, inside of a sequence.
        if isinstance(value, list | tuple) and _holds_tensors(value):
            return _as_numpy([_without_tensors(item, name) for item in value], name)
        if isinstance(error, ValueError):
            raise ValueError(
                f"{name}={show(value)} is ragged; give every row the same length."
            ) from None
        raise TypeError(
            f"{name}={show(value)} cannot be read as an array: "
            f"{' '.join(str(error).split())[:120]}; convert it to a NumPy array first."
        ) from None


def _of_tensor(value: Any, name: str) -> Any:
    """Return a torch tensor as an array, also one of a type that NumPy does not have."""
    if "strided" not in str(value.layout):
        refuse_sparse(value, name)
    try:
        value = value.detach().cpu().resolve_conj().resolve_neg()
        return value.numpy()
    except TypeError:  # bfloat16 and smaller, all of which fit a float64
        return value.double().numpy()
    except (NotImplementedError, RuntimeError) as error:
        raise TypeError(
            f"{name}={show(value)} cannot be read as an array: "
            f"{' '.join(str(error).split())[:120]}; pass a tensor that holds its numbers."
        ) from None


def _of_frame(value: Any) -> Any:
    """Return a pandas object as an array, its missing numbers as NaN."""
    kinds = {getattr(kind, "kind", "O") for kind in np.atleast_1d(value.dtypes)}
    array = np.asarray(value)
    if kinds <= {"i", "u", "f"} and array.dtype.kind not in "iuf":
        return value.to_numpy(dtype=np.float64, na_value=np.nan)
    return array


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_tensors, value))
    return hasattr(value, "detach")


def _without_tensors(value: Any, name: str) -> Any:
    """Return a nested sequence with arrays in the places of its tensors."""
    if isinstance(value, list | tuple):
        return [_without_tensors(item, name) for item in value]
    return _as_numpy(value, name) if hasattr(value, "detach") else value


def refuse_sparse(value: Any, name: str) -> None:
    """Raise: what follows needs a dense array."""
    way = "toarray" if hasattr(value, "toarray") else "to_dense"
    raise TypeError(f"{name}={show(value)} is sparse; pass a dense array ({name}.{way}()).")


def sparse_columns(value: Any, name: str) -> Any:
    """Return a scipy.sparse array of any format as one of float64 columns, if it is sound."""
    from scipy.sparse import csc_array, issparse

    kind = getattr(value, "dtype", np.dtype(object)).kind
    if not issparse(value) or value.ndim != 2 or kind not in "iuf" or 0 in value.shape:
        raise TypeError(
            f"{name}={show(value)} must be a scipy.sparse array of real numbers with 2 axes "
            f"and at least one entry each; or pass a dense array ({name}.toarray())."
        )
    columns = csc_array(_sound(value, name), dtype=np.float64)
    columns.sum_duplicates()
    return columns


def _sound(value: Any, name: str) -> Any:
    """Return a sparse array whose indices lie within its shape, or raise.

    Scipy's conversions trust the indices and would write outside of their memory.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if hasattr(value, "check_format"):
                if (np.diff(value.indptr) < 0).any():  # scipy overlooks a negative end
                    raise ValueError("the index pointer decreases")
                # On a copy of the frame alone: the check may replace the user's index arrays.
                parts = (value.data, value.indices, value.indptr)
                matrix = type(value)(parts, shape=value.shape, copy=False)
                matrix.check_format(full_check=True)
                return matrix
            matrix = value.tocoo()
            type(matrix)((matrix.data, matrix.coords), shape=matrix.shape)
            return matrix
    except (ValueError, TypeError, IndexError, Warning) as error:
        raise ValueError(
            f"{name}={show(value)} is a malformed sparse array ({' '.join(str(error).split())}); "
            "build it again from its entries, as with scipy.sparse.coo_array."
        ) from None

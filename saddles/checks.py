"""Every check of user input, in one place: ``name=value``, the rule, the remedy.

Nothing here is public; the constructors of problems and the algorithms call it. A function takes
the user's object and its name, and returns the validated object or raises ``TypeError`` (wrong
kind of thing) or ``ValueError`` (right kind, wrong value).

Everything array-like comes in through `numbers`, which `_arrays` has.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from saddles._arrays import numbers as numbers
from saddles._arrays import refuse_sparse as refuse_sparse
from saddles._arrays import show as show
from saddles._arrays import sparse_columns
from saddles.typing import Array

__all__: list[str] = []

#: Largest magnitude of targets and features whose squares still fit a float64.
LARGEST = 1e153
#: Smallest log(1/alpha) whose square a float64 can hold; its inverse is the largest.
SMALLEST_SCALE = 1e-150
#: Asymmetry of a matrix that rounding explains, relative to its largest entry.
SYMMETRY = 1e-10
#: Decimal exponent of numbers that fit a float64, with room for sums of many.
MODERATE = 280
#: Finite boundaries of clocks whose inverses a float64 can hold.
SMALLEST_BOUNDARY, LARGEST_BOUNDARY = 1e-300, 1e300
#: What to do about an entry of data that is not finite.
IMPUTE = "remove or impute such entries first"


def real_array(
    value: Any, name: str, ndim: int | tuple[int, ...] | None, *, remedy: str = IMPUTE
) -> Array:
    """Return `value` as a finite float64 array, or say what is wrong with it.

    `ndim` is its number of axes, the numbers that are allowed, or None for any number; `remedy`
    says what to do about an entry that is not finite.
    """
    array = _shaped(value, name, ndim)
    with np.errstate(over="ignore"):  # a long double beyond float64 is refused as infinite
        floats: Array = array.astype(np.float64, copy=False)
    refuse_bad_entries(floats, name, remedy)
    return floats


def features(value: Any, name: str) -> Any:
    """Return `value` as an array (n, d) of float64 or float32, or a sparse one of float64.

    Entries are not checked: that would be one more pass over data that may be large.
    """
    if hasattr(value, "toarray"):
        return sparse_columns(value, name)
    array = _shaped(value, name, 2)
    if array.dtype == np.float32:
        return array
    with np.errstate(over="ignore"):  # a long double beyond float64 is refused as infinite
        return array.astype(np.float64, copy=False)


def _shaped(value: Any, name: str, ndim: int | tuple[int, ...] | None) -> Any:
    """Return `value` as an array of real numbers with `ndim` axes and at least one entry."""
    if isinstance(value, str | bytes):
        raise TypeError(f"{name}={show(value)} is text; pass an array of real numbers.")
    array = numbers(value, name)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if allowed is not None and array.ndim not in allowed:
        wanted = " or ".join(map(str, allowed))
        raise ValueError(
            f"{name}={show(array)} has shape {array.shape}; it must have {wanted} "
            f"{'axis' if wanted == '1' else 'axes'}, so reshape it."
        )
    if array.size == 0:
        raise ValueError(
            f"{name}={show(array)} has shape {array.shape} and is empty; at least one entry is "
            "needed."
        )
    return array


def symmetric(value: Any, name: str) -> Array:
    """Return a finite symmetric float64 array (d, d), its rounding averaged away."""
    array = real_array(value, name, 2)
    if array.shape[0] != array.shape[1]:
        raise ValueError(
            f"{name}={show(array)} has shape {array.shape}; it must be square and symmetric."
        )
    difference = np.abs(array - array.T)
    if difference.max() > SYMMETRY * np.abs(array).max():
        i, j = (int(k) for k in np.unravel_index(int(difference.argmax()), array.shape))
        raise ValueError(
            f"{name}[{i}, {j}]={float(array[i, j])!r} and {name}[{j}, {i}]="
            f"{float(array[j, i])!r}: the matrix must be symmetric; pass ({name} + {name}.T) / 2 "
            "if the difference is rounding."
        )
    return np.asarray((array + array.T) / 2)


def large_enough(sizes: Array, name: str, spot: str, least: float) -> None:
    """Raise if one of `sizes`, the largest entry of each ``spot.format(k)``, is in (0, least)."""
    if (low := (sizes > 0) & (sizes < least)).any():
        where = int(np.argmax(low))
        raise ValueError(
            f"max(abs({spot.format(where)}))={float(sizes[where])!r} is below {least:g}, where "
            f"results overflow or underflow; multiply {name} by a constant."
        )


def moderate(array: Array, name: str, power: int) -> Array:
    """Return `array` if that power of its largest entry fits a float64; zero is let through."""
    largest, limit = float(max(array.max(), -array.min())), 10.0 ** (MODERATE / power)
    if not (largest == 0 or 1 / limit <= largest <= limit):
        raise ValueError(
            f"max(abs({name}))={largest!r} is outside [{1 / limit:g}, {limit:g}], beyond which "
            f"powers of it overflow or underflow; multiply {name} by a constant."
        )
    return array


def refuse_bad_entries(array: Array, name: str, remedy: str = IMPUTE) -> None:
    """Raise if an entry is not finite or too large to be squared, naming the first one."""
    if max(array.max(), -array.min()) <= LARGEST:
        return
    where = tuple(int(i) for i in np.argwhere(~(np.abs(array) <= LARGEST))[0])
    index = f"[{', '.join(map(str, where))}]" if where else ""
    spot = f"{name}{index}={float(array[where])!r}"
    if np.isfinite(array[where]):
        raise ValueError(
            f"{spot} is larger than {LARGEST:g}, so its square overflows; divide {name} by a "
            "constant."
        )
    raise ValueError(f"{spot} is not finite; {remedy}.")


def same_length(first: Array, first_name: str, second: Array, second_name: str) -> None:
    """Raise unless both arrays have as many rows."""
    if first.shape[0] != second.shape[0]:
        raise ValueError(
            f"{first_name} has shape {first.shape} and {second_name} has shape {second.shape}; "
            "they must have the same number of rows, one per sample."
        )


def real_number(value: Any, name: str, rule: str, holds: Callable[[float], bool]) -> float:
    """Return a real scalar for which `holds` is true; `rule` says it in words with the remedy."""
    if hasattr(value, "detach"):
        value = numbers(value, name)[()]
    if isinstance(value, bool | np.bool_ | str | bytes | list | tuple) or np.ndim(value) != 0:
        raise TypeError(f"{name}={show(value)} must be a real number: {rule}.")
    try:
        number = float(value)
    except TypeError:
        raise TypeError(f"{name}={show(value)} must be a real number: {rule}.") from None
    except OverflowError:
        raise ValueError(f"{name}={show(value)} does not fit a float64: {rule}.") from None
    if math.isnan(number) or not holds(number):
        raise ValueError(f"{name}={value!r}: {rule}.")
    return number


def log_scale(log_alpha: Any, *, allow_limit: bool) -> float:
    """Return log(alpha) < 0; minus infinity (the limit itself) only if `allow_limit`."""
    rule = "log_alpha is the logarithm of the initial scale and must be below 0" + (
        " (-inf for the limit); pass log(alpha), not alpha"
        if allow_limit
        else " and finite; pass log(alpha), not alpha"
    )
    scale = real_number(
        log_alpha, "log_alpha", rule, lambda v: v < 0 and (allow_limit or v > -math.inf)
    )
    if math.isfinite(scale) and not SMALLEST_SCALE <= -scale <= 1 / SMALLEST_SCALE:
        limit = "; pass -inf for the limit" if allow_limit else ""
        raise ValueError(
            f"log_alpha={scale!r}: log(1/alpha) must lie between {SMALLEST_SCALE:g} and "
            f"{1 / SMALLEST_SCALE:g}, where its square fits a float64{limit}."
        )
    return scale


def count(value: Any, name: str, *, least: int = 0) -> int | None:
    """Return a whole number of at least `least`, or None if that is given."""
    if value is None:
        return None
    return whole_number(value, name, least=least, otherwise=", or None")


def same_count(value: Any, name: str, rows: Any) -> None:
    """Raise unless the number `value` is None or that of the rows of initial weights."""
    number = count(value, name, least=1)
    if number is not None and number != len(rows):
        raise ValueError(f"{name}={number!r} but init has {len(rows)} rows; leave {name} out.")


def whole_number(value: Any, name: str, *, least: int = 0, otherwise: str = "") -> int:
    """Return a whole number of at least `least`; `otherwise` says what else would do."""
    rule = f"it must be a whole number of at least {least}{otherwise}"
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={value!r}: {rule}.")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={show(value)}: {rule}.") from None
    if number < least:
        raise ValueError(f"{name}={value!r}: {rule}.")
    return number


#: Largest depth: integrals and products of more layers soon leave float64.
DEEPEST = 1000


def depth(value: Any) -> int:
    """Return a number of layers."""
    found = whole_number(value, "depth", least=2)
    if found > DEEPEST:
        raise ValueError(f"depth={found}: it must be at most {DEEPEST}; take fewer layers.")
    return found


def switch(value: Any, name: str) -> bool:
    """Return True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}={show(value)} must be True or False.")
    return bool(value)


#: What a function-space point may consist of.
KINDS = ("coefficients", "outputs", "template")


def one_of(value: Any, name: str, choices: tuple[str, ...]) -> str:
    """Return `value` if it is one of the strings in `choices`."""
    if not isinstance(value, str):
        raise TypeError(f"{name}={show(value)} must be one of {', '.join(map(repr, choices))}.")
    if value not in choices:
        raise ValueError(f"{name}={show(value)} must be one of {', '.join(map(repr, choices))}.")
    return str(value)


def true_or_false(value: Any, name: str) -> bool:
    """Return `value` if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}={show(value)} must be True or False.")
    return value


def callable_or_none(value: Any, name: str) -> Any:
    """Return a callable, or None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name}={show(value)} must be callable or None.")
    return value


def boundary(value: Any, name: str, n_features: int) -> Array:
    """Return positive boundaries (d,), infinite ones allowed; a scalar serves every feature."""
    if isinstance(value, str | bytes):
        raise TypeError(f"{name}={show(value)} is text; pass positive numbers.")
    array = numbers(value, name)
    if array.ndim > 1 or (array.ndim == 1 and array.shape[0] != n_features):
        raise ValueError(
            f"{name}={show(array)} has shape {array.shape}; give one number, or one per feature "
            f"({n_features},)."
        )
    array = np.broadcast_to(array.astype(np.float64), (n_features,)).copy()
    if not (array > 0).all():
        where = int(np.argmin(array > 0))
        raise ValueError(
            f"{name}[{where}]={float(array[where])!r}: a boundary must be above 0 (inf for a sign "
            "that never activates)."
        )
    outside = (array < SMALLEST_BOUNDARY) | ((array > LARGEST_BOUNDARY) & ~np.isinf(array))
    if outside.any():
        where = int(np.argmax(outside))
        raise ValueError(
            f"{name}[{where}]={float(array[where])!r}: a boundary must lie between "
            f"{SMALLEST_BOUNDARY:g} and {LARGEST_BOUNDARY:g}, or be inf; rescale the features."
        )
    return array


def finite_number(value: Any, name: str) -> float:
    """Return a finite real scalar whose square is finite too."""
    rule = f"it must be finite and at most {LARGEST:g} in size; rescale the problem if it is not"
    return real_number(value, name, rule, lambda v: abs(v) <= LARGEST)


def per_feature(value: Any, name: str, n_features: int) -> Array:
    """Return a finite vector with one entry per feature, shape (d,)."""
    vector = real_array(value, name, 1)
    if vector.shape[0] != n_features:
        raise ValueError(
            f"{name} has shape {vector.shape}; it must have one entry per feature, ({n_features},)."
        )
    return vector


def times(value: Any, name: str) -> Array:
    """Return times >= 0 (inf allowed), a scalar () or a vector (q,)."""
    if isinstance(value, str | bytes):
        raise TypeError(f"{name}={show(value)} must be a real number, or an array of them.")
    array: Array = numbers(value, name).astype(np.float64)
    if array.ndim > 1:
        raise ValueError(
            f"{name}={show(array)} has shape {array.shape}; pass one time, or times (q,)."
        )
    if not (array >= 0).all():
        wrong = float(array[~(array >= 0)][0])
        raise ValueError(f"{name}={wrong!r}: times start at 0; pass times >= 0 (inf for the end).")
    return array


def neurons(value: Any, name: str, size: int) -> Array:
    """Return the initial neurons (H, p), one per row, none of them zero."""
    theta = real_array(value, name, 2)
    if theta.shape[1] != size:
        raise ValueError(
            f"{name} has shape {theta.shape}; a neuron has {size} parameters, so it must be "
            f"(H, {size}), one neuron per row."
        )
    if (zero := ~theta.any(axis=1)).any():
        raise ValueError(
            f"{name}[{int(zero.argmax())}] is zero: a neuron at the origin never leaves it; leave "
            "that row out."
        )
    return theta

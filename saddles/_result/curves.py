"""What pictures draw of a result: its points as curves, and its clocks.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``points``       β, function-space points (m, ...)
``clocks``       S = Xᵀρ, from the dual points ρ of a path
===============  ==========================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles import checks
from saddles._pictures.staircase import Curves
from saddles._result.points import LowRank, dense
from saddles.typing import Array, ArrayLike

__all__ = ["clocks_at_saddles", "points_as_curves"]

#: What points consist of -> the name of their axis, and the letter of each entry.
NAMES = {
    "coefficients": ("coefficients β", "β"),
    "outputs": ("outputs f", "f"),
    "template": ("learnt template x", "x"),
}


def points_as_curves(
    points: Any, names: list[str] | None = None, kind: str = "coefficients"
) -> Curves:
    """Return function-space points (m, ...) as curves (m, q).

    Vectors are shown by their entries, which are of some `kind`, matrices by their singular values.
    """
    title, letter = NAMES[kind]
    if len(points[0].shape) != 2 or hasattr(points, "toarray"):
        values = dense(points).reshape(points.shape[0], -1)
        labels = (
            [str(name) for name in names]
            if names is not None
            else [f"{letter}[{index}]" for index in range(values.shape[1])]
        )
    else:
        values = np.array([_singular_values(point) for point in points])
        labels = [f"σ[{index}]" for index in range(values.shape[1])]
        title = "singular values" if kind == "coefficients" else f"singular values of {kind}"
    if names is not None and (title.startswith("singular") or len(names) != values.shape[1]):
        raise ValueError(
            f"names={checks.show(names)} has {len(names)} names; a path of vectors takes one for "
            f"each of its {values.shape[1]} coefficients, and a path of matrices none."
        )
    return Curves(values=values, kind=title, labels=labels)


def _singular_values(point: Any) -> Array:
    """Return the singular values of a dense matrix, or of one kept as its factors."""
    if isinstance(point, LowRank):
        left, right = (
            np.asarray(np.linalg.qr(side, mode="r")) for side in (point.left, point.right)
        )
        found = np.linalg.svd(left @ right.T, compute_uv=False)
        return np.pad(found, (0, min(point.shape) - found.size))
    return np.asarray(np.linalg.svd(point, compute_uv=False))


def clocks_at_saddles(path: str, duals: Array | None, count: int, features: ArrayLike) -> Array:
    """Return S = Xᵀρ at the saddles (K + 1, d) of the path with the given `repr`.

    Parameters
    ----------
    path : str
        What messages call the path.
    duals : ndarray of shape (K+1, n) or None
        Its dual points ρ.
    count : int
        Its number of features d.
    features : array_like of shape (n, d)
        X.

    Raises
    ------
    ValueError
        If X does not belong to the path.
    """
    X = checks.real_array(features, "features", 2)
    if duals is None:
        raise ValueError(f"features are for paths with dual points; {path} has none.")
    wanted = (duals.shape[1], count)
    if X.shape != wanted:
        raise ValueError(f"features has shape {X.shape}; the path is one of X with shape {wanted}.")
    return np.asarray(duals @ X)

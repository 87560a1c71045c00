"""A path as a table: the frame of `SaddlePath.to_frame`, and what notebooks show of a path.

Both take the path as it is; this module imports no class of results, since these import it.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np

from saddles._result.certificate import Certificate
from saddles._result.curves import points_as_curves
from saddles._tools.extras import extra
from saddles._tools.tables import as_html
from saddles.typing import Indices

__all__ = ["frame", "page", "page_of_saddle"]

#: Entries of points that a notebook's small picture takes: more would keep the reader waiting.
LARGEST_DRAWN = 1_000_000


def frame(path: Any, *, tidy: bool, names: list[str] | None) -> Any:
    """Return the DataFrame of a path; see `SaddlePath.to_frame`."""
    pd = extra("pandas", "to_frame", "plot")
    if tidy:
        return pd.DataFrame(_tidy(path, names))
    if names is not None:
        points_as_curves(path.betas[:1], names)  # refuses names that do not fit
    own = {} if path.degrees is None else {"degree": pd.array([None, *path.degrees], dtype="Int64")}
    columns = {
        "time": path.times,
        **own,
        "loss": path.losses,
        "entered": [tuple(_named(units, names)) for units in path.entered],
        "left": [tuple(_named(units, names)) for units in path.left],
        "n_active": [len(units) for units in path.active],
    }
    columns |= {entry.name: getattr(path.certificates, entry.name) for entry in fields(Certificate)}
    return pd.DataFrame(columns).rename_axis("jump")


def _tidy(path: Any, names: list[str] | None) -> dict[str, Any]:
    """Return the columns of the tidy frame."""
    curves = points_as_curves(path.betas, names)
    shown = np.flatnonzero(curves.values.any(axis=0))
    steps = np.repeat(np.arange(len(path)), shown.size)
    return {
        "jump": steps,
        "time": path.times[steps],
        "loss": path.losses[steps],
        "unit": [curves.labels[k] for k in shown] * len(path),
        "value": curves.values[:, shown].ravel(),
    }


def _named(units: Indices, names: list[str] | None) -> list[Any]:
    """Return the names of units, or their numbers."""
    numbers: list[Any] = units.tolist()
    return numbers if names is None else [str(names[k]) for k in numbers]


def page(path: Any) -> str:
    """Return a path as a notebook shows it: a row for each jump, and a small picture."""
    rows = [(at.index, at.time, at.entered, at.left, at.loss, str(at.certificate)) for at in path]
    small = math.prod(path.betas.shape) <= LARGEST_DRAWN
    return as_html(
        repr(path).strip("<>"),
        ("jump", "time", "entered", "left", "loss", "certificate"),
        rows,
        picture=path.plot if small else None,
        below="" if path.status.finished else path.message,
    )


def page_of_saddle(saddle: Any) -> str:
    """Return one saddle as a notebook shows it: its entries, and coefficients that are not zero."""
    names = ("time", "loss", "active", "entered", "left", "certificate")
    rows = [(name, getattr(saddle, name)) for name in names]
    if isinstance(saddle.beta, np.ndarray) and saddle.beta.ndim == 1:
        rows.append(("coefficients", saddle.beta[saddle.active]))
    return as_html(f"Saddle {saddle.index}", ("", ""), rows)

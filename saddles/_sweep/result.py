"""What a sweep gave: points, values, errors, and averages over repetitions.

====================  ======================================================================
code name             meaning
====================  ======================================================================
``points[k]``         keyword arguments of call k
``values[k]``         what it returned, or None if it failed
``errors[k]``         why it failed, or None
``x``, ``x_error``    mean of n values and its standard error, sd / √n with sd from n − 1
====================  ======================================================================
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._sweep.pool import FAILURE, generator
from saddles._sweep.store import arrays, canonical, read
from saddles._tools.extras import extra
from saddles._tools.record import Record
from saddles._tools.tables import as_html
from saddles.typing import Array

__all__ = ["PointFailure", "Sweep", "result"]


@dataclass(frozen=True, kw_only=True)
class PointFailure:
    """The error of one point.

    Attributes
    ----------
    type : str
        Name of the exception's class.
    message : str
        What it said.
    traceback : str
        Where it was raised, as Python prints it.
    """

    type: str
    message: str
    traceback: str

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Sweep(Record):
    """What a function gave over a grid of points.

    Attributes
    ----------
    function : str
        Name of the function.
    points : tuple of dict, length n
        The points, in the order of the grid.
    values : tuple, length n
        What the function returned: a number, or a dict of numbers, strings and arrays; None for a
        point that failed.
    errors : tuple, length n
        The `PointFailure` of a point that failed; None for the others.
    seed : int
        Seed of the sweep.
    """

    function: str
    points: tuple[dict[str, Any], ...]
    values: tuple[Any, ...]
    errors: tuple[PointFailure | None, ...]
    seed: int

    @property
    def success(self) -> bool:
        """Whether every point has a value."""
        return not any(self.errors)

    def __len__(self) -> int:
        return len(self.points)

    def __repr__(self) -> str:
        failed = sum(error is not None for error in self.errors)
        return f"<Sweep of {self.function}: {len(self)} points, {failed or 'none'} failed>"

    def generator(self, index: int) -> np.random.Generator:
        """Return a new copy of the Generator that point `index` was given."""
        return generator(canonical(self.points[index]), self.seed)

    def completed(self) -> Sweep:
        """Return the sweep without the points that failed."""
        return self._chosen([k for k, error in enumerate(self.errors) if error is None])

    def _chosen(self, indices: list[int]) -> Sweep:
        return Sweep(
            function=self.function,
            points=tuple(self.points[k] for k in indices),
            values=tuple(self.values[k] for k in indices),
            errors=tuple(self.errors[k] for k in indices),
            seed=self.seed,
        )

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row per point (needs pandas).

        Its columns are the entries of the points, those of the values (``value`` if they are
        numbers), and ``failure``, which is None or the error in a line.
        """
        pd = extra("pandas", "to_frame", "plot")
        columns, rows = self._table()
        return pd.DataFrame(rows, columns=columns)

    def _table(self) -> tuple[list[str], list[dict[str, Any]]]:
        """Return the names of the columns and a row per point."""
        rows = [
            point | _entries(value) | {FAILURE: error and str(error)}
            for point, value, error in zip(self.points, self.values, self.errors, strict=True)
        ]
        names = dict.fromkeys(itertools.chain(*rows))
        return [name for name in names if name != FAILURE] + [FAILURE], rows

    def _repr_html_(self) -> str:
        columns, rows = self._table()
        if self.success:
            columns = columns[:-1]
        cells = [[row.get(name, "") for name in columns] for row in rows]
        return as_html(repr(self).strip("<>"), columns, cells)

    def mean_and_error(self, over: str) -> Sweep:
        """Average over one entry of the points, such as a repetition's number.

        Parameters
        ----------
        over : str
            The entry. Points that agree in all others are averaged.

        Returns
        -------
        Sweep
            One point per group, without `over`. Each entry ``x`` of the values becomes its mean
            ``x``, its standard error ``x_error`` (standard deviation with n − 1, over √n; NaN for
            n = 1), and ``count`` is n. Arrays are averaged entry by entry; text is left out.

        Raises
        ------
        ValueError
            If `over` is missing from a point, a point failed, or the values of a group do not have
            the same entries and shapes.

        Examples
        --------
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> import saddles
        >>> def draw(scale, repeat, rng):
        ...     return rng.normal(scale=scale)
        >>> grid = {"scale": [0.0, 1.0], "repeat": range(100)}
        >>> with ThreadPoolExecutor() as threads:
        ...     sweep = saddles.sweep(draw, grid, executor=threads, generator="rng")
        >>> zero, one = sweep.mean_and_error("repeat").values
        >>> zero
        {'value': 0.0, 'value_error': 0.0, 'count': 100}
        >>> abs(one["value"]) < 3 * one["value_error"]
        True
        """
        groups: dict[str, list[int]] = {}
        for k, point in enumerate(self.points):
            if self.errors[k] is not None:
                raise ValueError(
                    f"points[{k}]={checks.show(point)} failed ({self.errors[k]}); fix it and run "
                    "again, or average sweep.completed()."
                )
            if over not in point:
                raise ValueError(
                    f"over={over!r} is no entry of points[{k}]={checks.show(point)}; average over "
                    "an entry of every point."
                )
            rest = {name: value for name, value in point.items() if name != over}
            groups.setdefault(canonical(rest), []).append(k)
        return Sweep(
            function=self.function,
            points=tuple(read(key) for key in groups),
            values=tuple(_mean(self._chosen(members)) for members in groups.values()),
            errors=(None,) * len(groups),
            seed=self.seed,
        )


def _entries(value: Any) -> dict[str, Any]:
    """Return the entries of a point's value: itself, ``value`` if a number, none if it failed."""
    if isinstance(value, dict):
        return value
    return {} if value is None else {"value": value}


def _mean(group: Sweep) -> dict[str, Any]:
    """Return mean, standard error and count of the values of a sweep without failures."""
    rows = [_entries(value) for value in group.values]
    if any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError(
            f"values[...] averaged with point {checks.show(group.points[0])} have different "
            "entries; return the same entries everywhere."
        )
    found: list[tuple[str, Any]] = [("count", len(rows))]
    for name in rows[0]:
        columns = [np.asarray(row[name]) for row in rows]
        numbers = [column.dtype.kind in "biuf" for column in columns]
        if not any(numbers):
            continue
        if not all(numbers) or len({column.shape for column in columns}) > 1:
            raise ValueError(
                f"values[...][{name!r}] averaged with point {checks.show(group.points[0])} are not "
                "numbers of one shape; return the same shape everywhere."
            )
        mean, error = _statistics(np.array(columns, dtype=float))
        found += [(name, mean), (f"{name}_error", error)]
    names = [name for name, _ in found] + list(group.points[0])
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{twice[0]!r} would name two columns of the averages; rename one.")
    return dict(found[1:] + found[:1])


def _statistics(samples: Array) -> tuple[Any, Any]:
    """Return mean and standard error over the first axis of (n, ...); NaN for n = 1."""
    n = len(samples)
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values have a mean
        mean = samples.mean(axis=0)
        error = np.full_like(mean, np.nan) if n == 1 else samples.std(axis=0, ddof=1) / np.sqrt(n)
    return (mean, error) if np.ndim(mean) else (float(mean), float(error))


def result(function: str, points: list[dict[str, Any]], lines: list[str], seed: int) -> Sweep:
    """Return the sweep that the lines of a store, one per point, describe."""
    records = [read(line) for line in lines]
    return Sweep(
        function=function,
        points=tuple(points),
        values=tuple(arrays(record.get("value")) for record in records),
        errors=tuple(
            PointFailure(**record["error"]) if "error" in record else None for record in records
        ),
        seed=seed,
    )

"""The algorithm under test, and what is asked of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from saddles import checks
from saddles._problems.regression import Regression
from saddles.testing._answer import Answer
from saddles.testing._expect import NoPath
from saddles.typing import Array

__all__ = ["OPTIONS", "Solver"]

#: Keywords that laws can use if a solver takes them.
OPTIONS = ("boundaries", "max_jumps", "sample_weight")


@dataclass(frozen=True, kw_only=True)
class Solver:
    """A user's function, called and read in one place.

    Attributes
    ----------
    function : callable
        Data -> a path, in any form that `Answer.of` reads.
    takes : frozenset of str
        Keywords of `OPTIONS` that it takes; "Regression" if its X may be a `saddles.Regression`.
    tolerance : float
        Relative error that is rounding.
    minimum_norm : bool
        Whether coefficients that are not unique must be the shortest.
    extremes : bool
        Whether data are also scaled to the ends of the range of a float64.
    finished : bool
        Whether the path must go to the end of training.
    """

    function: Callable[..., Any]
    takes: frozenset[str] = frozenset()
    tolerance: float
    minimum_norm: bool = True
    extremes: bool = False
    finished: bool = True

    @classmethod
    def of(cls, function: Any, takes: Iterable[str] | None, **rules: Any) -> Solver:
        """Validate a user's function; without `takes`, its signature says what it takes."""
        if not callable(function):
            raise TypeError(f"solver={checks.show(function)} must be callable: solver(X, y).")
        known = (*OPTIONS, "Regression")
        if takes is None:
            return cls(function=function, takes=_keywords(function), **rules)
        if isinstance(takes, str):
            raise TypeError(f"takes={takes!r} must be a tuple of names, for instance ({takes!r},).")
        for name in (names := frozenset(takes)):
            checks.one_of(name, "takes", known)
        return cls(function=function, takes=names, **rules)

    def __call__(self, *data: Any, **options: Any) -> Answer:
        """Return the answer for the data of one problem: (X, y), (loss,) or (Σxx, Σyx)."""
        try:
            result = self.function(*data, **options)
        except Exception as error:
            words = " ".join(str(error).split())
            raise NoPath(
                "what the solver returned",
                expected="a path",
                got=f"{type(error).__name__}: {words}",
            ) from error
        return Answer.of(result, _shape(*data))

    def once(self, *data: Any) -> Solver:
        """Return a solver that computes the answer for these data once, whatever it is asked."""
        answer = cache(lambda: self.function(*data))
        return replace(self, function=lambda *_: answer())

    def weighted(self, X: Array, y: Array, weight: Array) -> Answer:
        """Return the answer with weights of samples."""
        if "sample_weight" in self.takes:
            return self(X, y, sample_weight=weight)
        return self(Regression(X, y, sample_weight=weight))


def _keywords(function: Callable[..., Any]) -> frozenset[str]:
    """Return which of `OPTIONS` a function names among its parameters."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # compiled functions may have no signature
        return frozenset()
    return frozenset(OPTIONS) & frozenset(parameters)


def _shape(*data: Any) -> tuple[int, ...]:
    """Return the shape of a function-space point of a problem."""
    if isinstance(data[0], Regression):
        return (data[0].n_features,)
    if len(data) == 1:
        return (data[0].size, data[0].size)
    second = np.asarray(data[1])
    return (np.shape(data[0])[1],) if second.ndim == 1 else second.shape

"""The algorithm under test, and what is asked of it."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np

from saddles import checks
from saddles._problems.regression import Regression
from saddles._tools.record import same
from saddles.testing._answer import Answer
from saddles.testing._expect import Late, NoPath, Wrote
from saddles.testing._time_limit import TimeLimitError, within
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
    time_limit : float
        Seconds that a call may take.
    known : bool
        Whether the function only hands out an answer that is there already.
    boundaries : pair of float or ndarray (d,)
        t⁺ and t⁻, at which clocks ring in this network; 1 for the one of two layers.
    """

    function: Callable[..., Any]
    takes: frozenset[str] = frozenset()
    tolerance: float
    minimum_norm: bool = True
    extremes: bool = False
    finished: bool = True
    time_limit: float = math.inf
    known: bool = False
    boundaries: tuple[Any, Any] = (1.0, 1.0)

    @classmethod
    def of(cls, function: Any, takes: Iterable[str] | None, **rules: Any) -> Solver:
        """Validate a user's function; without `takes`, its signature says what it takes."""
        if not callable(function):
            hint = " Pass the function in this module." if inspect.ismodule(function) else ""
            raise TypeError(f"solver={checks.show(function)} must be callable: solver(X, y).{hint}")
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
        result = self.function(*data, **options) if self.known else self._watched(data, options)
        return Answer.of(result, _shape(*data))

    def _watched(self, data: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Return what the function does; raise if it takes too long, fails, or changes the data."""
        before = copy.deepcopy(data)
        try:
            result = within(self.time_limit, partial(self.function, *data, **options))
        except TimeLimitError:
            raise Late(
                "how long the solver takes",
                expected=f"at most {self.time_limit:g} s (time_limit)",
                got="no answer",
            ) from None
        except Exception as error:
            words = " ".join(str(error).split())
            raise NoPath(
                "what the solver returned",
                expected="a path",
                got=f"{type(error).__name__}: {words}",
            ) from error
        for k, (now, kept) in enumerate(zip(data, before, strict=True)):
            if not unchanged(now, kept):
                raise Wrote(f"argument {k + 1} after the call", expected=kept, got=now)
        return result

    def once(self, *data: Any) -> Solver:
        """Return a solver that computes the answer for these data once, whatever it is asked."""
        answer = cache(lambda: self._watched(data, {}))
        return replace(self, function=lambda *_: answer(), known=True)

    def weighted(self, X: Array, y: Array, weight: Array) -> Answer:
        """Return the answer with weights of samples."""
        if "sample_weight" in self.takes:
            return self(X, y, sample_weight=weight)
        return self(Regression(X, y, sample_weight=weight))


def unchanged(now: Any, before: Any) -> bool:
    """Return whether data are what they were: arrays, or records of arrays."""
    if is_dataclass(now):
        parts = [(getattr(now, e.name), getattr(before, e.name)) for e in fields(now)]
        return all(unchanged(*pair) for pair in parts)
    return not isinstance(now, np.ndarray) or same(now, before)


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

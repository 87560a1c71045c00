"""What the reader sees: the law that failed with the smallest problem, or what was tried."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from saddles._tools.extras import extra
from saddles._tools.tables import Tabular
from saddles.testing._expect import Broken

__all__ = ["LawError", "Report", "complexity", "title"]

#: Gives a law its name and, in the first line of its docstring, its statement.
Law = Callable[..., None]


def title(law: Law) -> str:
    """Return the name of a law in words."""
    return law.__name__.replace("_", " ")


class LawError(AssertionError):
    """A solver breaks a law.

    Parameters
    ----------
    law : callable
        The law; the first line of its docstring states it.
    problem : mapping
        The data on which it fails, by argument.
    broken : Broken
        Quantity that was checked, its expected and its actual value.
    heading : str
        What the data are called in the message.
    seed : int, optional
        Seed of what the law itself draws.

    Attributes
    ----------
    law, statement : str
        Name of the law, and its statement.
    problem : dict
        The smallest problem found on which it fails (or the data given), by argument.
    seed : int or None
        Seed of what the law itself draws (a permutation, a rotation, ...).
    what, expected, got : str
        Quantity that was checked, its expected and its actual value.
    """

    def __init__(
        self,
        law: Law,
        problem: Mapping[str, Any],
        broken: Broken,
        *,
        heading: str = "on these data:",
        seed: int | None = None,
    ) -> None:
        said = (law.__doc__ or "").strip().splitlines()[0]
        self.law, self.statement = broken.name or title(law), broken.statement or said
        self.problem = dict(problem)
        self.seed = seed
        self.what, self.expected, self.got = broken.what, broken.expected, broken.got
        super().__init__(self._text(heading))

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def _text(self, heading: str) -> str:
        lines = [
            f"the law '{self.law}' is broken",
            f"  the law:   {self.statement}",
            f"  {heading}",
            *(_indented(f"{name} = ", _pasteable(value)) for name, value in self.problem.items()),
        ]
        if self.seed is not None:
            lines.append(f"    (what the law draws itself: seed {self.seed})")
        lines.append(f"  checked:   {self.what}")
        lines.append(_beside("  expected:  ", self.expected))
        lines.append(_beside("  got:       ", self.got))
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Report(Tabular):
    """Laws that a solver obeys, and those that it breaks.

    Attributes
    ----------
    laws : tuple of str
        Laws tried that hold.
    problems : int
        Problems drawn, over all laws.
    skipped : dict
        Law that was not tried -> why.
    broken : tuple of LawError
        Laws that are broken, each with its smallest problem; empty unless the check kept going.
    """

    laws: tuple[str, ...]
    problems: int
    skipped: Mapping[str, str]
    broken: tuple[LawError, ...] = ()

    @property
    def success(self) -> bool:
        """Whether no law is broken."""
        return not self.broken

    def __repr__(self) -> str:
        return f"<Report: {self._summary()}, {len(self.skipped)} not tried>"

    def __str__(self) -> str:
        lines = [self._summary()]
        lines += [f"not tried: {law} ({reason})" for law, reason in self.skipped.items()]
        return "\n".join([*lines, *map(str, self.broken)])

    def _summary(self) -> str:
        count = len(self.broken)
        broken = f", {count} {'is' if count == 1 else 'are'} broken," if count else ""
        return f"{len(self.laws)} laws hold{broken} on {self.problems} problems"

    def to_frame(self, *, tidy: bool = False) -> Any:
        """Return a pandas DataFrame with one row per law (needs pandas).

        Parameters
        ----------
        tidy : bool
            Whether the law is a column instead of the index.

        Returns
        -------
        pandas.DataFrame
            For each law its outcome, "holds", "broken" or "not tried", and a remark.
        """
        rows = [(law, "holds", "") for law in self.laws]
        rows += [(error.law, "broken", error.what) for error in self.broken]
        rows += [(law, "not tried", reason) for law, reason in self.skipped.items()]
        frame = extra("pandas", "to_frame", "plot").DataFrame(
            rows, columns=["law", "outcome", "remark"]
        )
        return frame if tidy else frame.set_index("law")


def complexity(problem: Mapping[str, Any]) -> tuple[int, int]:
    """Return a measure of how much there is to read in a problem: entries, then characters."""
    entries = [entry for value in problem.values() for entry in _numbers(value)]
    return len(entries), sum(len(f"{entry:g}") for entry in entries if entry)


def _numbers(value: Any) -> list[float]:
    if is_dataclass(value):
        own = (getattr(value, entry.name) for entry in fields(value) if entry.init)
        return [number for part in own for number in _numbers(part)]
    return [float(number) for number in np.ravel(value)]


def _pasteable(value: Any) -> str:
    """Return data with all their digits, as Python would read them."""
    if is_dataclass(value):
        own = {entry.name: getattr(value, entry.name) for entry in fields(value) if entry.init}
        lines = [_indented(f"{name}=", _pasteable(part)) + ",\n" for name, part in own.items()]
        return f"{type(value).__name__}(\n{''.join(lines)})"
    array = np.asarray(value)
    plain = array + 0.0 if array.dtype.kind == "f" else array  # without -0.0
    return np.array2string(plain, separator=", ", floatmode="unique", threshold=10**6)


def _indented(name: str, text: str) -> str:
    return _beside(f"    {name}", text)


def _beside(margin: str, text: str) -> str:
    """Return text of several lines beside a margin."""
    return margin + text.replace("\n", "\n" + " " * len(margin))

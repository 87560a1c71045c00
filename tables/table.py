"""What a table is: numbers, the checks that they passed, and a figure; and how it is kept.

A difference at the level of rounding is not the same on every machine, so a table shows it as a
bound: the check's tolerance where it is met, the number itself where it is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from saddles.typing import Array

RESULTS = Path(__file__).parent / "results"

#: Digits shown of numbers that are right to more.
DIGITS = 10

#: Digits of what a picture's axes span, and the grid of its points, in dots of the screen: finer
#: than any eye, coarser than what two processors make of one integration.
DIGITS_DRAWN, PIXEL = 4, 0.05


@dataclass(frozen=True)
class Check:
    """A disagreement that was measured, and the most that it may be."""

    label: str
    value: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the disagreement is within its tolerance (NaN is not)."""
        return self.value <= self.tolerance

    def __str__(self) -> str:
        verdict = f"<= {self.tolerance:.0e}" if self.passed else f"{self.value:.2e} > tolerance"
        return f"{self.label}: {verdict}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A comparison table.

    Attributes
    ----------
    name, title : str
        File name, and heading.
    frame : pandas.DataFrame
        The numbers, one row per jump or case.
    checks : tuple of Check
        Worst disagreements, with their tolerances.
    text : str
        What the reader should know: data, columns, units.
    figure : matplotlib.figure.Figure or None
        The picture.
    caption : str
        What to see in it.
    known : dict
        By how much entries of a column may differ (one number per row) that other machines find
        otherwise than in their last digit.
    """

    name: str
    title: str
    frame: pd.DataFrame
    checks: tuple[Check, ...]
    text: str
    figure: Any = field(default=None, repr=False)
    caption: str = ""
    known: Mapping[str, Array] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def markdown(self) -> str:
        """Return the table as a Markdown page."""
        shown = self.frame.astype(object).where(self.frame.notna(), "")
        body = shown.to_markdown(index=False, floatfmt=f".{DIGITS}g")
        picture = f"\n![{self.title}]({self.name}.svg)\n\n*{self.caption}*\n"
        picture = "" if self.figure is None else picture
        checks = "\n".join(f"- {check}" for check in self.checks)
        return f"# {self.title}\n\n{self.text}\n\n{body}\n\nAgreement:\n\n{checks}\n{picture}"

    def write(self, folder: Path = RESULTS) -> None:
        """Write NAME.md, NAME.csv and NAME.svg into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.md").write_text(self.markdown(), encoding="utf-8")
        self.frame.to_csv(
            folder / f"{self.name}.csv",
            index=False,
            float_format=f"%.{DIGITS}g",
            lineterminator="\n",
        )
        if self.figure is not None:
            save_figure(self.figure, folder / f"{self.name}.svg")


def save_figure(figure: Any, file: Path) -> None:
    """Save an SVG that is the same, byte for byte, whenever and wherever it is drawn."""
    import matplotlib as mpl

    settle(figure)
    with mpl.rc_context({"svg.hashsalt": file.stem, "svg.fonttype": "path"}):
        figure.savefig(file, metadata={"Date": None})


def settle(figure: Any) -> None:
    """Round what is drawn, so that digits which differ between machines are not seen.

    Limits keep `DIGITS_DRAWN` digits, and points of curves lie on a grid of `PIXEL`. The layout
    is made once and then stays.
    """
    for axes in figure.axes:
        axes.set_xlim(*(_to_digits(limit) for limit in axes.get_xlim()))
        axes.set_ylim(*(_to_digits(limit) for limit in axes.get_ylim()))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position(original=True).bounds, DIGITS_DRAWN))
        for line in axes.lines:
            line.set_data(*_on_grid(line.get_xydata(), line.get_transform()).T)
        for drawn in axes.collections:
            if hasattr(drawn, "get_segments"):  # bars of errors
                turn = drawn.get_transform()
                drawn.set_segments([_on_grid(segment, turn) for segment in drawn.get_segments()])
            else:
                drawn.set_offsets(_on_grid(drawn.get_offsets(), drawn.get_offset_transform()))


def _to_digits(value: float) -> float:
    return float(f"{value:.{DIGITS_DRAWN}g}")


def _on_grid(points: Any, transform: Any) -> Any:
    """Return points (m, 2) moved to the nearest ones of a grid of the picture."""
    seen = np.asarray(transform.transform(points))
    moved = transform.inverted().transform(np.round(seen / PIXEL) * PIXEL)
    return np.where(np.isfinite(moved), moved, points)


def levels(losses: Any) -> Any:
    """Return losses (K+1,) with zeros where nothing but rounding is left of the first one."""
    values = np.asarray(losses, dtype=float)
    return np.where(values < 1e-12 * values[0], 0.0, values)


def worst(values: Any, reference: Any) -> float:
    """Return the largest relative difference of two lists; infinite if lengths differ."""
    values, reference = np.asarray(values, dtype=float), np.asarray(reference, dtype=float)
    if values.shape != reference.shape:
        return float("inf")
    scale = np.where(reference == 0, 1.0, np.abs(reference))
    return float((np.abs(values - reference) / scale).max(initial=0.0))


def bounded(values: Any, reference: Any, tolerance: float) -> list[str]:
    """Return relative differences as text: their bound where it is met, else their size."""
    values, reference = np.asarray(values, dtype=float), np.asarray(reference, dtype=float)
    gaps = np.abs(values - reference) / np.where(reference == 0, 1.0, np.abs(reference))
    return [f"<{tolerance:.0e}" if gap <= tolerance else f"{gap:.1e}" for gap in gaps]

"""Results as tables: frames, LaTeX, Markdown, and the HTML that notebooks show.

Text that users chose, such as names of features, is escaped: it is never taken for markup.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from saddles._tools.extras import extra

__all__ = ["Tabular", "as_html", "word"]

#: Characters that Markdown may take for markup.
MARKDOWN = re.compile(r"([\\`*_\[\]<>|~$&#])")

#: Rows of a table in a notebook; of a longer one, the first and the last are shown.
MOST_ROWS = 20

#: Entries of a list within a cell; of a longer one, the first are shown.
MOST_ENTRIES = 8

#: Dots per inch of the small picture beside a table.
SMALL = 45

STYLE = "text-align: right; padding: 0.1em 0.7em"


class Tabular:
    """What can be written as a table; `to_frame` says which."""

    def to_frame(self, *, tidy: bool = False) -> Any:
        """Return a pandas DataFrame."""
        raise NotImplementedError

    def to_latex(self, **options: Any) -> str:
        r"""Return the table of `to_frame` in LaTeX, for the package booktabs.

        Parameters
        ----------
        **options
            Those of `to_frame`.

        Returns
        -------
        str
            A ``tabular`` environment. Characters that LaTeX would interpret are escaped.
        """
        extra("jinja2", "to_latex", "plot")
        frame, sides = self._written(**options)
        return str(frame.to_latex(escape=True, index=False, column_format=sides))

    def to_markdown(self, **options: Any) -> str:
        """Return the table of `to_frame` in Markdown.

        Parameters
        ----------
        **options
            Those of `to_frame`.

        Returns
        -------
        str
            A pipe table. Characters that Markdown would interpret are escaped.
        """
        extra("tabulate", "to_markdown", "plot")
        frame, sides = self._written(**options)
        align = ["right" if side == "r" else "left" for side in sides]
        escaped = frame.map(lambda cell: MARKDOWN.sub(r"\\\1", cell))
        return str(escaped.to_markdown(index=False, colalign=align, disable_numparse=True))

    def _written(self, **options: Any) -> tuple[Any, str]:
        """Return the frame with words for cells, and the side of each column: numbers right."""
        frame = self.to_frame(**options)
        if not options.get("tidy", False):
            frame = frame.reset_index()
        sides = "".join("r" if frame[name].dtype.kind in "iuf" else "l" for name in frame)
        return frame.map(word).astype(object), sides


def word(value: Any) -> str:
    """Return a cell as text: numbers with six digits, nothing for NaN, lists by their entries."""
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.6g}"
    if isinstance(value, tuple | list | np.ndarray):
        return ", ".join(map(word, value))
    return " ".join(str(value).split())


def as_html(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    picture: Callable[[], Any] | None = None,
    below: str = "",
) -> str:
    """Return a table as notebooks show it, with a small picture beside it.

    Parameters
    ----------
    title : str
        Stands above it.
    columns : sequence of str
        Headings.
    rows : iterable of sequences
        Cells; of many rows, the first and the last are shown.
    picture : callable, optional
        Returns a `saddles._pictures.picture.Picture`. Without matplotlib there is none.
    below : str
        A sentence below it.
    """
    body = "".join(_row(row) for row in _ends(list(rows), len(columns)))
    head = "".join(f'<th style="{STYLE}">{html.escape(name)}</th>' for name in columns)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    parts = [f"<p><b>{html.escape(title)}</b></p>", table, _image(picture)]
    if below:
        parts.append(f"<p>{html.escape(below)}</p>")
    return f"<div>{''.join(parts)}</div>"


def _ends(rows: list[Sequence[Any]], width: int) -> list[Sequence[Any]]:
    """Return the rows, or the first and the last of them with a row that says what is left out."""
    if len(rows) <= MOST_ROWS:
        return rows
    half = MOST_ROWS // 2
    gap = [f"… {len(rows) - 2 * half} more …"] + [""] * (width - 1)
    return [*rows[:half], gap, *rows[-half:]]


def _row(row: Sequence[Any]) -> str:
    cells = "".join(f'<td style="{STYLE}">{html.escape(_cell(value))}</td>' for value in row)
    return f"<tr>{cells}</tr>"


def _cell(value: Any) -> str:
    if isinstance(value, tuple | list | np.ndarray) and len(value) > MOST_ENTRIES:
        return f"{word(value[:MOST_ENTRIES])}, … ({len(value)})"
    return word(value)


def _image(picture: Callable[[], Any] | None) -> str:
    """Return a picture as an image within the page, or nothing if it cannot be drawn."""
    if picture is None:
        return ""
    try:
        drawn = picture().png(SMALL)
    except ImportError:
        return ""
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(drawn).decode()}">'

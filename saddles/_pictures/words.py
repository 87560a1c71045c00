"""What all pictures share: a new one, and legends that show names as they were written.

matplotlib takes text between dollar signs for mathematics, and leaves lines out of a legend whose
label starts with an underscore. Names come from users, whose columns may be called either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saddles._tools.extras import extra

__all__ = ["legend", "new_picture"]

#: Most characters of a label: a third of the picture's width.
LONGEST = 40


def new_picture(width: float, height: float) -> Any:
    """Return an empty figure of this size in inches, or say how to get matplotlib."""
    extra("matplotlib", "plot", "plot")
    from saddles._pictures.picture import Picture

    return Picture(figsize=(width, height), layout="constrained")


def legend(axis: Any, handles: Sequence[Any], labels: Sequence[object], **options: Any) -> None:
    """Add a legend whose labels are shown letter by letter, whatever they are."""
    box = axis.legend(handles, [" "] * len(handles), frameon=False, **options)
    for text, label in zip(box.get_texts(), labels, strict=True):
        text.set(parse_math=False, usetex=False, text=_short(str(label)))


def _short(label: str) -> str:
    """Return a label in one line, cut off where it would leave no room for the picture."""
    line = " ".join(label.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"

"""The figure that every `plot` returns: a plain matplotlib figure which notebooks can show.

Only `new_picture` may import this module, since it needs matplotlib.
"""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["Picture"]

#: Dots per inch in a notebook: sharp enough, and small in the file.
DOTS = 100


class Picture(Figure):
    """A figure that shows itself in a notebook, without pyplot and without any magic."""

    def png(self, dots: float) -> bytes:
        """Return it as a PNG image with `dots` dots per inch."""
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=dots)
        return file.getvalue()

    def _repr_png_(self) -> bytes:
        return self.png(DOTS)

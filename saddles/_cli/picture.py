"""Pictures into files, whose names are checked before the work."""

from __future__ import annotations

import os
from pathlib import Path

import saddles
from saddles._cli.data import Data
from saddles._cli.output import printable

__all__ = ["check_picture", "draw"]


def check_picture(file: Path | None) -> None:
    """Raise unless a picture can be drawn into `file`."""
    if file is None:
        return
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise ValueError("--plot needs matplotlib: pip install 'saddles[plot]'") from None
    kinds = sorted(FigureCanvasBase.get_supported_filetypes())
    if file.is_dir():
        raise ValueError(f"--plot={str(file)!r} is a folder; give the name of a file.")
    if file.suffix[1:].lower() not in kinds:
        endings = ", ".join(f".{kind}" for kind in kinds)
        raise ValueError(f"--plot={str(file)!r}: the name must end in one of {endings}.")
    if not file.parent.is_dir():
        raise ValueError(f"--plot={str(file)!r}: there is no folder {str(file.parent)!r}; make it.")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ValueError(f"--plot={str(file)!r} cannot be written; choose another name.")


def draw(
    found: saddles.SaddlePath | saddles.Comparison,
    data: Data,
    file: Path | None,
    **options: float | None,
) -> None:
    """Save the picture of a path or a comparison, if a file is given."""
    if file is not None:
        names = list(map(printable, data.names))
        found.plot(names=names, features=data.X, **options).savefig(file)

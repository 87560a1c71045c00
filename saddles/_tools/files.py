"""Files that users name: what may be opened, and errors that say which file it was."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saddles import checks

__all__ = ["naming", "regular_file"]


def regular_file(value: Any, name: str, otherwise: str = "") -> Path:
    """Return the path of a regular file, which need not exist; `otherwise` says what else would do.

    A device or a pipe may have no end to read up to, and nobody may read what is written to it.

    Raises
    ------
    TypeError, ValueError
        If `value` is no path, or that of something else.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name}={checks.show(value)} must be the path of a file{otherwise}.")
    path = Path(value)
    mode = path.stat().st_mode if path.exists() else stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise ValueError(f"{name}={str(value)!r} is a folder; name a file in it.")
    if not stat.S_ISREG(mode):
        raise ValueError(
            f"{name}={str(value)!r} is a device, a pipe or a socket; name a regular file."
        )
    return path


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put the path into errors of the system that do not say which file they are about."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None

"""Packages that a user may have left out, or what to install."""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = ["extra"]


def extra(module: str, use: str, group: str) -> ModuleType:
    """Return a module that comes with an extra of this package.

    Parameters
    ----------
    module : str
        Its name.
    use : str
        What needs it.
    group : str
        The extra that has it.

    Raises
    ------
    ImportError
        If it cannot be imported: the message says how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        needed = module.partition(".")[0]
        raise ImportError(f"{use} needs {needed}: pip install 'saddles[{group}]'") from error

"""The command line; it needs ``pip install 'saddles[cli]'``, and ``saddles --help`` says the rest.

=======================  ===========================================================
``saddles path``         the staircase of any table of numbers
``saddles verify``       that staircase, found again in three other ways
``saddles compare``      a training log beside the staircase of its data
``saddles bias``         where training ends
=======================  ===========================================================

===========  ================================================================================
exit status  meaning
===========  ================================================================================
0            right: everything was computed, and what was compared agrees
1            ``verify`` found a disagreement
2            bad input: a file, a column, an option; or an optional package is missing
3            no answer that can be trusted: a computation failed, or a comparison is undecided
130, 141     interrupted; whoever read the output went away
===========  ================================================================================

Results go to standard output, everything else (warnings, errors, progress) to standard error.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; see the module's table.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; ``sys.argv`` by default.
    """
    try:
        import rich
        import typer
    except ImportError as error:
        if (error.name or "").split(".")[0] not in ("rich", "typer"):
            raise
        message = f"the command line needs {error.name}: pip install 'saddles[cli]'"
        print(f"saddles: error: {message}", file=sys.stderr)
        return 2
    del rich, typer
    from saddles._cli.app import run

    return run(sys.argv[1:] if arguments is None else list(arguments))

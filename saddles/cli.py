"""The command line; it needs ``pip install 'saddles[cli]'``, and ``saddles --help`` says the rest.

=======================  ===========================================================
``saddles path``         the staircase of any table of numbers
``saddles verify``       that staircase, found again in three other ways
``saddles compare``      a training log compared with the staircase of its data
``saddles bias``         where training ends
=======================  ===========================================================

===========  ================================================================================
exit status  meaning
===========  ================================================================================
0            right: everything was computed, and what was compared agrees
1            ``verify`` found a disagreement
2            bad input: a file, a column, an option; output that cannot be written; or an
             optional package is missing
3            no answer that can be trusted: a computation failed, or a comparison is undecided
130, 141     interrupted; whoever read the output went away
===========  ================================================================================

Results go to standard output, everything else (warnings, errors, progress) to standard error.
"""

from __future__ import annotations

import io
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; see the module's table.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; ``sys.argv`` by default.
    """
    with _streams():
        try:
            with _dying_of_interrupts():
                from saddles._cli.app import run
        except ImportError as error:
            if (error.name or "").split(".")[0] not in ("rich", "typer"):
                raise
            message = f"the command line needs {error.name}: pip install 'saddles[cli]'"
            print(f"saddles: error: {message}", file=sys.stderr)
            return 2
        return run(sys.argv[1:] if arguments is None else list(arguments))


class _Closed(io.TextIOBase):
    """Standard output after ``>&-``: what is written there is an error, and not lost."""

    def write(self, text: str) -> int:
        raise OSError("standard output is closed")


@contextmanager
def _streams() -> Iterator[None]:
    """Put streams in the place of those that were closed, which Python leaves out."""
    before = sys.stdout, sys.stderr
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = io.StringIO()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def _dying_of_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process as it ends others, without a traceback of half an import."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

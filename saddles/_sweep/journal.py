"""A file to which one process at a time appends lines, whatever names the file has.

The kernel's lock is on the file itself, so a symbolic or hard link is no way around it, and it ends
with the process, however that ends. A line is handed to the operating system at once, where a kill
cannot reach it. The disk is waited for a few times a second only, for that takes far longer than
most lines. A file that may be read and not written is read, without a lock.

==============  ==========================================================================
code name       meaning
==============  ==========================================================================
``file``        open for reading and appending, without a buffer
``refusal``     why the file cannot be written, or None
``synced``      when the disk was last waited for
==============  ==========================================================================
"""

from __future__ import annotations

import errno
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from saddles._tools.files import naming

__all__ = ["Journal", "journal"]

#: Seconds between two waits for the disk: a power failure may cost the lines of that time.
SYNC_EVERY = 0.25

#: What the system says of a file that it lets nobody write, or not us.
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)

#: What it says where another process has the lock.
TAKEN = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


if sys.platform == "win32":
    import msvcrt

    #: A byte far behind the end: Windows lets nobody else read or write a locked one.
    FAR = 2**62

    def _lock(file: FileIO) -> None:
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: FileIO) -> None:
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: FileIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: FileIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)


@dataclass(eq=False)
class Journal:
    """An open file of lines; see the table above."""

    path: Path
    file: FileIO
    refusal: OSError | None = None
    synced: float = -math.inf

    def read(self) -> bytes:
        """Return all that the file holds."""
        self.file.seek(0)
        return self.file.readall()

    def check_writable(self, why: str = "") -> None:
        """Raise if the file cannot be written, and say why it should be."""
        if self.refusal is not None:
            told = f"{self.refusal.strerror}{why and f', but {why}'}"
            raise OSError(self.refusal.errno, told, str(self.path))

    def append(self, line: bytes) -> None:
        """Write one whole line; a kill does not undo it once this returns."""
        self.check_writable()
        rest = memoryview(line + b"\n")
        with naming(self.path):
            while rest:
                rest = rest[self.file.write(rest) :]
        if time.monotonic() >= self.synced + SYNC_EVERY:
            self.sync()

    def cut(self, size: int) -> None:
        """Leave the first `size` bytes; a file that cannot be written is left as it is."""
        if self.refusal is None:
            with naming(self.path):
                self.file.truncate(size)
            self.sync()

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        if self.refusal is None:
            with naming(self.path):
                os.fsync(self.file.fileno())
            self.synced = time.monotonic()


@contextmanager
def journal(path: Path) -> Iterator[Journal]:
    """Open and lock the file at `path`, or make it, with its folder.

    Raises
    ------
    OSError
        If the file can be neither written nor read, or its disk has no locks.
    RuntimeError
        If another process has it open, under any name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    refusal = None
    try:
        file = FileIO(path, "a+")
    except OSError as error:
        if error.errno not in READ_ONLY or not path.exists():
            raise
        file, refusal = FileIO(path), error
    with file:
        if refusal is None:
            _claim(path, file)
        opened = Journal(path, file, refusal)
        try:
            yield opened
        finally:
            opened.sync()
            if refusal is None:
                _unlock(file)


def _claim(path: Path, file: FileIO) -> None:
    try:
        with naming(path):
            _lock(file)
    except OSError as error:
        if error.errno not in TAKEN:
            raise
        raise RuntimeError(
            f"store={str(path)!r} is in use by another sweep; wait for it, or choose another file."
        ) from None

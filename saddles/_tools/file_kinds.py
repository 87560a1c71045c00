"""What kind of file this is, by its first bytes: text, compressed text, a workbook, or neither.

==========================  =================================================================
kind                        what is done
==========================  =================================================================
UTF-8, UTF-16, UTF-32       read as text
other text                  read as Windows-1252, with a warning
gzip, bzip2, xz, zip        unpacked, then examined again
Excel, Parquet, Feather     read by pandas, if it is installed
anything else               named in one line, with the remedy
==========================  =================================================================
"""

from __future__ import annotations

import codecs
import importlib
import io
import json
import os
import re
import stat
import sys
import warnings
import zipfile
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, BinaryIO

__all__: list[str] = []

#: The name of a file that stands for standard input.
STANDARD_INPUT = Path("-")

#: What a device (a terminal, /dev/zero) may give at most.
DEVICE = 1 << 16

#: What a packed file may hold at most, in bytes: a small file the first number, others the second
#: times their size, and none more than the third. Tables of numbers shrink by five or ten.
FEW, TIGHT, MANY = 1 << 26, 100, 1 << 30

#: Rows of cells, if the file holds them, and not text.
Cells = list[list[str]]

#: First bytes -> the module that unpacks them. An archive within an archive is unpacked no further.
PACKED = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\x00": "lzma"}

#: First bytes of a zip archive, and a file in it if it is a workbook of Excel or LibreOffice.
ZIP, WORKBOOK = b"PK\x03\x04", {"[Content_Types].xml", "mimetype"}

#: First bytes -> the kind, and pandas' function that reads it.
TABLES = {
    b"PAR1": ("a Parquet file", "read_parquet"),
    b"ARROW1": ("a Feather file", "read_feather"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "read_excel"),
    ZIP: ("a workbook", "read_excel"),
}

#: First bytes -> the kind and the remedy.
OTHERS = {
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it with unzstd",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
    b"\x93NUMPY": "an array of NumPy; save it by numpy.savetxt with a header line",
    b"\x89HDF": "an HDF5 file; save its table as CSV",
    b"SQLite format 3": "a SQLite database; save its table as CSV",
    b"RDX": "an R workspace; save its table by write.csv",
    b"%PDF": "a PDF file; save its table as CSV",
}

#: How pages of HTML and XML begin.
MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml|table)", re.IGNORECASE)

#: Marks at the beginning of a text; the longer ones first, for UTF-32 begins as UTF-16 does.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

#: What Excel writes in Western Europe and America. Numbers are the same in the like of it, so a
#: wrong guess can spoil names only.
WESTERN = "cp1252"

#: Control characters that no text has.
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def read(file: Path, label: str) -> str | Cells:
    """Return a file's text without a byte order mark, or its cells; "-" is standard input.

    Raises
    ------
    ValueError
        If it holds neither; `label` is what the message calls it.
    """
    try:
        data = _bytes(file)
    except OSError as error:
        raise ValueError(f"{label}: {error.strerror or error}.") from None
    try:
        data = _unpacked(data)
    except Exception as error:  # whatever those modules raise at damaged files
        reason = str(error).rstrip(".") or "it is damaged"
        raise ValueError(f"{label} cannot be unpacked: {reason}.") from None
    return _opened(data, label)


def _bytes(file: Path) -> bytes:
    if file == STANDARD_INPUT and sys.stdin is None:
        raise OSError("it is closed")
    with nullcontext(sys.stdin.buffer) if file == STANDARD_INPUT else file.open("rb") as stream:
        start = stream.read(DEVICE)
        if len(start) == DEVICE and _is_device(stream):
            raise OSError("it is a device that goes on and on")
        return start + stream.read()


def _is_device(stream: BinaryIO) -> bool:
    with suppress(OSError):  # a stream in memory has no descriptor
        return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)
    return False


def _unpacked(data: bytes) -> bytes:
    """Return the file that is packed in a file, or that file; a workbook is left as it is."""
    for start, module in PACKED.items():
        if data.startswith(start):
            with importlib.import_module(module).open(io.BytesIO(data)) as stream:
                return _limited(stream, len(data))
    if data.startswith(ZIP):
        archive = zipfile.ZipFile(io.BytesIO(data))
        names = [name for name in archive.namelist() if not name.endswith("/")]
        _check_size(sum(entry.file_size for entry in archive.infolist()), len(data))
        if not WORKBOOK & {*names}:
            if len(names) != 1:
                raise ValueError(f"it holds {len(names)} files; unpack the one meant")
            with archive.open(names[0]) as stream:
                return _limited(stream, len(data))
    return data


def _limited(stream: Any, size: int) -> bytes:
    """Return what is packed in a file of this size, as long as it is no more than it may be."""
    unpacked: bytes = stream.read(_most(size) + 1)
    _check_size(len(unpacked), size)
    return unpacked


def _most(size: int) -> int:
    """Return how much a packed file of this size may hold."""
    return min(MANY, max(FEW, TIGHT * size))


def _check_size(unpacked: int, size: int) -> None:
    if unpacked > _most(size):
        raise ValueError(
            f"its {size} bytes hold more than {_most(size) >> 20} MB, which no table of numbers "
            "does; unpack it yourself, if it is one"
        )


def _opened(data: bytes, label: str) -> str | Cells:
    """Return the text or the cells in bytes that are not packed."""
    for start, (kind, function) in TABLES.items():
        if data.startswith(start):
            return _by_pandas(data, label, kind, function)
    for start, words in OTHERS.items():
        if data.startswith(start):
            raise ValueError(f"{label} is {words}.")
    if MARKUP.match(data):
        raise ValueError(f"{label} is a page of HTML or XML; download the table itself.")
    if data[257:262] == b"ustar":
        raise ValueError(f"{label} is a tar archive; unpack the file meant.")
    text = _text(data, label)
    if _is_json(text) or _is_json(text.partition("\n")[0]):
        raise ValueError(f"{label} is JSON; save its table as CSV, with a header line.")
    return text


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError, RecursionError):
            json.loads(text)
            return True
    return False


def _text(data: bytes, label: str) -> str:
    encoding = next((name for mark, name in MARKS.items() if data.startswith(mark)), None)
    if encoding is None and b"\0" in data[:2]:  # two bytes for a letter, and no mark
        encoding = "utf-16-be" if data.startswith(b"\0") else "utf-16-le"
    try:
        return data.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"byte {error.object[error.start]:#04x} at position {error.start}"
        if encoding is None and not CONTROL.search(data) and error.end < len(data):
            with suppress(UnicodeDecodeError):
                text = data.decode(WESTERN)
                warnings.warn(
                    f"{label} is not UTF-8 ({where}) and is read as Windows-1252; if its names "
                    "come out wrong, save it as UTF-8.",
                    stacklevel=2,
                )
                return text
        name = "UTF-8" if encoding is None else encoding.upper()
        raise ValueError(f"{label} is not {name}: {where}; save it as UTF-8.") from None


def _by_pandas(data: bytes, label: str, kind: str, function: str) -> Cells:
    """Return the cells of a table that pandas reads, its header first, as text."""
    try:
        import pandas

        options: dict[str, Any] = {}
        if function == "read_excel":
            options = {"header": None, "dtype": object, "na_filter": False}
            sheets = pandas.ExcelFile(io.BytesIO(data)).sheet_names
            if len(sheets) > 1:
                warnings.warn(
                    f"{label} has {len(sheets)} sheets; the first, {sheets[0]!r}, is read.",
                    stacklevel=2,
                )
        frame = getattr(pandas, function)(io.BytesIO(data), **options)
    except ImportError as error:
        raise ValueError(
            f"{label} is {kind}: pip install 'saddles[files]' to read it, or save it as CSV."
        ) from error
    except Exception as error:  # whatever those readers raise at damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{label} is {kind} that cannot be read: {reason}") from None
    missing = frame.isna().to_numpy()
    rows = [
        ["" if none else _written(cell) for cell, none in zip(row, gone, strict=True)]
        for row, gone in zip(frame.itertuples(index=False, name=None), missing, strict=True)
    ]
    return rows if function == "read_excel" else [[str(name) for name in frame.columns], *rows]


def _written(cell: Any) -> str:
    """Return a cell as a CSV file would have it."""
    return repr(float(cell)) if hasattr(cell, "is_integer") else str(cell)

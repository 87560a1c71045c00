"""Tables of numbers: what pandas reads is read alike; what is broken is one line."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from saddles._cli.data import Data, Source
from saddles._tools.csv_table import CsvTable
from saddles._tools.written_numbers import GROUPED
from saddles.cli import main

PLAIN = "a,b,y\n1,0.5,3\n2,1.5,-1e-3\n.5,+2.,1E+2\n"


def swapped(sep, text=PLAIN):
    return text.replace(",", sep)


def zipped(text, name="t.csv"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, text)
    return packed.getvalue()


WESTERN = {"sep": ";", "encoding": "cp1252"}

#: What the file holds, how pandas is told to read it, and how the command line is.
READ = {
    "plain": (PLAIN, {}, {}),
    "quoted": ('"a","b","y"\n"1","0.5","3"\n"2",1.5,"1"\n', {}, {}),
    "semicolons": (swapped(";"), {"sep": ";"}, {}),
    "decimal commas": ("a;b;y\n1,5;2;3\n2;-1,25e-3;,5\n", {"sep": ";", "decimal": ","}, {}),
    "R's write.csv2": (
        '"";"a";"y"\n"1";1,5;2\n"2";2,5;1\n',
        {"sep": ";", "decimal": ",", "index_col": 0},
        {},
    ),
    "tabs": (swapped("\t"), {"sep": "\t"}, {}),
    "tabs and decimal commas": (
        "a\tb\ty\n1,5\t2\t3\n0,25\t1\t1\n",
        {"sep": "\t", "decimal": ","},
        {},
    ),
    "bars": (swapped("|"), {"sep": "|"}, {}),
    "spaces": (swapped(" "), {"sep": " "}, {}),
    "fixed width": ("  a    b     y\n 1.0  2.0   3\n  2.   1 1e-3\n", {"sep": r"\s+"}, {}),
    "a separator of one's own": (swapped("~"), {"sep": "~"}, {"sep": "~"}),
    "a separator by name": (swapped("\t"), {"sep": "\t"}, {"sep": "tabs"}),
    "spaces after commas": (swapped(", "), {"skipinitialspace": True}, {}),
    "gzip": (gzip.compress(PLAIN.encode()), {"compression": "gzip"}, {}),
    "bzip2": (bz2.compress(PLAIN.encode()), {"compression": "bz2"}, {}),
    "xz": (lzma.compress(PLAIN.encode()), {"compression": "xz"}, {}),
    "zip": (zipped(PLAIN), {"compression": "zip"}, {}),
    "a byte order mark": (PLAIN.encode("utf-8-sig"), {}, {}),
    "UTF-16": (PLAIN.encode("utf-16"), {"encoding": "utf-16"}, {}),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-be"), {"encoding": "utf-16-be"}, {}),
    "UTF-32": (PLAIN.encode("utf-32"), {"encoding": "utf-32"}, {}),
    "Windows-1252": ("höhe;€;y\n1;2;3\n2;1;1\n".encode("cp1252"), WESTERN, {}),
    "comments": ("# by me\n" + PLAIN.replace("2,1.5", "# and then\n2,1.5"), {"comment": "#"}, {}),
    "a comment in a row": (PLAIN.replace("3\n", "3 # so, a note\n"), {"comment": "#"}, {}),
    "numpy.savetxt": (f"# {PLAIN}", {"header": 0, "names": ["a", "b", "y"]}, {}),
    "pandas' index": (pd.read_csv(io.StringIO(PLAIN)).to_csv(), {"index_col": 0}, {}),
    "labels of rows": (",a,y\nAnn,1,2\nBob,2,1\n", {"index_col": 0}, {}),
    "R's write.table": ('"a" "y"\n"1" 1 2\n"2" 3 1\n', {"sep": " "}, {}),
    "an index by name": ("who,a,y\nAnn,1,2\nBob,2,1\n", {"index_col": "who"}, {"index": "who"}),
    "an index by number": ("who,a,y\nAnn,1,2\nBob,2,1\n", {"index_col": 0}, {"index": "1"}),
    "columns chosen": (
        "a,city,b,y\n1,Rome,2,3\n2,Bonn,1,1\n",
        {"usecols": ["a", "b", "y"]},
        {"columns": ["a,b"]},
    ),
    "columns left out": (
        "a,city,b,y\n1,Rome,2,3\n2,Bonn,1,1\n",
        {"usecols": ["a", "b", "y"]},
        {"drop": ["city"]},
    ),
    "blank lines": ("\n\na,b,y\n\n1,2,3\n\n2,1,1\n\n", {}, {}),
    "old line ends": (PLAIN.replace("\n", "\r"), {"lineterminator": "\r"}, {}),
    "line ends of Windows": (PLAIN.replace("\n", "\r\n"), {}, {}),
    "no last line end": (PLAIN.rstrip(), {}, {}),
    "truth values": ("a,b,y\nTrue,1,2\nFalse,3,1\n", {}, {}),
    "separators at the end": ("a,b,y,\n1,2,3,\n2,1,1,\n", {"usecols": ["a", "b", "y"]}, {}),
    "an empty column": ("a,,b,c,y\n1,,2,4,3\n2,,1,5,1\n", {"usecols": [0, 2, 4]}, {"drop": ["4"]}),
    "a separator in a name": ('"a, in m",b,y\n1,2,3\n2,1,1\n', {}, {}),
    "a line end in a name": ('"a\nof b",b,y\n1,2,3\n2,1,1\n', {}, {}),
    "brackets around names": ("[kg],<b>,y\n1,2,3\n2,1,1\n", {}, {}),
    "a zero with an exponent": ("a,y\n0e-999999999,1\n2,-0.0e7\n", {}, {}),
    "5000 digits": (f"a,y\n1.{'1' * 5000},1\n2,1\n", {}, {}),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", READ)
def test_what_pandas_reads_gives_its_numbers(kind, tmp_path):
    content, how, options = READ[kind]
    file = tmp_path / "table"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    expected = pd.read_csv(file, **how)
    data = Data.read(Source(file=file, **options), "y")
    assert data.names == [name for name in expected.columns if name != "y"]
    assert (expected[data.names].to_numpy(float) == data.X).all()
    assert (data.y == expected["y"].to_numpy(float)).all()


def test_text_that_is_not_utf_8_is_said(tmp_path):
    (tmp_path / "t.csv").write_bytes("é,y\n1,1\n2,1\n".encode("latin-1"))
    with pytest.warns(UserWarning, match=r"not UTF-8 \(byte 0xe9 at position 0\) and is read as W"):
        assert CsvTable.read(tmp_path / "t.csv").header == ["é", "y"]


#: What the file holds, and words of the one line about it.
BROKEN = {
    "empty": ("", "is empty"),
    "blank": ("\n \n", "is empty"),
    "a header only": ("a,y\n", "no rows"),
    "no such target": ("a,z\n1,2\n", "no column 'y'; it has 'a', 'z'"),
    "a target in capitals": ("a,Y\n1,2\n", "Did you mean 'Y'?"),
    "no header": ("1.5,2\n3,4\n", "row 1 holds numbers; it must name the columns"),
    "no header, by number": ("1,1\n3,4\n", "row 1 holds numbers; it must name the columns"),
    "fractions among commas": ("a,y\n1,5,2\n3,5,2\n", "row 2: 3 fields under 2 columns"),
    "pandas' index, doubtful": ("Unnamed: 0,a,y\n2,2,3\n2,1,1\n", "column 1 has no name"),
    "the target only": ("y\n1\n", "target 'y' only"),
    "a nameless column": ("a,,y\n1,2,3\n", "column 2 has no name; name it, or leave it out with"),
    "nameless numbers first": (",a,y\n.5,2,3\n.5,1,1\n", "column 1 has no name"),
    "a name twice": ("a,a,y\n1,2,3\n", "column 'a' occurs twice"),
    "a short row": ("a,b,y\n1,2,3\n1,2\n", "row 3: 2 fields under 3 columns"),
    "a long row": ("a,y\n1,2,3,4\n", "row 2: 4 fields under 2 columns"),
    "an open quote": ('a,y\n"1,2\n', "a quotation mark is never closed; close or remove it"),
    "a missing value": ("a,y\n1,2\n,1\n", "row 3, column 'a': the value is missing;"),
    "NA": ("a,y\nNA,2\n", "the value is missing (NA)"),
    "an error of Excel": ("a,y\n#N/A,2\n#DIV/0!,1\n", "row 2, column 'a': the value is missing"),
    "text": ("a,y\n1,2\nx,1\n", "row 3, column 'a': 'x' is not a number; write a number, or leave"),
    "underscores": ("a,y\n12_05,1\n", "'12_05' is not a number"),
    "Arabic digits": ("a,y\n١٢,1\n", "is not a number"),
    "hexadecimals": ("a,y\n0x1A,1\n", "'0x1A' is not a number"),
    "a date": ("d,y\n2026-01-31,1\n", "leave the column out with --drop d"),
    "truth and numbers": ("a,y\nTrue,1\n5,2\n", "'True' is not a number"),
    "not finite": ("a,y\nInf,1\n", "'Inf' is not finite"),
    "too large": ("a,y\n1e999,1\n", "'1e999' is too large for a float64; divide"),
    "too small": ("a,y\n1e-999999999,1\n", "'1e-999999999' is not zero but too small"),
    "a square too large": ("a,y\n1,1\n1e200,1\n", "row 3, column 'a': 1e+200"),
    "a target too small": ("a,y\n1,1e-200\n", "column 'y': 1e-200"),
    "thousands": ("a\ty\n1,234\t5\n", "may be a thousand or a decimal fraction"),
    "a quoted decimal comma": ('a,y\n"1,5",2\n', "say --decimal ,"),
    "two decimal marks": ("a;y\n1,5;2\n1.5;3\n", "'1,5' is not a number"),
    "a cell of 5000 letters": (f"a,y\n{'x' * 5000},1\n", "row 2, column 'a': 'xxx"),
    "900 other columns": (
        ",".join(f"c{k}" for k in range(900)) + "\n" + "1," * 900,
        "and 888 more",
    ),
    "no text": (b"a\x01\xe9,y\n1,1\n", "is not UTF-8: byte 0xe9 at position 2"),
    "no letter of Windows": (b"a\x81,y\n1,1\n", "is not UTF-8: byte 0x81 at position 1"),
    "half a letter at the end": ("a,y\n1,1\n2,1é".encode()[:-1], "is not UTF-8: byte 0xc3"),
    "half of gzip": (gzip.compress(PLAIN.encode() * 99)[:40], "ended before"),
    "damaged gzip": (gzip.compress(PLAIN.encode())[:-8] + b"12345678", "CRC check failed"),
    "two files in zip": ("", "it holds 2 files; unpack"),
    "a web page": ("<!DOCTYPE html>\n<html></html>", "a page of HTML"),
    "JSON": ('[{"a": 1}]', "is JSON"),
    "JSON, line by line": ('{"step": 1, "loss": 2}\n{"step": 2, "loss": 1}\n', "is JSON"),
    "an array": (b"\x93NUMPY\x01\x00", "is an array of NumPy"),
    "zstd": (b"\x28\xb5\x2f\xfd\x00", "unpack it with unzstd"),
    "a tar archive": (gzip.compress(b"\0" * 257 + b"ustar"), "is a tar archive"),
    "a bomb": (bz2.compress(bytes(2**26 + 1)), "hold more than 64 MB, which no table"),
    "a bomb in zip": ("", "hold more than 64 MB"),
    "damaged Excel": (zipped("", "[Content_Types].xml"), "is a workbook that cannot be read"),
    "damaged Parquet": (b"PAR1PAR1", "is a Parquet file"),
}


def broken(kind):
    if kind == "two files in zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("a.csv", PLAIN)
            archive.writestr("b.csv", PLAIN)
        return packed.getvalue()
    if kind == "a bomb in zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", bytes(2**26 + 1))
        return packed.getvalue()
    content = BROKEN[kind][0]
    return content if isinstance(content, bytes) else content.encode()


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_one_line_and_status_2(kind, tmp_path, capsys):
    (tmp_path / "table").write_bytes(broken(kind))
    assert main(["path", str(tmp_path / "table"), "--target", "y"]) == 2
    out, line = capsys.readouterr()
    assert (out, line.count("\n")) == ("", 1)
    assert line.startswith("saddles: error: ")
    assert BROKEN[kind][1] in line
    assert len(line) < 600


OPTIONS = {
    "no such separator": (["--sep", "ab"], "give one character"),
    "no such column": (["--drop", "q"], "no column 'q'"),
    "a number too large": (["--index", "4"], "no column '4'"),
    "the target left out": (["--drop", "a,y"], "'y' is both used and left out"),
    "the target chosen": (["--columns", "a,y"], "'y' is the target"),
    "chosen and left out": (["--columns", "a", "--drop", "a"], "'a' is both used and left out"),
    "nothing left": (["--drop", "a", "--drop", "b"], "target 'y' only"),
    "another separator": (["--sep", ";"], "no column 'y'; it has 'a,b,y'"),
    "another decimal mark": (
        ["--decimal", ","],
        "column 'a': '.5' is not a number, for the decimal mark is a comma",
    ),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_options_that_do_not_fit_the_file_are_one_line(kind, tmp_path, capsys):
    (tmp_path / "table").write_text(PLAIN)
    assert main(["path", str(tmp_path / "table"), "--target", "y", *OPTIONS[kind][0]]) == 2
    out, line = capsys.readouterr()
    assert (out, line.count("\n")) == ("", 1)
    assert OPTIONS[kind][1] in line


def read(text, tmp_path, **options):
    (tmp_path / "table").write_text(text)
    return CsvTable.read(tmp_path / "table", **options)


def test_what_is_left_out_is_said(tmp_path):
    with pytest.warns(UserWarning, match="row 3: 1 of its rows begin with #"):
        read("a,y\n1,2\n#3,4\n5,6\n", tmp_path)
    with pytest.warns(UserWarning, match="row 1 holds numbers, which are taken for names"):
        read("0,1,2\n1,2,3\n", tmp_path)
    for text in ("Unnamed: 0,a,y\n7,1,2\n5,2,1\n", ",a,y\n0,1,2\n1,2,1\n", "a y\nx 1 2\nz 2 1\n"):
        (tmp_path / "table").write_text(text)
        with pytest.warns(UserWarning, match="taken for labels of rows"):
            assert Data.read(Source(file=tmp_path / "table"), "y").names == ["a"]


def test_one_hint_when_scales_are_apart(tmp_path):
    (tmp_path / "table").write_text("a,b,c,z,y\n1,1000,5,0,1\n2,300,1e5,0,2\n")
    source = Source(file=tmp_path / "table")
    with pytest.warns(UserWarning, match=r"column 'c' is 5e\+04 times .* --standardize") as caught:
        Data.read(source, "y")
    assert len(caught) == 1
    Data.read(source, "y", standardize=True)
    Data.read(Source(file=tmp_path / "table", drop=["b", "c"]), "y")


digits = st.text("0123456789", min_size=1, max_size=30)
written = st.builds(
    lambda sign, whole, part, exponent: f"{sign}{whole}{part}{exponent}",
    st.sampled_from(["", "+", "-"]),
    digits,
    st.one_of(st.just(""), st.just("."), digits.map(".{}".format)),
    st.one_of(st.just(""), st.integers(-250, 250).map("e{}".format)),
)


@given(st.lists(written, min_size=1, max_size=4), st.sampled_from([",", ";", "\t", "|", " "]))
def test_numbers_are_read_as_they_are_written(cells, sep):
    names = [f"x{k}" for k in range(len(cells))] + ["y"]
    text = sep.join(names) + "\n" + sep.join([*cells, "1"]) + "\n"
    table = from_text(text)
    assert table.numbers(names).tolist() == [[*map(float, cells), 1.0]]
    assert table.fractions(names) == [[*map(Fraction, cells), Fraction(1)]]
    if sep != ",":
        commas = from_text(text.replace(".", ","), decimal=",")
        assert commas.fractions(names) == table.fractions(names)


@st.composite
def dialects(draw):
    """Draw numbers and a text that holds them, as one program or another would write it."""
    rows = draw(st.integers(1, 4))
    width = draw(st.integers(1, 3))
    number = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-9)
    values = draw(st.lists(st.lists(number, min_size=width + 1, max_size=width + 1), min_size=rows,
                           max_size=rows))  # fmt: skip
    sep = draw(st.sampled_from([",", ";", "\t", "|", " "]))
    commas = sep != "," and draw(st.booleans())
    quote = draw(st.sampled_from(["", '"']))
    names = [f"{quote}{name}{quote}" for name in [*"abc"[:width], "y"]]
    cells = [[repr(x).replace(".", "," if commas else ".") for x in row] for row in values]
    marked = [cell for row in cells for cell in row if "," in cell]
    assume(not commas or sep == ";" or not all(map(GROUPED.fullmatch, marked)))
    if draw(st.booleans()):  # labels of rows
        names = ['""', *names] if sep != " " and draw(st.booleans()) else names
        cells = [[f"{quote}{k}{quote}", *row] for k, row in enumerate(cells)]
    lines = [sep.join(line) for line in [names, *cells]]
    if sep != " " and len(names) == len(cells[0]) and draw(st.booleans()):
        lines = [line + sep for line in lines]
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), "# it's a comment")
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), "")
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])))
    return np.array(values), draw(st.sampled_from([bytes, gzip.compress, bz2.compress]))(data)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(dialects())
def test_a_table_is_the_same_in_every_dialect(drawn):
    values, content = drawn
    stream, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(content))
    try:
        data = Data.read(Source(file=Path("-")), "y")
    finally:
        sys.stdin = stream
    assert data.X.tolist() == values[:, :-1].tolist()
    assert data.y.tolist() == values[:, -1].tolist()


def from_text(text, **options):
    stream, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(text.encode()))
    try:
        return CsvTable.read(Path("-"), **options)
    finally:
        sys.stdin = stream


@pytest.mark.filterwarnings("ignore:.*is read as Windows-1252:UserWarning")
@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_one_line(data):
    stream, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(data))
    try:
        table = CsvTable.read(Path("-"))
    except ValueError as error:
        refusal = str(error)
    else:
        refusal = "standard input is read"
        assert all(len(row) == len(table.header) for _, row in table.rows)
    finally:
        sys.stdin = stream
    assert refusal.startswith("standard input")
    assert "\n" not in refusal


def test_workbooks_need_pandas_and_its_engine(tmp_path, monkeypatch):
    (tmp_path / "table").write_bytes(zipped("", "[Content_Types].xml"))
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ValueError, match=r"is a workbook: pip install 'saddles\[files\]'"):
        CsvTable.read(tmp_path / "table")


@pytest.mark.parametrize(
    ("kind", "engine"), [("excel", "openpyxl"), ("parquet", "pyarrow"), ("feather", "pyarrow")]
)
def test_tables_that_are_no_text(kind, engine, tmp_path):
    pytest.importorskip(engine)
    frame = pd.DataFrame({"a": [0.1, 1e-300], "n": [1, 2], "t": [True, False], "y": [0.5, 2.0]})
    options = {"index": False} if kind == "excel" else {}
    getattr(frame, f"to_{kind}")(path := tmp_path / "table.xlsx", **options)
    data = Data.read(Source(file=path), "y")
    assert (frame[["a", "n", "t"]].to_numpy(float) == data.X).all()
    assert data.table.fractions(["a"])[0] == [Fraction(1, 10)]
    frame.loc[1, "a"] = np.nan
    getattr(frame, f"to_{kind}")(path, **options)
    with pytest.raises(ValueError, match=r"row 3, column 'a': the value is missing"):
        Data.read(Source(file=path), "y")

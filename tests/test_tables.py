"""The committed tables are what the code computes now, and every check in them passes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tables
from tables.table import RESULTS, Check, Table, bounded, worst

ROOT = Path(__file__).parent.parent
# The files hold ten digits; their last one may round either way on another machine.
PRINTED = 2e-9


@pytest.mark.parametrize("name", tables.NAMES)
def test_committed_results_are_current(name, tmp_path):
    table = tables.build(name)
    for check in table.checks:
        assert check.passed, f"{check.label}: {check.value}"
    table.write(tmp_path)
    fresh = pd.read_csv(tmp_path / f"{name}.csv", keep_default_na=False)
    kept = pd.read_csv(RESULTS / f"{name}.csv", keep_default_na=False)
    assert list(fresh) == list(kept)
    for column in fresh:
        if column in table.known:
            mine, its = (pd.to_numeric(frame[column], errors="coerce") for frame in (fresh, kept))
            assert list(mine.isna()) == list(its.isna()), column
            excess = (mine - its).abs() - table.known[column]
            assert not (excess > 0).any(), f"{column}: {list(mine)} for {list(its)}"
        elif pd.api.types.is_numeric_dtype(kept[column]):
            np.testing.assert_allclose(fresh[column], kept[column], rtol=PRINTED, atol=1e-15)
        else:
            assert list(map(str, fresh[column])) == list(map(str, kept[column])), column
    for ending in ("md",) if table.figure is None else ("md", "svg"):
        assert (RESULTS / f"{name}.{ending}").stat().st_size > 0


def test_writing_twice_gives_the_same_bytes(tmp_path):
    for folder in ("first", "second"):
        tables.build("nonmonotone").write(tmp_path / folder)
    for file in (tmp_path / "first").iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes(), file.name


def test_results_hold_no_dates():
    for file in RESULTS.iterdir():
        text = file.read_text("utf-8")
        assert "<dc:date>" not in text, file.name


def test_every_result_has_its_table():
    assert {file.stem for file in RESULTS.iterdir()} == set(tables.NAMES)


def test_a_missed_tolerance_shows():
    frame = pd.DataFrame({"a": [1.0]})
    bad = Check("gap", 2e-3, 1e-3)
    table = Table(name="x", title="X", frame=frame, checks=(bad,), text="")
    assert not table.passed
    assert not Check("nan", float("nan"), 1.0).passed
    assert "2.00e-03 > tolerance" in table.markdown()
    assert bounded([1.0, 1.1], [1.0, 1.0], 1e-3) == ["<1e-03", "1.0e-01"]
    assert worst([1.0], [1.0, 2.0]) == float("inf")
    assert worst([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)


def test_command_line_knows_its_tables():
    run = subprocess.run(
        [sys.executable, "-m", "tables", "nosuch"], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 2
    assert "no table 'nosuch'" in run.stderr
    assert "unaligned" in run.stderr

"""The committed tables are what the code computes now, and every check in them passes."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import saddles
import tables
from tables import diabetes
from tables.table import RESULTS, Check, Table, bounded, save_figure, settle, worst

ROOT = Path(__file__).parents[2]
# The files hold ten digits; their last one may round either way on another machine.
PRINTED = 2e-9


#: Tables that take half a minute or more, whose claims have quick tests: exhaustive runs only.
LONG = (
    "digits",
    "greedy_low_rank",
    "modular_addition",
    "modular_scales",
    "modular_times",
    "deep_linear",
    "deep_completion",
    "deep_quadratic",
    "multi_index",
    "search",
    "samples",
    "leaps",
    "hermite_tensors",
    "trainer",
    "groups",
    "group_ladder",
    "naive_flow",
    "linear_networks",
    "relu_directions",
)


def _marked(name):
    return pytest.param(name, marks=pytest.mark.slow) if name in LONG else name


@pytest.mark.parametrize("name", [_marked(name) for name in tables.NAMES])
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
    made, committed = (file / f"{name}.md" for file in (tmp_path, RESULTS))
    assert _words(made) == _words(committed)
    for ending in ("md",) if table.figure is None else ("md", "svg"):
        assert (RESULTS / f"{name}.{ending}").stat().st_size > 0


def _words(page):
    """Return the text and the checks of a table, without the numbers in the text."""
    lines = [line for line in page.read_text("utf-8").splitlines() if not line.startswith("|")]
    return [line if "<=" in line else re.sub(r"\d[\d.]*(e-?\d+)?", "#", line) for line in lines]


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


@pytest.mark.parametrize("log_alpha", [-50.0, -1e4])
@pytest.mark.parametrize("seed", [0, 1, None])
def test_a_picture_is_the_same_to_the_byte_whatever_steps_an_integrator_took(
    seed, log_alpha, tmp_path
):
    """Other steps make more of a difference than another processor does."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((6, 4)), rng.standard_normal(6)
    if seed is None:
        X, y, _ = diabetes.data()
    path = saddles.pesme_flammarion(X, y)
    for rtol, until in ((1e-8, None), (0.99e-8, 1.2 * path.times[-1])):
        flow = saddles.flow.diagonal(X, y, log_alpha=log_alpha, rtol=rtol, until=until)
        save_figure(saddles.compare(path, flow).plot(), tmp_path / "picture.svg")
        pictures = tmp_path / f"{rtol}.svg"
        (tmp_path / "picture.svg").rename(pictures)
    first, second = sorted(tmp_path.glob("*.svg"))
    assert first.read_bytes() == second.read_bytes()


def test_rounding_moves_nothing_that_an_eye_could_see(tmp_path):
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    axes = figure.subplots()
    x = np.linspace(0, 1, 57)
    (line,) = axes.plot(x, np.sin(9 * x))
    dots = axes.scatter(x, np.cos(9 * x))
    settle(figure)
    assert np.abs(line.get_xydata() - np.column_stack([x, np.sin(9 * x)])).max() < 1e-3
    assert np.abs(dots.get_offsets() - np.column_stack([x, np.cos(9 * x)])).max() < 1e-3
    before = line.get_xydata().copy()
    settle(figure)
    assert line.get_xydata() == pytest.approx(before, abs=1e-9)


def test_every_picture_says_what_to_see():
    for name in tables.NAMES:
        text = (RESULTS / f"{name}.md").read_text("utf-8")
        picture = re.search(r"^!\[.*\]\(\w+\.svg\)\n\n\*(.*)\*\n\Z", text, re.MULTILINE)
        assert (picture is not None) == (RESULTS / f"{name}.svg").exists(), name
        assert picture is None or len(picture[1]) > 60

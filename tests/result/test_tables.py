"""Results as frames, LaTeX, Markdown and HTML: what stands in them, and that names stay names."""

import html
import math
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saddles
from saddles import testing
from saddles._tools.tables import MOST_ROWS, as_html, word
from tests.result.one_of_each import RESULTS, X, Y, flow, path

pd = pytest.importorskip("pandas")

NAMES = ["income_$ and spend_$", "<b>b</b>", "c|d", "50 % & #1"]

#: Results that a notebook shows as a table.
SHOWN = ("path", "sparse path", "saddle", "flow.diagonal", "comparison", "run", "sweep")


class Cells(HTMLParser):
    """The text of a page's cells, and the tags that it has."""

    def __init__(self):
        super().__init__()
        self.rows, self.tags, self.inside = [], set(), False

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.inside = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        elif self.inside:
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def read(page):
    cells = Cells()
    cells.feed(page)
    return cells


# --- frames -------------------------------------------------------------------------------------


def test_a_tidy_path_has_a_row_per_saddle_and_coefficient():
    known = path()
    frame = known.to_frame(tidy=True, names=list("abcd"))
    assert list(frame) == ["jump", "time", "loss", "unit", "value"]
    wide = frame.pivot(index="jump", columns="unit", values="value")
    assert list(wide) == ["a", "c", "d"]
    assert wide.to_numpy().tolist() == known.betas[:, [0, 2, 3]].tolist()
    assert frame["time"].unique().tolist() == known.times.tolist()


def test_a_tidy_path_of_matrices_has_singular_values():
    known = saddles.greedy_low_rank(saddles.FullMatrix(np.diag([3.0, 2.0, -1.0])))
    frame = known.to_frame(tidy=True)
    assert frame.loc[frame["jump"] == 2, "value"].tolist() == pytest.approx([3.0, 2.0])


def test_a_frame_takes_names():
    assert path().to_frame(names=list("abcd"))["entered"].tolist() == [(), ("a",), ("c",), ("d",)]


@pytest.mark.parametrize("tidy", [False, True])
def test_names_of_another_problem_are_refused(tidy):
    with pytest.raises(ValueError, match="has 2 names"):
        path().to_frame(tidy=tidy, names=["a", "b"])


def test_a_tidy_comparison_has_a_row_per_jump_and_error():
    comparison = saddles.compare(path(), flow())
    frame = comparison.to_frame(tidy=True)
    assert len(frame) == 9
    errors = frame.loc[frame["error"] == "time_error", "value"]
    assert errors.tolist() == comparison.time_errors.tolist()


def test_a_report_has_a_row_per_law():
    report = testing.Report(laws=("a", "b"), problems=3, skipped={"c": "no time"})
    frame = report.to_frame()
    assert frame["outcome"].to_dict() == {"a": "holds", "b": "holds", "c": "not tried"}
    assert frame.loc["c", "remark"] == "no time"
    assert list(report.to_frame(tidy=True)) == ["law", "outcome", "remark"]


# --- text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("tidy", [False, True])
@pytest.mark.parametrize("name", ["path", "comparison", "agf.linear", "run"])
def test_latex_and_markdown_have_the_rows_of_the_frame(name, tidy):
    result = RESULTS[name]()
    count = len(result.to_frame(tidy=tidy))
    latex, markdown = result.to_latex(tidy=tidy), result.to_markdown(tidy=tidy)
    assert latex.count(r"\\") == count + 1
    assert markdown.count("\n") == count + 1


def test_names_are_no_markup_in_latex_and_markdown():
    latex = path().to_latex(tidy=True, names=NAMES)
    assert r"income\_\$ and spend\_\$" in latex
    assert r"50 \% \& \#1" in latex
    markdown = path().to_markdown(tidy=True, names=NAMES)
    assert r"income\_\$ and spend\_\$" in markdown
    assert r"c\|d" in markdown
    unescaped = markdown.replace(r"\|", "")
    assert {line.count("|") for line in unescaped.splitlines()} == {6}


def test_numbers_have_six_digits_and_nothing_is_said_of_what_is_not_known():
    assert [word(v) for v in (1 / 3, math.nan, 2, (1, 2), np.array([0.5]), "a\nb")] == [
        *("0.333333", "", "2", "1, 2", "0.5", "a b")
    ]


# --- notebooks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHOWN)
def test_notebooks_show_a_table(name):
    page = read(RESULTS[name]()._repr_html_())
    assert "table" in page.tags
    assert len(page.rows) > 1
    assert ("img" in page.tags) == (name not in ("saddle", "sweep"))


def test_a_staircase_is_a_table_of_its_jumps():
    known = path()
    rows = read(known._repr_html_()).rows
    assert rows[0] == ["jump", "time", "entered", "left", "loss", "certificate"]
    assert rows[3][:5] == ["2", "8", "2", "0", "0.005"]
    assert rows[3][5].endswith("lead 0.19")
    assert len(rows) == 5


def test_an_end_that_is_none_is_said_below():
    part = saddles.pesme_flammarion(X, Y, max_jumps=1)
    assert html.escape(part.message) in part._repr_html_()


def test_a_long_path_is_shortened_and_a_large_one_not_drawn(monkeypatch):
    rng = np.random.default_rng(0)
    long = saddles.pesme_flammarion(rng.standard_normal((40, 30)), rng.standard_normal(40))
    assert len(long) > MOST_ROWS
    rows = read(long._repr_html_()).rows
    assert len(rows) == MOST_ROWS + 2
    assert rows[MOST_ROWS // 2 + 1][0] == f"… {len(long) - MOST_ROWS} more …"
    monkeypatch.setattr("saddles._result.path_tables.LARGEST_DRAWN", 1000)
    assert "img" not in read(long._repr_html_()).tags


def test_names_of_users_are_no_markup_in_notebooks():
    named = replace(path(), algorithm="<script>alert(1)</script>")
    page = named._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


@settings(max_examples=30)
@given(st.text(), st.lists(st.text(), min_size=1, max_size=3))
def test_whatever_the_text_a_table_has_its_own_tags_only(title, cells):
    page = read(as_html(title, cells, [cells]))
    assert page.tags == {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert len(page.rows) == 2
    assert len(page.rows[1]) == len(cells)


# --- what may be missing ------------------------------------------------------------------------


def test_without_the_extra_it_is_said_what_to_install():
    code = """
import sys
for name in ("matplotlib", "pandas", "jinja2", "tabulate"):
    sys.modules[name] = None
import saddles
path = saddles.pesme_flammarion([[1.0]], [1.0])
flow = saddles.flow.diagonal([[1.0]], [1.0], log_alpha=-20.0)
both = saddles.compare(path, flow)
for use in (path.plot, flow.plot, both.plot, path.to_frame, both.to_frame, path.to_latex,
            both.to_markdown):
    try:
        use()
    except ImportError as error:
        print(error)
print(len(path._repr_html_().split("<tr>")), "img" in flow._repr_html_(), both._repr_html_())
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said = run.stdout.splitlines()
    assert said[:3] == ["plot needs matplotlib: pip install 'saddles[plot]'"] * 3
    assert all(line.endswith("pip install 'saddles[plot]'") for line in said[:7])
    assert said[7] == "4 False None"

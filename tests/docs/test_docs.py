"""Every example in the README, the docs and the docstrings runs and prints what it says."""

import doctest
import importlib
import inspect
import os
import pkgutil
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import saddles
from tests.docs.pages import FENCE, run_page

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: Pages that are written; those that `make docs` makes of other files are not tried again.
PAGES = sorted([*DOCS.glob("*.md"), *(DOCS / "algorithms").glob("*.md")])
PICTURES = sorted(
    file for room in ("examples", "tutorials") for file in (DOCS / room).glob("plot_*.py")
)
#: The quick ones; `make docs` runs all.
QUICK = ("plot_02_nonmonotone", "plot_05_linear_network", "plot_06_single_neuron")
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(saddles.__path__, "saddles.")
    if not module.name.endswith("__main__")
)


@pytest.fixture
def docstrings(monkeypatch):
    """The check of docstrings that `make lint` runs."""
    pytest.importorskip("numpydoc")
    monkeypatch.syspath_prepend(str(DOCS))
    return importlib.import_module("docstrings")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_pages(page, tmp_path, monkeypatch):
    for file in DOCS.glob("*.csv"):
        shutil.copy(file, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = page.read_text("utf-8")
    examples = [b for kind, b in FENCE.findall(text) if kind == "pycon" or "$ saddles" in b]
    assert run_page(page, tmp_path) >= len(examples)
    assert ">>> " not in FENCE.sub("", text), "a session outside of a pycon block is not run"


def test_pages_that_lie_are_found(tmp_path):
    page = tmp_path / "page.md"
    for lie in (
        "```pycon\n>>> 1 + 1\n3\n```\n",
        "```python\nprint(2)\n```\n\n```text\n3\n```\n",
        "```console\n$ saddles --version\nsaddles 99\n```\n",
        "```console\n$ saddles nosuch\n```\n",
    ):
        page.write_text(lie, "utf-8")
        with pytest.raises(AssertionError):
            run_page(page, tmp_path)
    page.write_text(
        "```pycon\n>>> x = 1\n```\n\n```python\nprint(x)\n```\n\n```text\n1\n```\n", "utf-8"
    )
    assert run_page(page, tmp_path) == 2


def test_links_within_the_docs_lead_somewhere():
    for page in [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.failed == 0


@pytest.mark.parametrize("name", QUICK)
def test_quick_pictures(name, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names = runpy.run_path(str(DOCS / "examples" / f"{name}.py"))
    assert len(names["figure"].axes) > 0
    import matplotlib.pyplot as plt

    plt.close("all")


def test_every_picture_says_what_it_shows():
    assert len(PICTURES) >= 12
    for file in PICTURES:
        title, line, *text = inspect.cleandoc(_docstring(file)).splitlines()
        assert line == "=" * len(title), file.name
        assert len(" ".join(text)) > 100, file.name
        assert "figure" in file.read_text("utf-8"), file.name


def test_every_picture_has_a_caption(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    captions = importlib.import_module("captions").CAPTIONS
    scripts = {
        file.stem for folder in ("examples", "tutorials") for file in DOCS.glob(f"{folder}/*.py")
    }
    assert captions.keys() == scripts
    assert all(re.fullmatch(r"[A-Z].{60,}\.", caption) for caption in captions.values())


def _docstring(file):
    import ast

    return ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""


def test_public_docstrings_are_complete(docstrings):
    names = list(docstrings.checked_names())
    assert len(names) > 250
    assert [text for name in names for text in docstrings.problems(name)] == []


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (r"Raises\n    ------\n.*?\n\n", "no Raises section"),
        (r"max_jumps : int, optional\n.*?\n    on_failure", "PR01"),
        (r"Returns\n    -------\n.*?\n\n", "RT01"),
    ],
)
def test_incomplete_docstrings_are_found(docstrings, monkeypatch, cut, said):
    function = saddles.pesme_flammarion
    keep = "on_failure" if said == "PR01" else ""
    shorter = re.sub(cut, keep, function.__doc__, count=1, flags=re.DOTALL)
    assert shorter != function.__doc__
    monkeypatch.setattr(function, "__doc__", shorter)
    assert any(said in text for text in docstrings.problems("saddles.pesme_flammarion"))


def test_arrays_without_shape_and_times_without_unit_are_found(docstrings, monkeypatch):
    kind = saddles.flow.Jumps
    text = kind.__doc__.replace("ndarray of shape (J,)", "ndarray").replace("Scaled times", "Times")
    monkeypatch.setattr(kind, "__doc__", text)
    found = " ".join(docstrings.problems("saddles.flow.Jumps"))
    assert "'times' has no shape" in found
    assert "'times' has no unit" in found


def test_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```.*?```text\n(.*?)```", readme, flags=re.DOTALL)
    assert blocks
    for code, printed in blocks:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            capture_output=True,
            encoding="utf-8",
            env=os.environ | {"PYTHONUTF8": "1"},
            check=True,
        )
        assert run.stdout == printed


def test_examples_exist():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ("pesme_flammarion", "Regression", "SaddlePath", "compare", "vanishing_limit"):
        assert any(test.examples for test in finder.find(getattr(saddles, name), name)), name


def test_every_cited_paper_is_in_the_bibliography():
    bibliography = (DOCS / "references.bib").read_text("utf-8")
    for file in [*(ROOT / "saddles").rglob("*.py"), *(ROOT / "reference").glob("*.py")]:
        for number in re.findall(r"arXiv:(\d{4}\.\d{4,5})", file.read_text("utf-8")):
            assert number in bibliography, f"{file.name}: arXiv:{number}"


def test_citation_file_names_this_version():
    assert f"version: {saddles.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_citation_file_is_the_bibliography(monkeypatch):
    pytest.importorskip("pybtex")
    monkeypatch.syspath_prepend(str(DOCS))
    citation = importlib.import_module("citation").citation()
    assert (ROOT / "CITATION.cff").read_text("utf-8") == citation, "run python docs/citation.py"


def test_conda_recipe_asks_for_what_the_package_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    recipe = (ROOT / "recipe" / "meta.yaml").read_text("utf-8")
    (run,) = re.findall(r"  run:\n((?:    - .*\n)+)", recipe)
    asked = {line.removeprefix("    - ").replace(" ", "") for line in run.splitlines()}
    assert asked == {f"python{project['requires-python']}", *project["dependencies"]}


def test_animation_of_the_first_page_runs_along_the_prediction(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    picture = importlib.import_module("landing").animation()
    assert picture.count('class="predicted"') == 9
    assert picture.count("<circle r=") == 9
    assert picture.count('class="ring"') == 3
    assert "nan" not in picture
    assert len(picture) < 40_000


def test_links_of_the_site_that_lead_nowhere_are_found(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(DOCS))
    links = importlib.import_module("links")
    (tmp_path / "a.html").write_text(
        '<a href="b.html#here">1</a><a href="b.html#gone">2</a><img src="no.png">'
        '<script src="https://cdn.example/x.js"></script><a href="https://arxiv.org/">3</a>'
    )
    (tmp_path / "b.html").write_text('<p id="here"><a href="a.html">4</a>')
    found = links.broken(tmp_path)
    assert [line.split(": ")[1] for line in found] == [
        "b.html#gone",
        "no.png",
        "https://cdn.example/x.js",
    ]

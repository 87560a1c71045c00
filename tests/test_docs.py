"""Every example in the README, the docs and the docstrings runs and prints what it says."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import saddles

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(saddles.__path__, "saddles.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page):
    results = doctest.testfile(str(page), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert results.failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert results.failed == 0


def test_readme():
    readme = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```.*?```text\n(.*?)```", readme, flags=re.DOTALL)
    assert blocks
    for code, printed in blocks:
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
        )
        assert run.stdout == printed


def test_examples_exist():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ("pesme_flammarion", "Regression", "SaddlePath", "compare", "vanishing_limit"):
        assert any(test.examples for test in finder.find(getattr(saddles, name), name)), name

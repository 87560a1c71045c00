"""What importing the package costs, and that its public names are there and documented."""

import ast
import difflib
import inspect
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import saddles
from tests import surface

ROOT = Path(__file__).parent.parent
HEAVY = (
    *("scipy", "torch", "cvxpy", "matplotlib", "pandas", "sklearn", "hypothesis", "pytest"),
    *("typer", "rich"),
)


def loaded_after(code):
    """Return which heavy packages a fresh interpreter has loaded after `code`."""
    report = f"import sys\n{code}\nprint([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return ast.literal_eval(run.stdout)


def test_import_loads_nothing_heavy():
    assert loaded_after("import saddles") == []
    assert loaded_after("import saddles; saddles.agf, saddles.flow, saddles.testing") == []
    assert loaded_after("import saddles.cli") == []


def test_solving_needs_scipy_alone():
    solve = "import saddles; saddles.pesme_flammarion([[1.0, 0.5], [0.0, 1.0]], [1.0, 2.0])"
    assert set(loaded_after(solve)) <= {"scipy"}


def test_public_names_resolve_and_are_documented():
    names = [name for name in saddles.__all__ if name != "__version__"]
    assert sorted([*saddles._HOMES, *saddles._ROOMS]) == sorted(names)
    assert set(names) <= set(dir(saddles))
    for name in names:
        assert inspect.getdoc(getattr(saddles, name)), name
    for room in map(saddles.__getattr__, saddles._ROOMS):
        for name in room.__all__:
            assert inspect.getdoc(getattr(room, name)), name
    with pytest.raises(AttributeError, match="nosuch"):
        _ = saddles.nosuch
    with pytest.raises(AttributeError, match="nosuch"):
        _ = saddles.agf.nosuch
    with pytest.raises(AttributeError, match="nosuch"):
        _ = saddles.flow.nosuch


def test_public_names_and_signatures_are_those_that_were_agreed_on():
    agreed, now = surface.FILE.read_text("utf-8").splitlines(), surface.surface()
    difference = difflib.unified_diff(agreed, now, surface.FILE.name, "saddles", n=0, lineterm="")
    told = "\n".join(difference)
    assert not told, f"{told}\nIf it is meant, write the file anew: python -m tests.surface"


def test_the_function_wins_over_the_module_whatever_was_imported_first():
    code = (
        "import saddles._diagonal.pesme_flammarion, saddles;"
        "print(callable(saddles.pesme_flammarion))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"


def test_changelog_names_what_is_public():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for name in ("pesme_flammarion", "agf.diagonal", "flow.diagonal", "vanishing_limit", "compare"):
        assert name in changelog


@pytest.mark.parametrize("file", sorted((ROOT / "reference").glob("*.py")), ids=lambda f: f.name)
def test_reference_stands_alone(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not any(name.split(".")[0] == "saddles" for name in names)


def test_oracles_are_found_by_the_name_that_they_have_once_installed():
    code = (
        "from saddles.reference import pesme_flammarion as oracle;"
        "from saddles.reference.pesme_flammarion import pesme_flammarion;"
        "print(pesme_flammarion([[2, 0], [0, 1]], [1, 1]).times, oracle.__file__)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("[Fraction(0, 1), Fraction(1, 1), Fraction(2, 1)]")
    assert run.stdout.strip().endswith("pesme_flammarion.py")


def test_the_wheel_takes_the_oracles_from_their_folder():
    """What is built is looked at by `test_the_wheel_has_the_oracles`, which needs the network."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    wheel = build["targets"]["wheel"]
    assert wheel["only-include"] == ["saddles", "reference"]
    assert wheel["sources"] == {"reference": "saddles/reference"}
    assert wheel["exclude"] == ["/saddles/reference.py"]


@pytest.mark.slow
def test_the_wheel_has_the_oracles(tmp_path):
    build = [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for file in (ROOT / "reference").glob("*.py"):
        assert f"saddles/reference/{file.name}" in names
    assert "saddles/reference.py" not in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"saddles"}

"""Who may import whom (`[tool.importlinter]`): each rule is seen to notice that it is broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: All that the contracts speak of, and themselves.
PACKAGES = ("reference", "saddles", "tables", "tests")

ORACLES = "Oracles and library do not know each other"
FLOORS, AGF, FLOW = "Floors of saddles", "Floors of saddles.agf", "Floors of saddles.flow"
PACKAGES_IN_A_RING, FILES_IN_A_RING = "No circle of packages", "No circle of files"

#: Where an import may hide.
PLAIN = "\n{}\n"
INSIDE = "\n\ndef planted():\n    {}\n"
TYPING = "\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {}\n"

LOSS = "from saddles._matrix.losses import FullMatrix"
NETWORK = "from saddles.agf._relu.network import ReluNetwork"
PATH = "from saddles._result.path import SaddlePath"
RICCATI = "from saddles.flow.riccati import Riccati"
SOLVE = "from saddles.alternation import solve"
STATUS = "from saddles.status import Status"

#: What it is, the contract that it breaks, the file, the import and its hiding place.
FAULTS = [
    ("an oracle knows the library", ORACLES, "reference/kernel.py", "import saddles", PLAIN),
    (
        "the library knows an oracle",
        ORACLES,
        "saddles/checks.py",
        "import reference.kernel",
        INSIDE,
    ),
    ("the library knows a table", ORACLES, "saddles/checks.py", "import tables.table", TYPING),
    ("a table knows a test", ORACLES, "tables/table.py", "import tests.conftest", INSIDE),
    ("pictures know a result", FLOORS, "saddles/_pictures/staircase.py", PATH, INSIDE),
    ("data know the loop", FLOORS, "saddles/_problems/regression.py", SOLVE, TYPING),
    ("data know everything", FLOORS, "saddles/_problems/regression.py", "import saddles", INSIDE),
    ("numerics know a family", FLOORS, "saddles/_numerics/__init__.py", LOSS, TYPING),
    ("tools know a result", FLOORS, "saddles/_tools/threads.py", PATH, INSIDE),
    ("checks know more than types", FLOORS, "saddles/checks.py", STATUS, TYPING),
    ("a family knows another", FLOORS, "saddles/_diagonal/race.py", LOSS, PLAIN),
    ("a new package has no floor", FLOORS, "saddles/_new/__init__.py", "import math", PLAIN),
    ("the engine knows a network", AGF, "saddles/agf/_engine/setting.py", NETWORK, TYPING),
    ("coordinates know their user", FLOW, "saddles/flow/_polar/space.py", RICCATI, INSIDE),
    (
        *("two packages know each other", PACKAGES_IN_A_RING),
        *("tests/agf/test_attention.py", "from tests.flow import test_graded", PLAIN),
    ),
    (
        *("two files know each other", FILES_IN_A_RING),
        *("saddles/_result/certificate.py", PATH, TYPING),
    ),
    (
        *("a file knows the face of its package", FILES_IN_A_RING),
        *("saddles/neuron/_formulas.py", "from saddles.neuron import exact", INSIDE),
    ),
]


@pytest.fixture
def copy(tmp_path):
    """A copy of the tree, to be spoilt."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            to = tmp_path / file.relative_to(ROOT)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to)
    return tmp_path


def lint(folder):
    """Return what `lint-imports` says in a folder, and whether all is well."""
    code = "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True))"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    return run.stdout + run.stderr, run.returncode == 0


def test_a_copy_of_the_tree_keeps_its_contracts(copy):
    said, well = lint(copy)
    assert well, said
    assert "BROKEN" not in said


@pytest.mark.parametrize(
    ("contract", "name", "line", "where"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_a_forbidden_import_is_noticed(contract, name, line, where, copy):
    file = copy / name
    file.parent.mkdir(exist_ok=True)
    with file.open("a", encoding="utf-8") as text:
        text.write(where.format(line))
    said, well = lint(copy)
    assert not well
    assert f"{contract} BROKEN" in said

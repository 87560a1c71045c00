"""Every ending is a sentence; errors carry what was computed."""

import ast
import copy
import functools
import inspect
import pickle
import re
from pathlib import Path

import pytest

import saddles
from saddles import PathError, Status
from tests.surface import public_functions

ROOT = Path(saddles.__file__).parent
MODULES = {
    ".".join(("saddles", *file.relative_to(ROOT).with_suffix("").parts)): file
    for file in ROOT.rglob("*.py")
}
#: What ends with a status, and says its sentence.
ENDS = ("SaddlePath", "NeuronPath", "Flow", "Outcome")


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_cause_and_a_remedy_in_sentences(status):
    assert re.fullmatch(r"[A-Z][^;]{20,}\.", status.cause)
    assert re.fullmatch(r"[A-Z][^;]{15,}\.", status.remedy)
    assert status.sentence.startswith(status.cause)
    assert status.remedy in status.sentence or status is Status.CONVERGED
    assert status.value == status.value.lower()
    assert repr(status) == f"Status.{status.name}"


def test_a_failure_is_no_end_of_training():
    assert not any(status.finished for status in Status if not status.success)


def test_values_and_sentences_are_distinct():
    assert len({status.value for status in Status}) == len(Status)
    assert len({status.sentence for status in Status}) == len(Status)


@pytest.mark.parametrize("status", Status)
def test_statuses_survive_pickling_as_themselves(status):
    assert pickle.loads(pickle.dumps(status)) is status
    assert copy.deepcopy(status) is status


def test_error_carries_status_path_and_detail():
    path = saddles.pesme_flammarion([[1.0]], [1.0])
    error = PathError(Status.STALLED, path, "jump 7")
    assert isinstance(error, RuntimeError)
    assert Status.STALLED.sentence in str(error)
    assert "jump 7" in str(error)
    copied = pickle.loads(pickle.dumps(error))
    assert copied.status is Status.STALLED
    assert str(copied) == str(error)
    assert copied.path.times.tolist() == path.times.tolist()


@functools.cache
def uses(module):
    """Return the statuses that a module of the package names, and the modules that it imports."""
    named, imported = set(), set()
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "Status":
            named.add(node.attr)
        if isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return named, imported & MODULES.keys()


def may_return(function):
    """Return the statuses that a public function may end with: what it imports may name them."""
    seen, waiting, found = {"saddles.status"}, [function.__module__], set()
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            named, imported = uses(module)
            found |= named & Status.__members__.keys()
            waiting += imported
    return {Status[name] for name in found}


ENDING = {
    name: function
    for name, function in public_functions().items()
    if inspect.signature(function).return_annotation in ENDS
}


@pytest.mark.parametrize("name", ENDING)
def test_no_sentence_names_an_option_that_its_function_lacks(name):
    taken, statuses = inspect.signature(ENDING[name]).parameters, may_return(ENDING[name])
    assert statuses
    assert {status for status in statuses if not taken.keys() >= {*status.options}} == set()


def test_every_option_that_a_sentence_names_is_marked():
    options = {
        option for function in ENDING.values() for option in inspect.signature(function).parameters
    }
    for status in Status:
        named = set(re.findall(r"\b([a-z]+_[a-z_]+|rtol|tol)\b", status.sentence))
        assert named & options <= {*status.options}
        assert "{" not in status.sentence
    assert Status.MAX_JUMPS.options == ("max_jumps",)

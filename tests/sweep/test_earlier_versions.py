"""A store that a sweep of version 0.1.0 left, before its modules moved: it is continued."""

import functools
import json
import shutil
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

import saddles
from saddles import teacher_student

WRITTEN = Path(__file__).with_name("store_0_1.jsonl")
GRID = {"scale": [0.5, 1.0], "delta": [0.0], "seed": [0]}


def point():
    """Return what was swept: a public function, with settings."""
    sizes = {"width": 4, "dimension": 2, "n_train": 4, "n_test": 5, "teacher_width": 1}
    return functools.partial(teacher_student.point, **sizes, max_steps=100)


class Idle(Executor):
    """An executor that must have nothing to do."""

    def submit(self, function, /, *args, **kwargs):
        pytest.fail(f"computed anew: {args}")


@pytest.fixture
def store(tmp_path):
    """The store of version 0.1.0, byte for byte."""
    return shutil.copy(WRITTEN, tmp_path / WRITTEN.name)


def test_what_is_in_the_store_is_not_computed_again(store):
    before = store.read_bytes()
    with pytest.warns(UserWarning, match="begun by saddles 0.1.0, .* its points are kept"):
        sweep = saddles.sweep(point(), GRID, executor=Idle(), store=store)
    records = [json.loads(line) for line in before.splitlines()[1:]]
    assert records == [
        {"point": at, "value": value} for at, value in zip(sweep.points, sweep.values, strict=True)
    ]
    assert store.read_bytes() == before


def test_the_store_grows(store):
    before = store.read_bytes()
    with pytest.warns(UserWarning, match="0.1.0"), ThreadPoolExecutor(1) as executor:
        sweep = saddles.sweep(point(), GRID | {"seed": [0, 1]}, executor=executor, store=store)
    assert sweep.success
    assert store.read_bytes().startswith(before)
    assert store.read_bytes().count(b"\n") == before.count(b"\n") + 2

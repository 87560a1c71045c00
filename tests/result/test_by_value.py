"""Results pickle, copy and compare by value, and their `repr` is a line or two."""

import copy
import pickle
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import saddles
from saddles._tools.record import Record, same
from tests.result.one_of_each import RESULTS, X, Y, flow, path

#: Longest `repr`: two lines of a terminal.
LONGEST = 240


@pytest.fixture(scope="module", params=RESULTS)
def result(request):
    return RESULTS[request.param]()


def test_it_survives_pickling_and_copying_and_is_equal(result):
    for other in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
        if isinstance(result, Exception):
            assert str(other) == str(result)
        else:
            assert other == result
            assert hash(other) == hash(result)


def test_its_repr_is_a_line_or_two(result):
    if isinstance(result, Exception):
        pytest.skip("its message says what to do")
    assert len(repr(result)) <= LONGEST
    assert repr(result).count("\n") <= 1


def numbers(record):
    """Yield the name of each field that holds numbers, with an altered copy of its value."""
    for entry in (entry for entry in fields(record) if entry.init):
        value = getattr(record, entry.name)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
            other = value.copy()
            other.flat[-1] = 0.25 if other.flat[-1] != 0.25 else 0.5
            yield entry.name, other
        elif isinstance(value, float):
            yield entry.name, 0.25 if value != 0.25 else 0.5


def test_another_number_in_it_makes_it_another(result):
    if not isinstance(result, Record) or not is_dataclass(result):
        pytest.skip("it holds nothing to be altered")
    for name, other in numbers(result):
        if isinstance(result, saddles.Flow) and name == "times":
            continue  # a curve is asked at its own times only
        assert replace(result, **{name: other}) != result, name


def test_flows_differ_if_their_points_do():
    assert flow(-20.0) == flow(-20.0)
    assert flow(-20.0) != flow(-21.0)
    assert flow(-20.0) != path()
    other = saddles.flow.diagonal(X, 2 * Y, log_alpha=-20.0)
    assert replace(flow(), curve=other.curve) != flow()


def test_equal_results_are_one_in_a_set():
    assert len({path(), path(), replace(path(), kappa=3)}) == 2


words = st.sampled_from("ab")
scalars = st.floats() | st.integers() | words | st.none()
arrays = npst.arrays(np.float64, npst.array_shapes(max_dims=2, max_side=2))
values = scalars | arrays | st.lists(scalars | arrays, max_size=3) | st.dictionaries(words, arrays)


@settings(max_examples=40)
@given(values)
def test_a_value_is_the_same_as_its_copy_and_not_as_what_holds_it(value):
    assert same(value, copy.deepcopy(value))
    assert not same(value, [value])
    assert not same([value], [value, value])

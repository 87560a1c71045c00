"""Bad input: the right kind of error, with name=value (or shape), the rule and the remedy."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array, csr_matrix

import saddles
from saddles import Regression, checks

X = np.array([[1.0, 2], [3, 4], [5, 7]])
Y = np.array([1.0, 2, 4])


def with_entry(value, dtype=float):
    array = X.astype(dtype)
    array[1, 0] = value
    return array


NUMBERS = r"entries must be real numbers .*numpy.asarray\({}, dtype=float\)"
FINITE = "is not finite; remove or impute"

# What is passed as X, the error, and what its message must say: value or shape, rule, remedy.
BAD_X = {
    "nan": (with_entry(np.nan), ValueError, rf"X\[1, 0\]=nan {FINITE}"),
    "inf": (with_entry(np.inf), ValueError, rf"X\[1, 0\]=inf {FINITE}"),
    "minus inf": (with_entry(-np.inf), ValueError, rf"X\[1, 0\]=-inf {FINITE}"),
    "nan in float32": (with_entry(np.nan, "f4"), ValueError, rf"X\[1, 0\]=nan {FINITE}"),
    "long double": (
        np.full((3, 2), np.longdouble("1e4000")),
        ValueError,
        rf"X\[0, 0\]=inf {FINITE}",
    ),
    "huge": (with_entry(1e200), ValueError, r"X\[1, 0\]=1e\+200 is larger than 1e\+153.*divide X"),
    "tiny": (X * [1, 1e-310], ValueError, r"max\(abs\(X\[:, 1\]\)\)=7e-310 is below.*multiply X"),
    "complex": (X + 0j, TypeError, r"X=array.* has dtype complex128; " + NUMBERS.format("X")),
    "object": (X.astype(object), TypeError, r"X=array.* has dtype object; " + NUMBERS.format("X")),
    "boolean": (X > 2, TypeError, r"X=array.* has dtype bool; " + NUMBERS.format("X")),
    "boolean list": ([[True, False]] * 3, TypeError, r"X=array.* has dtype bool; "),
    "dates": (X.astype("M8[D]"), TypeError, r"X=array.* has dtype datetime64\[D\]; "),
    "durations": (X.astype("m8[D]"), TypeError, r"X=array.* has dtype timedelta64\[D\]; "),
    "text": ("file.csv", TypeError, r"X='file.csv' is text; pass an array of real numbers"),
    "bytes": (b"12", TypeError, r"X=b'12' is text; pass an array of real numbers"),
    "text entries": (X.astype(str), TypeError, r"X=array.* has dtype <U32; "),
    "numbers and text": ([["1", 2]] * 3, TypeError, r"X=array.* has dtype <U\d+; "),
    "missing entry": ([[1, None]] * 3, TypeError, r"X=array.* has dtype object; "),
    "fractions": ([[Fraction(1, 2)]] * 3, TypeError, r"X=array.* has dtype object; "),
    "decimals": ([[Decimal(1)]] * 3, TypeError, r"X=array.* has dtype object; "),
    "long integers": ([[10**30]] * 3, TypeError, r"X=array.* has dtype object; "),
    "none": (None, TypeError, r"X=None: it is needed; pass an array"),
    "dictionary": ({"a": 1}, TypeError, r"X=array\(\{'a': 1\}, dtype=object\) has dtype object"),
    "set": ({1}, TypeError, r"X=array\(\{1\}, dtype=object\) has dtype object"),
    "generator": ((i for i in range(3)), TypeError, r"X=array\(<generator.* has dtype object"),
    "records": (np.zeros(3, [("a", float)]), TypeError, r"X=array.* has dtype \[\('a'"),
    "masked": (np.ma.masked_greater(X, 4), TypeError, r"X=masked_array.* is masked; remove or imp"),
    "sparse complex": (
        csr_array(X + 1j),
        TypeError,
        r"X=<.* must be a scipy.sparse array of real numbers .*X\.toarray\(\)",
    ),
    "sparse nan": (csr_array(with_entry(np.nan)), ValueError, rf"X\[1, 0\]=nan {FINITE}"),
    "ragged": ([[1, 2], [3]], ValueError, r"X=\[\[1, 2\], \[3\]\] is ragged; give every row the"),
    "scalar": (3.0, ValueError, r"X=array\(3.\) has shape \(\); it must have 2 axes, so reshape"),
    "one axis": (Y, ValueError, r"X=array.* has shape \(3,\); it must have 2 axes, so reshape it"),
    "three axes": (X[None], ValueError, r"has shape \(1, 3, 2\); it must have 2 axes, so reshape"),
    "no samples": (np.zeros((0, 2)), ValueError, r"has shape \(0, 2\) and is empty; at least one"),
    "no features": (np.zeros((3, 0)), ValueError, r"has shape \(3, 0\) and is empty; at least one"),
    "empty list": ([[]], ValueError, r"has shape \(1, 0\) and is empty; at least one entry"),
    "one row less": (
        X[:2],
        ValueError,
        r"X has shape \(2, 2\) and y has shape \(3,\); .* same num",
    ),
    "transposed": (X.T, ValueError, r"X has shape \(2, 3\) and y has shape \(3,\); .* same number"),
}

BAD_Y = {
    "nan": (np.array([1, np.nan, 2]), ValueError, rf"y\[1\]=nan {FINITE}"),
    "inf": ([1, 2, np.inf], ValueError, rf"y\[2\]=inf {FINITE}"),
    "huge": (Y * 1e160, ValueError, r"y\[0\]=1e\+160 is larger than 1e\+153.*divide y"),
    "tiny": (Y * 1e-200, ValueError, r"max\(abs\(y\)\)=4e-200 is below 1e-153.*multiply y"),
    "complex": (Y + 1j, TypeError, r"y=array.* has dtype complex128; " + NUMBERS.format("y")),
    "object": (Y.astype(object), TypeError, r"y=array.* has dtype object; "),
    "boolean": (Y > 1, TypeError, r"y=array\(\[False, True, True\]\) has dtype bool; "),
    "text": ("target", TypeError, r"y='target' is text; pass an array of real numbers"),
    "labels": (["a", "b", "c"], TypeError, r"y=array.* has dtype <U1; "),
    "masked": (np.ma.masked_less(Y, 2), TypeError, r"y=masked_array.* is masked; remove or impute"),
    "sparse": (csr_array(Y[None]), TypeError, r"y=<.* is sparse; pass .*y\.toarray\(\)"),
    "column": (Y[:, None], ValueError, r"y=array.* has shape \(3, 1\); it must have 1 axis, so re"),
    "scalar": (1.0, ValueError, r"y=array\(1.\) has shape \(\); it must have 1 axis, so reshape"),
    "empty": ([], ValueError, r"y=array.* has shape \(0,\) and is empty; at least one entry"),
    "too few": (Y[:2], ValueError, r"X has shape \(3, 2\) and y has shape \(2,\); .* same number"),
    "missing": (None, TypeError, r"y=None: targets are required; pass y, or pass a saddles"),
}

SOLVERS = [
    pytest.param(saddles.pesme_flammarion, id="pesme_flammarion"),
    pytest.param(saddles.agf.diagonal, id="agf.diagonal"),
]


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize(("value", "error", "message"), BAD_X.values(), ids=BAD_X)
def test_bad_features_are_refused(solve, value, error, message):
    with pytest.raises(error, match=message) as caught:
        solve(value, Y)
    assert_readable(caught.value, error)


@pytest.mark.parametrize("kind", [csr_array, csr_matrix])
@pytest.mark.parametrize("problem", [lambda X: (X, Y), lambda X: (Regression(X, Y),)])
def test_sparse_features_are_refused_where_dense_ones_are_needed(kind, problem):
    with pytest.raises(TypeError, match=r"X=<.* is sparse; pass .*X\.toarray\(\)") as caught:
        saddles.agf.diagonal(*problem(kind(X)))
    assert_readable(caught.value, TypeError)


@pytest.mark.parametrize("solve", SOLVERS)
@pytest.mark.parametrize(("value", "error", "message"), BAD_Y.values(), ids=BAD_Y)
def test_bad_targets_are_refused(solve, value, error, message):
    with pytest.raises(error, match=message) as caught:
        solve(X, value)
    assert_readable(caught.value, error)


def assert_readable(error, kind):
    """One line, of the kind promised, that no numpy internals disfigure."""
    text = str(error)
    assert type(error) is kind
    assert "\n" not in text
    assert len(text) < 320
    assert "np." not in text
    assert error.__cause__ is None


@pytest.mark.parametrize("solve", SOLVERS)
def test_targets_given_twice_are_refused(solve):
    with pytest.raises(TypeError, match="y is already part of the Regression; leave it out"):
        solve(Regression(X, Y), Y)


BAD_BOUNDARIES = {
    "number": (1.0, TypeError, r"boundaries=1.0 must be a pair \(t_plus, t_minus\) of positive"),
    "text": ("11", TypeError, r"boundaries='11' must be a pair"),
    "array": (np.ones(2), TypeError, r"boundaries=array\(\[1., 1.\]\) must be a pair"),
    "one": ((1,), TypeError, r"boundaries=\(1,\) must be a pair"),
    "three": ((1, 1, 1), TypeError, r"boundaries=\(1, 1, 1\) must be a pair"),
    "zero": ((0, 1), ValueError, r"boundaries\[0\]\[0\]=0.0: a boundary must be above 0 \(inf for"),
    "negative": ((1, -2), ValueError, r"boundaries\[1\]\[0\]=-2.0: a boundary must be above 0"),
    "one zero": (([1, 0], 1), ValueError, r"boundaries\[0\]\[1\]=0.0: a boundary must be above 0"),
    "nan": ((1, np.nan), ValueError, r"boundaries\[1\]\[0\]=nan: a boundary must be above 0"),
    "minus inf": ((1, -np.inf), ValueError, r"boundaries\[1\]\[0\]=-inf: a boundary must be"),
    "tiny": ((1e-320, 1), ValueError, r"boundaries\[0\]\[0\]=1e-320: .* between .*; rescale"),
    "huge": ((1, 1e308), ValueError, r"boundaries\[1\]\[0\]=1e\+308: .* between .*; rescale"),
    "too many": (([1, 1, 1], 1), ValueError, r"boundaries\[0\]=array.* shape \(3,\).* \(2,\)"),
    "too few": ((1, [1]), ValueError, r"boundaries\[1\]=array.* has shape \(1,\).*one per feature"),
    "matrix": (([[1, 1]], 1), ValueError, r"boundaries\[0\]=array.* has shape \(1, 2\); give one"),
    "empty": (([], 1), ValueError, r"boundaries\[0\]=array.* has shape \(0,\); give one number"),
    "text inside": (("1", 1), TypeError, r"boundaries\[0\]='1' is text; pass positive numbers"),
    "boolean": ((True, 1), TypeError, r"boundaries\[0\]=array\(True\) has dtype bool; "),
    "complex": ((1j, 1), TypeError, r"boundaries\[0\]=array\(0.\+1.j\) has dtype complex128; "),
    "none": ((None, 1), TypeError, r"boundaries\[0\]=None: it is needed; pass an array"),
    "masked": ((np.ma.masked_less([1.0, 2.0], 2), 1), TypeError, r"boundaries\[0\]=.* is masked; "),
    "ragged": (([1, [2]], 1), ValueError, r"boundaries\[0\]=\[1, \[2\]\] is ragged; "),
}


@pytest.mark.parametrize(("value", "error", "message"), BAD_BOUNDARIES.values(), ids=BAD_BOUNDARIES)
def test_bad_boundaries_are_refused(value, error, message):
    with pytest.raises(error, match=message) as caught:
        saddles.pesme_flammarion(X, Y, boundaries=value)
    assert_readable(caught.value, error)


@pytest.mark.parametrize(("scale", "boundary"), [(1e-250, 1e100), (1e150, 1e-200)])
def test_boundary_that_does_not_fit_its_column_is_refused(scale, boundary):
    with pytest.raises(ValueError, match=r"of feature 1, .* rescale that column and its boundary"):
        saddles.pesme_flammarion(X * [1, scale], Y, boundaries=([1, boundary], 1))


NO_NUMBERS = st.booleans() | st.text(max_size=5) | st.none() | st.complex_numbers()
RULE = "it must be below 0; pass a negative number"


@given(st.floats(max_value=-1e-300, allow_nan=False) | st.integers(max_value=-1))
def test_number_that_obeys_its_rule_is_accepted(value):
    assert checks.real_number(value, "x", RULE, lambda v: v < 0) == value


@given(st.floats(min_value=0) | st.integers(0, 10**300) | st.just(np.nan))
def test_number_that_breaks_its_rule_is_refused_with_its_value(value):
    with pytest.raises(ValueError, match=re.escape(f"x={value!r}: {RULE}.")):
        checks.real_number(value, "x", RULE, lambda v: v < 0)


def test_number_beyond_float64_is_refused():
    with pytest.raises(ValueError, match=r"x=-1000.* does not fit a float64: it must be below 0"):
        checks.real_number(-(10**400), "x", RULE, lambda v: v < 0)


@given(NO_NUMBERS)
def test_what_is_no_number_is_refused_with_its_value(value):
    with pytest.raises(TypeError, match=re.escape(f"must be a real number: {RULE}.")):
        checks.real_number(value, "x", RULE, lambda v: v < 0)


@given(st.integers(1))
def test_whole_number_is_a_count(value):
    assert checks.count(value, "k", least=1) == value


@given(st.integers(max_value=0))
def test_number_below_the_least_is_no_count(value):
    with pytest.raises(ValueError, match=f"k={value}: it must be a whole number of at least 1"):
        checks.count(value, "k", least=1)


@given(st.booleans() | st.text(max_size=5) | st.floats())
def test_what_is_not_whole_is_no_count(value):
    with pytest.raises(TypeError, match="it must be a whole number of at least 1, or None"):
        checks.count(value, "k", least=1)


def test_long_values_are_shown_by_shape():
    assert checks.show(np.zeros((30, 4))) == "<array of shape (30, 4), dtype float64>"
    assert checks.show(list(range(1000))).endswith("...")
    assert len(checks.show(list(range(1000)))) == 80
    assert checks.show(np.float64(1.5)) == "1.5"

"""A path that is continued is one of the data now given, or is refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_array

import saddles
from saddles import Regression, pesme_flammarion
from saddles.testing.families import integer_problem

# arXiv:2607.12332.
X = np.array([[1, 0.5, 0.7, 0], [0.5, 1, 0.1, 0.7]])
Y = np.array([1.0, 0.0])

#: What else may be asked for than the path of X, Y: all but the first is another problem.
OTHERS = {
    "the same": lambda X, y: ((X, y), {}),
    "columns turned round": lambda X, y: ((X[:, ::-1], y), {}),
    "samples turned round": lambda X, y: ((X[::-1], y), {}),
    "targets of the other sign": lambda X, y: ((X, -y), {}),
    "targets twice as large": lambda X, y: ((X, 2 * y), {}),
    "one number": lambda X, y: ((X + np.eye(*X.shape) * 1e-6, y), {}),
    "the last column": lambda X, y: ((X * np.append(np.ones(X.shape[1] - 1), 0.5), y), {}),
    "weights": lambda X, y: ((Regression(X, y, sample_weight=np.arange(len(y)) + 1),), {}),
    "the mean taken away": lambda X, y: ((Regression(X, y, centre=True),), {}),
    "one boundary": lambda X, y: ((X, y), {"boundaries": (1.0 + np.eye(X.shape[1])[-1], 1.0)}),
    "no negative sign": lambda X, y: ((X, y), {"boundaries": (1.0, np.inf)}),
}


@pytest.mark.parametrize("fingerprint", [True, False])
def test_saddles_of_other_data_are_not_copied(fingerprint):
    """The published path, continued on data whose second saddle has another loss."""
    start = pesme_flammarion(X, Y, max_jumps=2)
    assert start.fingerprint is not None
    start = start if fingerprint else replace(start, fingerprint=None)
    with pytest.raises(ValueError, match="is a path of other data or boundaries"):
        pesme_flammarion(X[:, ::-1], Y, start=start)


@given(st.integers(0, 10**6), st.sampled_from(list(OTHERS)), st.booleans())
def test_what_comes_back_is_the_path_of_the_data_given_or_an_error(seed, kind, fingerprint):
    """Without a fingerprint, as earlier versions wrote paths, the saddles alone decide."""
    X, y = integer_problem(seed)
    arguments, options = OTHERS[kind](X, y)
    start = pesme_flammarion(X, y, max_jumps=1 + seed % 4)
    start = start if fingerprint else replace(start, fingerprint=None)
    fresh = pesme_flammarion(*arguments, on_failure="return", **options)
    if not fresh.success:  # nearly dependent columns
        return
    try:
        path = pesme_flammarion(*arguments, start=start, **options)
    except ValueError:
        with pytest.raises(ValueError, match="is a path of other data or boundaries"):
            pesme_flammarion(*arguments, start=start, **options)
        assert kind != "the same"
        return
    assert path.times == pytest.approx(fresh.times, rel=1e-9)
    assert path.losses == pytest.approx(fresh.losses, abs=1e-9 * fresh.losses[0])
    assert np.abs(path.betas - fresh.betas).max() <= 1e-7 * max(np.abs(fresh.betas).max(), 1e-300)


@pytest.mark.parametrize("kind", list(OTHERS)[1:])
def test_a_fingerprint_tells_every_other_problem(kind):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((8, 12)), rng.standard_normal(8)
    arguments, options = OTHERS[kind](X, y)
    start = pesme_flammarion(X, y, max_jumps=1)
    with pytest.raises(ValueError, match="their fingerprints differ"):
        pesme_flammarion(*arguments, start=start, **options)


def test_how_the_same_data_are_stored_does_not_matter():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((20, 50)).astype(np.float32)
    y = rng.standard_normal(20)
    start = pesme_flammarion(X, y, max_jumps=3)
    full = pesme_flammarion(X, y)
    for kind in (np.asfortranarray, csc_array, lambda X: X.astype(float), lambda X: X[::1].copy()):
        path = pesme_flammarion(kind(X), y, start=start)
        assert path.times == pytest.approx(full.times, rel=1e-10)


def test_a_saddle_that_was_changed_is_found():
    start = pesme_flammarion(X, Y, max_jumps=2)
    changes = {
        "losses": ("the loss is another", [1, 1.001, 1]),
        "times": ("the dual point comes another way", [1, 1.001, 1]),
        "betas": ("the loss is another", [[1], [1.001], [1]]),
        "duals": ("", [[1], [1.001], [1]]),
    }
    for name, (what, factors) in changes.items():
        wrong = replace(start, **{name: getattr(start, name) * factors})
        with pytest.raises(ValueError, match=f"other data or boundaries.*{what}"):
            pesme_flammarion(X, Y, start=wrong)


def test_a_fingerprint_is_saved_and_what_is_finished_has_none(tmp_path):
    start = pesme_flammarion(X, Y, max_jumps=2)
    start.save(tmp_path / "path.json")
    assert saddles.SaddlePath.load(tmp_path / "path.json").fingerprint == start.fingerprint
    assert pesme_flammarion(X, Y).fingerprint is None

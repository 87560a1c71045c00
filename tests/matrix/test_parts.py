"""A matrix loss of parts that never interact: its path is those of the parts, superposed."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import saddles

#: Observed entries of a part: which direction grows next is the flow's to choose.
SEEN = (
    np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool),
    np.array([[1, 1], [1, 1]], dtype=bool),
    np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1]], dtype=bool),
)


@dataclass
class Turned:
    """A loss in other coordinates: f(QᵀWQ)."""

    loss: saddles.MatrixLoss
    Q: np.ndarray

    @property
    def size(self):
        return self.loss.size

    def value(self, W):
        return self.loss.value(self.Q.T @ W @ self.Q)

    def gradient(self, W):
        gradient = self.Q @ self.loss.gradient(self.Q.T @ W @ self.Q) @ self.Q.T
        return (gradient + gradient.T) / 2

    def hessian_product(self, W, D):
        return self.Q @ self.loss.hessian_product(None, self.Q.T @ D @ self.Q) @ self.Q.T


def drawn(seed, shuffled):
    """Return completions of two parts, and of both together, at places of the matrix by chance."""
    rng = np.random.default_rng(seed)
    masks = [SEEN[k] for k in rng.choice(len(SEEN), 2)]
    places = rng.permutation(sum(map(len, masks))) if shuffled else np.arange(sum(map(len, masks)))
    M, mask = np.zeros((places.size,) * 2), np.zeros((places.size,) * 2, dtype=bool)
    parts, first = [], 0
    for seen in masks:
        factor = rng.standard_normal(seen.shape)
        rows = np.ix_(places[first : first + len(seen)], places[first : first + len(seen)])
        M[rows], mask[rows] = factor @ factor.T, seen
        parts.append(saddles.MatrixCompletion(factor @ factor.T, seen))
        first += len(seen)
    return parts, saddles.MatrixCompletion(M, mask)


def known(parts):
    """Whether every part alone has a path; one in some hundred is refused."""
    paths = [saddles.greedy_low_rank(part, on_failure="return") for part in parts]
    return all(path.success for path in paths)


def assert_superposed(parts, whole):
    alone = [saddles.greedy_low_rank(part) for part in parts]
    path = saddles.greedy_low_rank(whole, on_failure="return")
    times = np.concatenate([part.times[1:] for part in alone])
    falls = np.concatenate([-np.diff(part.losses) for part in alone])
    order = np.argsort(times)
    if path.status is not saddles.Status.CONVERGED:
        # Of a continuum that no coordinate shows, the flow may find no point; that is said.
        assert path.status is saddles.Status.STALLED
        assert isinstance(whole, Turned)
        order = order[: len(path) - 1]
    np.testing.assert_allclose(path.times[1:], times[order], rtol=1e-6)
    np.testing.assert_allclose(-np.diff(path.losses), falls[order], atol=1e-8 * path.losses[0])
    together = [len(units) > 1 for units in path.active]
    assert not path.certificates.unique[-1] or not any(together)


@settings(max_examples=4)
@given(seed=st.integers(0, 2**32 - 1), shuffled=st.booleans())
def test_parts_learn_as_if_they_were_alone(seed, shuffled):
    parts, whole = drawn(seed, shuffled)
    assume(known(parts))
    assert_superposed(parts, whole)


@settings(max_examples=3)
@given(seed=st.integers(0, 2**32 - 1))
def test_parts_that_no_coordinate_shows_learn_as_if_they_were_alone(seed):
    parts, whole = drawn(seed, shuffled=False)
    assume(known(parts))
    Q = np.linalg.qr(np.random.default_rng(seed + 1).standard_normal((whole.size,) * 2))[0]
    assert_superposed(parts, Turned(whole, Q))


@pytest.mark.parametrize("seed", [4, 9])
def test_two_parts_whose_generic_eigenvalues_nearly_agree(seed):
    """Rounding turns the eigenvectors by its size over the gap; that links no parts."""
    parts, whole = drawn(seed, shuffled=False)
    Q = np.linalg.qr(np.random.default_rng(seed + 1).standard_normal((whole.size,) * 2))[0]
    assert_superposed(parts, Turned(whole, Q))


@pytest.mark.parametrize("copies", [2, 3])
def test_copies_that_no_coordinate_shows_jump_together(copies):
    M = np.array([[2.0, 1.0], [1.0, 2.0]])
    whole = np.kron(np.eye(copies), M)
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((len(whole),) * 2))[0]
    path = saddles.greedy_low_rank(Turned(saddles.MatrixCompletion(whole, whole != 0), Q))
    np.testing.assert_allclose(path.times, [0, 1 / 3, 1], rtol=1e-9)
    assert [units.size for units in path.active] == [0, copies, 2 * copies]


def barely_linked(seed, weak):
    """Return a sensing loss whose two parts are linked by entries of this size."""
    rng = np.random.default_rng(seed)
    M = np.zeros((4, 4))
    for rows in (slice(0, 2), slice(2, 4)):
        factor = rng.standard_normal((2, 2))
        M[rows, rows] = factor @ factor.T
    link = rng.standard_normal((4, 4))
    seen = [(0, 0), (0, 1), (1, 1), (2, 2), (2, 3), (3, 3)]
    A = np.array([np.outer(np.eye(4)[i], np.eye(4)[j]) for i, j in seen])
    A = A + A.transpose(0, 2, 1)
    return saddles.MatrixSensing(A + weak * (link + link.T), np.tensordot(A, M, axes=2))


@pytest.mark.parametrize("weak", [1e-5, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("seed", range(4))
def test_links_too_weak_to_be_followed_are_not_left_out_in_silence(seed, weak):
    """In the limit any link counts: two columns that feel each other learn what four do alone."""
    path = saddles.greedy_low_rank(barely_linked(seed, weak), on_failure="return")
    followed = saddles.greedy_low_rank(barely_linked(seed, 1e-4))
    assert len(followed) == 3
    if path.status is saddles.Status.UNDECIDED:
        followed = saddles.greedy_low_rank(barely_linked(seed, 1e-4), max_jumps=1)
    assert path.status in {followed.status, saddles.Status.UNDECIDED}
    assert path.status is saddles.Status.UNDECIDED or weak > 1e-7
    np.testing.assert_allclose(path.times, followed.times, rtol=0.02)


@pytest.mark.parametrize("copies", [2, 3])
def test_equal_parts_jump_together(copies):
    M = np.array([[2.0, 1.0], [1.0, 2.0]])
    whole = np.kron(np.eye(copies), M)
    loss = saddles.MatrixCompletion(whole, whole != 0)
    path = saddles.greedy_low_rank(loss)
    np.testing.assert_allclose(path.times, [0, 1 / 3, 1], rtol=1e-9)
    assert [units.size for units in path.active] == [0, copies, 2 * copies]


def test_parts_of_large_sparse_completions_are_told_apart():
    """Few columns of many rows are followed closely too, where exact zeros would be lost."""
    rng = np.random.default_rng(0)
    parts, size = [], 300
    M, mask = np.zeros((size, size)), np.zeros((size, size), dtype=bool)
    for first, seen in zip((0, 100, 200), (SEEN[0], SEEN[2], SEEN[0]), strict=True):
        factor = rng.standard_normal((3, 3))
        rows = slice(first, first + 3)
        M[rows, rows], mask[rows, rows] = factor @ factor.T, seen
        parts.append(saddles.MatrixCompletion(factor @ factor.T, seen))
    assert_superposed(parts, saddles.MatrixCompletion(M, mask))


@pytest.mark.slow
@settings(max_examples=1000)
@given(seed=st.integers(0, 2**32 - 1), shuffled=st.booleans(), hidden=st.booleans())
def test_a_thousand_losses_of_parts(seed, shuffled, hidden):
    parts, whole = drawn(seed, shuffled)
    assume(known(parts))
    if hidden:
        Q = np.linalg.qr(np.random.default_rng(seed + 1).standard_normal((whole.size,) * 2))[0]
        whole = Turned(whole, Q)
    assert_superposed(parts, whole)

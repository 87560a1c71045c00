"""Losses that others write: without a minimum, or not what a loss must be.

What is wrong is said, with the place and the numbers; a minimum at infinity is none, however its
tail falls.
"""

import numpy as np
import pytest

import saddles
from saddles import PathError, Status

M = np.diag([2.0, 1.0])
TILTED = np.array([[1.0, 0.4], [0.4, 0.9]])


class Quadratic:
    """f(W) = ½ |W − M|²."""

    size = 2

    def value(self, W):
        return float(np.sum((W - M) ** 2) / 2)

    def gradient(self, W):
        return W - M


# --- no minimum ---------------------------------------------------------------------------------


class Power(Quadratic):
    """f(W) = (1 + tr AW)^−p."""

    def __init__(self, p):
        self.p = p

    def value(self, W):
        return float((1 + np.trace(TILTED @ W)) ** -self.p)

    def gradient(self, W):
        return -self.p * (1 + np.trace(TILTED @ W)) ** (-self.p - 1) * TILTED


class Exponential(Quadratic):
    """f(W) = exp(−tr AW), with its second derivative."""

    def value(self, W):
        return float(np.exp(-np.trace(TILTED @ W)))

    def gradient(self, W):
        return -self.value(W) * TILTED

    def hessian_product(self, W, D):
        return self.value(W) * np.trace(TILTED @ D) * TILTED


@pytest.mark.parametrize("power", [0.1, 0.5, 1, 2, 5, 20, 60, np.inf])
def test_a_minimum_at_infinity_is_none(power):
    loss = Power(power) if np.isfinite(power) else Exponential()
    path = saddles.greedy_low_rank(loss, on_failure="return")
    assert (path.status, len(path)) == (Status.UNBOUNDED, 1)


def test_a_minimum_at_infinity_says_so():
    with pytest.raises(PathError, match=r"the minimum lies at infinity: at size .* still grow"):
        saddles.greedy_low_rank(Exponential())
    with pytest.raises(PathError, match="the minimum lies at infinity"):  # W_00 = 0 and W_01 = 1
        saddles.greedy_low_rank(saddles.MatrixCompletion([[0, 1], [1, 0]], [[1, 1], [1, 0]]))


class Linear(Quadratic):
    def value(self, W):
        return -float(np.sum(W * M))

    def gradient(self, W):
        return -M


def test_an_unbounded_loss_ends_with_a_status():
    path = saddles.greedy_low_rank(Linear(), on_failure="return")
    assert (path.status, len(path)) == (Status.UNBOUNDED, 1)
    with pytest.raises(PathError, match="falls without bound"):
        saddles.greedy_low_rank(Linear())


class Steep(Quadratic):
    """f(W) = −<M, W> + 1e6 Σ W⁶/6: its second derivative vanishes at 0."""

    def value(self, W):
        return float(-np.sum(M * W) + 1e6 * np.sum(W**6) / 6)

    def gradient(self, W):
        return 1e6 * W**5 - M


def test_a_bend_that_vanishes_at_zero():
    path = saddles.greedy_low_rank(Steep())
    assert path.status is Status.CONVERGED
    assert path.times[1:] == pytest.approx([0.5, 1.0])
    assert path.betas[-1] == pytest.approx((M / 1e6) ** 0.2, abs=1e-9)


class Barrier(Quadratic):
    """f(W) = −<M, W> − log(3/2 − tr W): no number beyond a wall that the flow does not reach."""

    def value(self, W):
        return float(-np.sum(M * W) - np.log(1.5 - np.trace(W)))

    def gradient(self, W):
        return np.eye(2) / (1.5 - np.trace(W)) - M


def test_a_wall_that_is_not_reached_does_no_harm():
    path = saddles.greedy_low_rank(Barrier())
    assert path.betas[-1] == pytest.approx(np.diag([1.0, 0.0]), abs=1e-9)
    assert path.times[1:] == pytest.approx([1 / (2 - 2 / 3)])


# --- not what a loss must be: seen at the door --------------------------------------------------


class WrongGradient(Quadratic):
    def gradient(self, W):
        return 2 * (W - M)


class Asymmetric(Quadratic):
    def gradient(self, W):
        return W - M + np.triu(np.ones_like(W))


class NotFinite(Quadratic):
    def gradient(self, W):
        return W * np.nan


class WrongShape(Quadratic):
    def gradient(self, W):
        return W[0]


class Complex(Quadratic):
    def gradient(self, W):
        return (W - M) * (1 + 0j)


class ManyValues(Quadratic):
    def value(self, W):
        return np.sum((W - M) ** 2, axis=0)


class NoValue(Quadratic):
    def value(self, W):
        return None


class Oscillating(Quadratic):
    """Its gradient has waves far shorter than any step, of which its value knows nothing."""

    def gradient(self, W):
        return W - M - 1e-2 * np.sin(1e6 * W)


class WrongProduct(Quadratic):
    def hessian_product(self, W, D):
        return 3 * D


class FlatProduct(Quadratic):
    def hessian_product(self, W, D):
        return D.ravel()


class NoStacks(Quadratic):
    takes_stacks = True

    def hessian_product(self, W, D):
        return D[0] if D.ndim == 3 else D


class OneOfTwo(Quadratic):
    def at_factor(self, U):
        return self.value(U @ U.T), self.gradient(U @ U.T)


class OtherFactor(OneOfTwo):
    def at_factor(self, U):
        return self.value(U @ U.T) + 1, self.gradient(U @ U.T)

    def along_factor(self, U, D):
        return U @ D.T + D @ U.T


class NoMethod(Quadratic):
    hessian_product = 3.0


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        (
            WrongGradient,
            ValueError,
            r"norm .* the gradient says .* differences of the value .* say",
        ),
        (Asymmetric, ValueError, "symmetric"),
        (NotFinite, ValueError, "not finite at a W of norm 0"),
        (WrongShape, ValueError, "shape"),
        (Complex, TypeError, r"loss\.gradient\(W\) has dtype complex128"),
        (ManyValues, ValueError, r"loss\.value\(W\) has shape \(2,\)"),
        (NoValue, TypeError, r"loss\.value\(W\)=None"),
        (Oscillating, ValueError, "differences of the value .* say .* smooth"),
        (
            WrongProduct,
            ValueError,
            r"hessian_product\(W, D\) has norm .* differences of the gradient",
        ),
        (FlatProduct, ValueError, r"hessian_product\(W, D\) has shape \(4,\)"),
        (NoStacks, ValueError, "takes_stacks=True"),
        (OneOfTwo, TypeError, "one of at_factor and along_factor"),
        (OtherFactor, ValueError, r"at_factor\(U\) must return"),
        (NoMethod, TypeError, r"loss\.hessian_product=3\.0 must be a method"),
        (type("Loss", (), {"value": None}), TypeError, "no size, no value, no gradient"),
    ],
)
def test_a_loss_that_is_none_is_refused(kind, error, words):
    with pytest.raises(error, match=words):
        saddles.greedy_low_rank(kind())


@pytest.mark.parametrize("unit", [1e-80, 1e-8, 1e8, 1e80])
def test_the_check_knows_no_unit(unit):
    class Scaled(Quadratic):
        def value(self, W):
            return float(np.sum((W - unit * M) ** 2) / 2)

        def gradient(self, W):
            return W - unit * M

    assert unit * saddles.greedy_low_rank(Scaled()).times[1:] == pytest.approx([0.5, 1.0])


def test_a_large_constant_in_the_value_is_no_error():
    """Differences of the value are rounding then, and say nothing against the gradient."""

    class Raised(Quadratic):
        def value(self, W):
            return super().value(W) + 1e14

    assert saddles.greedy_low_rank(Raised()).times[1:] == pytest.approx([0.5, 1.0])


# --- seen on the way ----------------------------------------------------------------------------


class NoNumberBeyond(Quadratic):
    def value(self, W):
        return super().value(W) if np.linalg.norm(W) < 1.5 else np.nan

    def gradient(self, W):
        return W - M if np.linalg.norm(W) < 1.5 else np.sqrt(-1 + 0 * W)


class NoValueBeyond(Quadratic):
    def value(self, W):
        return super().value(W) if np.linalg.norm(W) < 1.5 else np.log(-1.0)


class WrongProductBeyond(Quadratic):
    def hessian_product(self, W, D):
        return D if np.linalg.norm(W) < 1.5 else -D


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            NoNumberBeyond,
            r"loss\.gradient\(W\) is not finite at a W of norm 1\.5\d*; the flow had reached the n",
        ),
        (NoValueBeyond, r"loss\.value\(W\)=nan at jump 1"),
        (
            WrongProductBeyond,
            r"at a W of norm 2 hessian_product\(W, D\) has norm 2, and differences",
        ),
    ],
)
def test_a_loss_that_fails_on_the_way_is_named(kind, words):
    """And nothing that it warns of leaks: warnings are errors here."""
    path = saddles.greedy_low_rank(kind(), on_failure="return")
    assert (path.status, len(path)) == (Status.LOSS_FAILED, 1)
    with pytest.raises(PathError, match=words):
        saddles.greedy_low_rank(kind())

"""Losses of the trainer: squared, and logistic with one output per class.

====================  ====================  ====================================
what                  squared               logistic
====================  ====================  ====================================
ℓ(f, y), mean over n  |y − f|²/2            log Σ_c exp f_c − y·f, y one-hot
residual −∂ℓ/∂f       y − f                 y − softmax(f)
outputs A, b          least squares         L-BFGS, all classes at once
====================  ====================  ====================================

Outputs minimise the penalised loss ℓ + ridge |A|²/2 for fixed features; the offset b is free.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.linalg import cho_solve
from scipy.optimize import minimize

from saddles import checks
from saddles.typing import Array

__all__: list[str] = []

#: Least pivot of a Gram matrix, relative to its largest entry: parallel features share an output.
PIVOT = 1e-13

#: Steps of the convex search for logistic outputs, and its largest gradient at the end.
OUTPUT_STEPS, OUTPUT_GRADIENT = 200, 1e-7

#: How far from 1 the classes' probabilities of a sample may add up.
WHOLE = 1e-6


class Loss(Protocol):
    """A convex loss of the outputs f (n, c), averaged over samples."""

    @property
    def name(self) -> str:
        """Return its name."""

    def value(self, f: Array, Y: Array) -> float:
        """Return the mean loss."""

    def residual(self, f: Array, Y: Array) -> Array:
        """Return −∂ℓ/∂f, shape (n, c)."""

    def outputs(self, F: Array, Y: Array, penalty: Array, start: Array) -> Array:
        """Return the outputs (m, c) of features `F` (n, m) that minimise the penalised loss."""

    def expected(self, loss: float, parameters: int, n: int, c: int) -> float:
        """Return the loss expected on other samples, after fitting this number of parameters."""

    def allowed(self, score: float, parameters: int, n: int, c: int) -> float:
        """Return the loss whose expected one is `score`: the inverse of `expected`."""

    def check(self, Y: Array, name: str) -> None:
        """Raise unless `Y` can be targets."""


@dataclass(frozen=True)
class Squared:
    """|y − f|²/2."""

    name: str = "squared"

    def value(self, f: Array, Y: Array) -> float:
        """Return the mean loss."""
        difference = Y - f
        return float(np.vdot(difference, difference)) / (2 * len(Y))

    def residual(self, f: Array, Y: Array) -> Array:
        """Return Y − f."""
        return Y - f

    def outputs(self, F: Array, Y: Array, penalty: Array, start: Array) -> Array:
        """Return the least squares outputs, refined once by their own residual."""
        if not F.shape[1]:
            return np.zeros((0, Y.shape[1]))
        L, n = factor(F, penalty), len(F)
        A = cho_solve((L, True), F.T @ Y / n)
        rest = F.T @ (Y - F @ A) / n - penalty[:, None] * A
        return np.asarray(A + cho_solve((L, True), rest))

    def expected(self, loss: float, parameters: int, n: int, c: int) -> float:
        """Return the loss of generalised cross-validation (Craven and Wahba, 1979)."""
        share = parameters / (n * c)
        return loss / (1 - share) ** 2 if share < 1 else math.inf

    def allowed(self, score: float, parameters: int, n: int, c: int) -> float:
        """Return the loss of which `expected` makes this score."""
        return score * max(0.0, 1 - parameters / (n * c)) ** 2 if score < math.inf else math.inf

    def check(self, Y: Array, name: str) -> None:
        """Accept any targets."""


@dataclass(frozen=True)
class Logistic:
    """Cross entropy of the classes' probabilities, softmax(f)."""

    name: str = "logistic"

    def value(self, f: Array, Y: Array) -> float:
        """Return the mean loss."""
        highest, powers = _powers(f)
        logarithms = highest + np.log(powers.sum(axis=1, keepdims=True))
        return float(logarithms.sum() - np.vdot(Y, f)) / len(Y)

    def residual(self, f: Array, Y: Array) -> Array:
        """Return Y − softmax(f)."""
        powers = _powers(f)[1]
        return np.asarray(Y - powers / powers.sum(axis=1, keepdims=True))

    def outputs(self, F: Array, Y: Array, penalty: Array, start: Array) -> Array:
        """Return the outputs that minimise the penalised loss, from those at the start."""
        shape = (F.shape[1], Y.shape[1])
        if not F.shape[1]:
            return np.zeros(shape)
        scale = np.sqrt(np.maximum(np.mean(F**2, axis=0), np.finfo(float).tiny))[:, None]

        def objective(flat: Array) -> tuple[float, Array]:
            A = flat.reshape(shape) / scale
            f = F @ A
            value = self.value(f, Y) + float(np.sum(penalty[:, None] * A**2)) / 2
            slope = penalty[:, None] * A - F.T @ self.residual(f, Y) / len(Y)
            return value, (slope / scale).ravel()

        options = {"maxiter": OUTPUT_STEPS, "gtol": OUTPUT_GRADIENT, "ftol": 0.0}
        found = minimize(
            objective, (start * scale).ravel(), jac=True, method="L-BFGS-B", options=options
        )
        return np.asarray(found.x.reshape(shape) / scale)

    def expected(self, loss: float, parameters: int, n: int, c: int) -> float:
        """Return Akaike's criterion (1974), in units of the loss."""
        return loss + parameters / n

    def allowed(self, score: float, parameters: int, n: int, c: int) -> float:
        """Return the loss of which `expected` makes this score."""
        return score - parameters / n

    def check(self, Y: Array, name: str) -> None:
        """Raise unless every row of `Y` holds probabilities of at least two classes."""
        good = Y.ndim == 2 and Y.shape[1] > 1 and (Y >= 0).all()
        if not good or np.abs(Y.sum(axis=1) - 1).max() > WHOLE:
            raise ValueError(
                f"{name}={checks.show(Y)}: with loss='logistic' targets are probabilities (n, c) "
                "of at least two classes, each row with sum 1; pass one-hot rows, or use "
                "saddles.estimators.AGFClassifier, which takes labels."
            )


def _powers(f: Array) -> tuple[Array, Array]:
    """Return the highest output of each sample (n, 1), and exp(f − highest), at most 1."""
    highest = f.max(axis=1, keepdims=True)
    return highest, np.exp(f - highest)


def factor(F: Array, penalty: Array) -> Array:
    """Return the lower Cholesky factor of FᵀF/n + diag(penalty), its pivots kept above zero."""
    G = F.T @ F / len(F)
    diagonal = np.diag(G).copy()
    largest = max(float(diagonal.max(initial=0.0)), np.finfo(float).tiny)
    pivot = PIVOT * np.where(diagonal > 0, diagonal, largest)
    G[np.diag_indices_from(G)] = diagonal + penalty + pivot
    return np.asarray(np.linalg.cholesky(G))


LOSSES: dict[str, Loss] = {"squared": Squared(), "logistic": Logistic()}


def loss_of(name: Any) -> Loss:
    """Return the loss of this name."""
    return LOSSES[checks.one_of(name, "loss", tuple(LOSSES))]

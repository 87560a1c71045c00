"""The Runge–Kutta–Chebyshev method of order 2, for gradient flows of many weights.

Sommeijer, Shampine and Verwer, "RKC: an explicit solver for parabolic PDEs" (J. Comput. Appl. Math.
88, 1998), sections 2 and 3. Gradient flow is stiff: on a plateau it moves slowly along a narrow
valley. A step of s gradients is stable to lengths of about 2s²/(3ρ), where an ordinary explicit
method is stable to about 2/ρ a gradient. An implicit method solves with a matrix of all weights
instead, which takes longer from about a thousand weights on.

==============================  ====================================================================
code                            symbol
==============================  ====================================================================
``sharpness``                   ρ, no less than the largest |eigenvalue| of the Jacobian of y'
``mu``, ``nu``, ``own``,        μ_j, ν_j, μ̃_j, γ̃_j
``first``
``at``                          c_j
``T``, ``D``, ``E``             T_j, T_j', T_j'' of Chebyshev at ω_0 = 1 + ε/s²
==============================  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import DenseOutput, OdeSolver
from scipy.interpolate import CubicHermiteSpline

__all__ = ["Chebyshev"]

Floats = NDArray[np.float64]

EPS = float(np.finfo(float).eps)
#: The article's choices: ε, which damps; a safety of ρ, and for how many steps ρ is kept; a safety
#: of the length of a step, and by how much it may differ from the last.
DAMPING = 2 / 13
SHARPER, KEPT = 1.2, 25
SAFETY, LEAST, MOST = 0.8, 0.1, 10.0
#: Power iterations for ρ end once they agree to this share, far less than its safety, or after so
#: many: where they are slow, several eigenvalues are nearly as large.
ALIKE, ITERATIONS = 0.02, 60
#: The first step may change y by this share of its norm; later ones are up to their errors.
BEGIN = 1e-2


class Chebyshev(OdeSolver):  # type: ignore[misc]  # scipy has no types
    """A method for `scipy.integrate.solve_ivp`, where the Jacobian is nearly symmetric.

    The error of a step is no more than `rtol`, relative to the norm of each of the `rows` of y. An
    absolute tolerance and a Jacobian, which other methods take, are not used.
    """

    t: float
    t_old: float
    t_bound: float
    y: Floats
    f: Floats
    y_old: Floats
    f_old: Floats
    sharpest: Floats
    sharpness: float
    age: int

    def __init__(
        self,
        fun: Callable[[float, Floats], Floats],
        t0: float,
        y0: Floats,
        t_bound: float,
        vectorized: bool = False,
        *,
        rtol: float = 1e-6,
        rows: int = 1,
        **_: Any,
    ) -> None:
        super().__init__(fun, t0, y0, t_bound, vectorized)
        self.rtol, self.rows = rtol, rows
        # With more stages, rounding would exceed the errors that are allowed.
        self.stages = int(math.sqrt(rtol / (10 * EPS)))
        self.f = self.fun(self.t, self.y)
        self.y_old, self.f_old = self.y, self.f
        self.length = BEGIN * float(np.linalg.norm(self.y) / np.linalg.norm(self.f))
        self.sharpest = np.random.default_rng(0).standard_normal(len(y0))
        self._look()

    def _step_impl(self) -> tuple[bool, str | None]:
        if self.age >= KEPT:
            self._look()
        while True:
            longest = (self.stages**2 - 1) / (1.54 * self.sharpness)
            length = min(self.length, longest, self.t_bound - self.t)
            if self.t + length == self.t:
                return False, self.TOO_SMALL_STEP
            y = self._stepped(length)
            f = self.fun(self.t + length, y)
            error = self._error(length, y, f)
            grown = SAFETY * error ** (-1 / 3) if error else MOST
            self.length = length * (min(grown, MOST) if grown > LEAST else LEAST)
            if error <= 1:
                break
            self._look()
        self.y_old, self.f_old = self.y, self.f
        self.t, self.y, self.f, self.age = self.t + length, y, f, self.age + 1
        return True, None

    def _error(self, length: float, y: Floats, f: Floats) -> float:
        """Return the error of a step, over what is allowed."""
        error = 0.8 * (self.y - y) + 0.4 * length * (self.f + f)
        before, after, wrong = (
            np.linalg.norm(v.reshape(self.rows, -1), axis=1) for v in (self.y, y, error)
        )
        return float((wrong / np.maximum(before, after)).max()) / self.rtol

    def _stepped(self, length: float) -> Floats:
        """Return y after a step."""
        s = max(2, 1 + math.isqrt(int(1.54 * length * self.sharpness + 1)))
        c, start, moved = _stages(s), self.y, length * self.f
        before, y = start, start + c.own[1] * moved
        for j in range(2, s + 1):
            known = (1 - c.mu[j] - c.nu[j]) * start + c.first[j] * moved
            here = c.own[j] * length * self.fun(self.t + c.at[j - 1] * length, y)
            before, y = y, known + c.mu[j] * y + c.nu[j] * before + here
        return y

    def _look(self) -> None:
        """Find ρ by power iterations, from the direction that was the sharpest before."""
        near, old = math.sqrt(EPS) * float(np.linalg.norm(self.y)), 0.0
        for _ in range(ITERATIONS):
            aside = self.y + near * self.sharpest / np.linalg.norm(self.sharpest)
            self.sharpest = (self.fun(self.t, aside) - self.f) / near
            new = float(np.linalg.norm(self.sharpest))
            if abs(new - old) <= ALIKE * new:
                break
            old = new
        self.sharpness, self.age = SHARPER * new, 0

    def _dense_output_impl(self) -> DenseOutput:
        return _Between(self.t_old, self.t, (self.y_old, self.y), (self.f_old, self.f))


class _Between(DenseOutput):  # type: ignore[misc]  # scipy has no types
    """Cubic polynomial through y and y' at both ends of a step."""

    def __init__(self, t_old: float, t: float, y: tuple[Floats, ...], f: tuple[Floats, ...]):
        super().__init__(t_old, t)
        self.y, self.f = y, f

    def _call_impl(self, t: Floats) -> Floats:
        spline = CubicHermiteSpline([self.t_old, self.t], self.y, self.f)
        return np.asarray(spline(t)).T


@dataclass(frozen=True)
class _Stages:
    """Coefficients of stages 0 to s."""

    mu: list[float]
    nu: list[float]
    own: list[float]
    first: list[float]
    at: list[float]


@cache
def _stages(s: int) -> _Stages:
    omega = 1 + DAMPING / s**2
    T, D, E = [1.0, omega], [0.0, 1.0], [0.0, 0.0]
    for _ in range(2, s + 1):
        E.append(4 * D[-1] + 2 * omega * E[-1] - E[-2])
        D.append(2 * T[-1] + 2 * omega * D[-1] - D[-2])
        T.append(2 * omega * T[-1] - T[-2])
    scale = D[s] / E[s]
    b = np.array(E) / np.maximum(np.square(D), EPS)
    b[:2] = b[2]
    mu, nu, first = np.zeros((3, s + 1))
    mu[2:] = 2 * omega * b[2:] / b[1:-1]
    nu[2:] = -b[2:] / b[:-2]
    own = mu * scale / omega
    own[1] = b[1] * scale
    first[2:] = -(1 - b * T)[1:-1] * own[2:]
    at = np.array([0.0, scale * E[2] / D[2] ** 2, *(scale * E[j] / D[j] for j in range(2, s + 1))])
    return _Stages(*(values.tolist() for values in (mu, nu, own, first, at)))

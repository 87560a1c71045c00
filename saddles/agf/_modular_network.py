"""Quadratic neurons on modular addition, in closed form: no sum over the p² pairs is ever formed.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6. The inputs are the
shifted templates R_a x and R_b x, (R_a x)[c] = x[c − a], of all p² pairs (a, b); the target is
R_{a+b} x; a neuron θ = (u, v, w) computes f(a, b) = (u·R_a x + v·R_b x)² w, so κ = 3. The loss is
L = ½ E|R_{a+b} x − Σ_i f_i(a, b)|², E the mean over pairs, |·|² the sum over the p outputs.

With U_i(a) = u_i·R_a x and V_i(b) = v_i·R_b x a network is a sum of outer products: the inner
product of two neurons is (w_i·w_j) K_ij,

    K_ij = Σ_ab (U_i + V_i)² (U_j + V_j)²
         = 4 (U_i·U_j)(V_i·V_j) + p U_i²·U_j² + p V_i²·V_j² + ΣU_i² ΣV_j² + ΣV_i² ΣU_j²
           + 2 (U_i²·U_j ΣV_j + U_i·U_j² ΣV_i + V_i²·V_j ΣU_j + V_i·V_j² ΣU_i),

and that of a neuron with the target is Σ_m q_i(m) T_i(m), q_i(m) = Σ_c w_i[c] x[c − m],
T_i(m) = Σ_{a+b=m} (U_i(a) + V_i(b))²: convolutions, so discrete Fourier transforms.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``spectrum``        x̂_k = Σ_c x[c] e^{−2πikc/p}, unnormalised, (p,) complex
``U``, ``V``        U_i(a), V_i(b), each (H, p)
``kernel``          K_ij, (H, A)
``q``, ``T``        q_i(m), T_i(m), each (H, p)
``value``           <f_i, Y − Σ_j f_j> summed over pairs and outputs: p² U(θ_i), (H,)
``power``           share of frequency k in the loss: |x̂_k|²/(2p), both signs together
==================  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles.agf._modular_hessian import energy, target
from saddles.typing import Array, ArrayLike

__all__ = ["ModularAddition"]

#: A Fourier coefficient below this share of the largest is rounding of the template.
NO_POWER = 1e-12


@dataclass(frozen=True, eq=False)
class ModularAddition:
    """Network of quadratic neurons that learns a + b mod p, with templates for inputs and outputs.

    It is a `saddles.homogeneous.HomogeneousNetwork` of degree 3 with 3p parameters per neuron,
    (u, v, w) one after the other; a gradient costs O(H²p + Hp log p).

    Parameters
    ----------
    template : array_like of shape (p,)
        The encoding x of the number 0; its shifts encode the others. It is used as it is: its mean
        is not removed.

    Raises
    ------
    TypeError, ValueError
        If the template is shorter than 3, is not finite, or has no power beside its mean.

    Examples
    --------
    >>> import numpy as np, saddles
    >>> network = saddles.agf.ModularAddition(np.cos(2 * np.pi * np.arange(7) / 7))
    >>> network.frequencies.tolist(), round(network.loss(np.zeros((0, 21))), 12)
    ([1], 1.75)
    """

    template: Array

    def __post_init__(self) -> None:
        x = checks.real_array(self.template, "template", 1).copy()
        if x.size < 3:
            raise ValueError(
                f"template={checks.show(x)} has length p={x.size}; addition mod p needs p >= 3, "
                "so that there is a frequency with a phase: pass a longer template."
            )
        if np.ptp(x) <= NO_POWER * np.abs(x).max():
            raise ValueError(
                f"template={checks.show(x)} is constant: no frequency beside 0 has power, and "
                "there is nothing to learn; pass a template whose entries differ."
            )
        x.setflags(write=False)
        object.__setattr__(self, "template", x)

    @property
    def degree(self) -> int:
        """Degree of homogeneity κ = 3."""
        return 3

    @property
    def period(self) -> int:
        """Modulus p."""
        return int(self.template.size)

    @property
    def size(self) -> int:
        """Number of parameters of a neuron, 3p."""
        return 3 * self.period

    @cached_property
    def spectrum(self) -> Any:
        """Discrete Fourier transform x̂ of the template, (p,) complex."""
        return np.fft.fft(self.template)

    @cached_property
    def frequencies(self) -> Any:
        """Frequencies 1 to p/2 with power, (m,), by falling `utility_bounds`."""
        bounds = self.utility_bounds
        order = np.argsort(-bounds, kind="stable")
        return order[bounds[order] > NO_POWER * bounds.max()]

    @cached_property
    def power(self) -> Array:
        """Loss that each frequency k = 0 … p//2 contributes, (p//2 + 1,): they sum to L(0)."""
        both = np.full(self.period // 2 + 1, 2.0)
        both[0] = 1.0
        if self.period % 2 == 0:
            both[-1] = 1.0
        return np.asarray(both * np.abs(self.spectrum[: both.size]) ** 2 / (2 * self.period))

    @cached_property
    def utility_bounds(self) -> Array:
        """Largest utility at unit norm, per frequency, while none is learnt; (p//2 + 1,).

        sqrt(2/27) p^{−3/2} |x̂_k|³, times √2 at the Nyquist frequency k = p/2; zero for k = 0. The
        paper's √(2p) |x̂|³ is for u, v, w of unit norm each and sums over the pairs: it is p² √27
        times this.
        """
        bounds = math.sqrt(2 / 27) * self.period**-1.5 * np.abs(self.spectrum) ** 3
        bounds = bounds[: self.period // 2 + 1]
        bounds[0] = 0.0
        if self.period % 2 == 0:
            bounds[-1] *= math.sqrt(2)
        return np.asarray(bounds)

    def loss(self, theta: Array, /) -> float:
        """Return L of the network with neurons `theta` (H, 3p)."""
        seen = self._see(theta)
        fit = np.sum(self._with_target(seen)) - np.sum(seen.gram(seen) * seen.kernel(seen)) / 2
        return float(self.template @ self.template / 2 - fit / self.period**2)

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, 3p)."""
        return -self.utility_gradient(theta, theta)

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return the utilities (H,) of neurons `theta` (H, 3p) beside the `active` ones (A, 3p)."""
        seen, others = self._see(theta), self._see(active)
        value = self._with_target(seen) - np.sum(seen.gram(others) * seen.kernel(others), axis=1)
        return np.asarray(value / self.period**2)

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the gradients (H, 3p) of the utilities."""
        seen, others = self._see(theta), self._see(active)
        slope_U, slope_V, slope_w = self._target_slopes(seen)
        if len(active):
            slope_U -= seen.slope(others)
            slope_V -= seen.swapped().slope(others.swapped())
            slope_w -= seen.kernel(others) @ others.w
        back = [self._onto(slope) for slope in (slope_U, slope_V)]
        return np.hstack([*back, slope_w]) / self.period**2

    def hessian(self, theta: Array, basis: Array, /) -> Array:
        """Return the second derivatives (Hm, Hm) of L over z, θ_i + `basis` (3p, m) z_i."""
        seen, along = self._see(theta), self._see(basis.T)
        result = energy(seen, along)
        rows = np.arange(len(theta))
        q, q_along = self._correlate(seen.w), self._correlate(along.w)
        result[rows, :, rows, :] -= target(seen, along, q, q_along)
        size = len(theta) * basis.shape[1]
        return result.reshape(size, size) / self.period**2

    def point(self, theta: Array, /) -> Array:
        """Return the template (p,) that the network has learnt: E R_{−a−b} f(a, b).

        It is what of the network is shifted as the target is; x itself once all is learnt.
        """
        seen = self._see(theta)
        joined = np.fft.rfft(seen.w) * np.conj(np.fft.rfft(self._sums(seen)))
        return np.asarray(np.fft.irfft(joined.sum(axis=0), self.period) / self.period**2)

    def _see(self, theta: Array) -> _Seen:
        p = self.period
        u, v = (self._correlate(theta[:, k * p : (k + 1) * p]) for k in (0, 1))
        return _Seen(u, v, theta[:, 2 * p :])

    def _correlate(self, rows: Array) -> Array:
        """Return rows_i · R_m x for every shift m: (H, p)."""
        shifted = np.fft.rfft(rows) * np.conj(self.spectrum[: self.period // 2 + 1])
        return np.asarray(np.fft.irfft(shifted, self.period))

    def _onto(self, rows: Array) -> Array:
        """Return Σ_m rows_i[m] R_m x, the adjoint of `_correlate`: (H, p)."""
        shifted = np.fft.rfft(rows) * self.spectrum[: self.period // 2 + 1]
        return np.asarray(np.fft.irfft(shifted, self.period))

    def _sums(self, seen: _Seen) -> Array:
        """Return T_i(m) (H, p)."""
        product = np.fft.irfft(np.fft.rfft(seen.U) * np.fft.rfft(seen.V), self.period)
        squares = np.sum(seen.U**2 + seen.V**2, axis=1, keepdims=True)
        return np.asarray(2 * product + squares)

    def _with_target(self, seen: _Seen) -> Array:
        """Return Σ_m q_i(m) T_i(m), (H,)."""
        return np.sum(self._correlate(seen.w) * self._sums(seen), axis=1)

    def _target_slopes(self, seen: _Seen) -> tuple[Array, Array, Array]:
        """Return the derivatives of `_with_target` over U, V and w, each (H, p)."""
        q = self._correlate(seen.w)
        turned, level = np.fft.rfft(q), 2 * q.sum(axis=1, keepdims=True)
        over_U, over_V = (
            2 * np.fft.irfft(turned * np.conj(np.fft.rfft(other)), self.period) + level * own
            for own, other in ((seen.U, seen.V), (seen.V, seen.U))
        )
        return over_U, over_V, self._onto(self._sums(seen))


@dataclass(frozen=True, eq=False)
class _Seen:
    """Neurons by their responses U, V (H, p) to the shifted inputs, and their outputs w (H, p)."""

    U: Array
    V: Array
    w: Array

    def swapped(self) -> _Seen:
        """Return the same with the two inputs exchanged."""
        return _Seen(self.V, self.U, self.w)

    def gram(self, others: _Seen) -> Array:
        """Return w_i·w_j, (H, A)."""
        return np.asarray(self.w @ others.w.T)

    def kernel(self, others: _Seen) -> Array:
        """Return K_ij, (H, A)."""
        p, swapped = self.U.shape[1], others.swapped()
        half = self._half_kernel(others, p) + self.swapped()._half_kernel(swapped, p)
        return half + 4 * (self.U @ others.U.T) * (self.V @ others.V.T)

    def _half_kernel(self, others: _Seen, p: int) -> Array:
        """Return the terms of K_ij that come with their mirror image under U <-> V."""
        square, other_square = self.U**2, others.U**2
        return np.asarray(
            p * square @ other_square.T
            + np.outer(square.sum(1), (others.V**2).sum(1))
            + 2 * (square @ others.U.T) * others.V.sum(1)
            + 2 * self.V.sum(1)[:, None] * (self.U @ other_square.T)
        )

    def slope(self, others: _Seen) -> Array:
        """Return ∂/∂U_i(a) of Σ_j (w_i·w_j) K_ij, the others held fixed: (H, p)."""
        p, gram = self.U.shape[1], self.gram(others)
        V_sums, V_squares = others.V.sum(1), (others.V**2).sum(1)
        level = p * others.U**2 + 2 * V_sums[:, None] * others.U + V_squares[:, None]
        cross = 4 * gram * (self.V @ others.V.T)
        shift = 2 * np.sum(gram * (self.V @ (others.V**2).T), axis=1, keepdims=True)
        lone = 2 * self.V.sum(1)[:, None] * (gram @ others.U**2)
        return np.asarray(2 * self.U * (gram @ level) + cross @ others.U + shift + lone)

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
        fit = (
            np.sum(self._with_target(seen)) - np.sum(seen.gram(seen) * self._kernel(seen, seen)) / 2
        )
        return float(self.template @ self.template / 2 - fit / self.period**2)

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, 3p)."""
        return -self.utility_gradient(theta, theta)

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return the utilities (H,) of neurons `theta` (H, 3p) beside the `active` ones (A, 3p)."""
        seen, others = self._see(theta), self._see(active)
        value = self._with_target(seen) - np.sum(
            seen.gram(others) * self._kernel(seen, others), axis=1
        )
        return np.asarray(value / self.period**2)

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the gradients (H, 3p) of the utilities."""
        seen = self._see(theta)
        others = seen if active is theta else self._see(active)
        over_u, over_v, over_w = self._target_pull(seen)
        if len(active):
            slope_U, slope_V = seen.slopes(others, centred=not self._mean)
            over_u -= slope_U @ self._shifts.T
            over_v -= slope_V @ self._shifts.T
            over_w -= self._kernel(seen, others) @ others.w
        return np.hstack([over_u, over_v, over_w]) / self.period**2

    def hessian(self, theta: Array, basis: Array, /) -> Array:
        """Return the second derivatives (Hm, Hm) of L over z, θ_i + `basis` (3p, m) z_i."""
        seen, along = self._see(theta), self._see(basis.T)
        result = energy(seen, along)
        rows = np.arange(len(theta))
        q, q_along = seen.w @ self._shifts, along.w @ self._shifts
        result[rows, :, rows, :] -= target(seen, along, q, q_along)
        size = len(theta) * basis.shape[1]
        return result.reshape(size, size) / self.period**2

    def point(self, theta: Array, /) -> Array:
        """Return the template (p,) that the network has learnt: E R_{−a−b} f(a, b).

        It is what of the network is shifted as the target is; x itself once all is learnt.
        """
        seen = self._see(theta)
        sums = 2 * np.fft.rfft(seen.U) * np.fft.rfft(seen.V)
        sums[:, 0] += self.period * np.sum(seen.U**2 + seen.V**2, axis=1)
        joined = np.sum(np.fft.rfft(seen.w) * np.conj(sums), axis=0)
        return np.asarray(np.fft.irfft(joined, self.period) / self.period**2)

    @cached_property
    def _shifts(self) -> Array:
        """Matrix (p, p) with entry [c, m] = x[c − m]: a row times it is its product with R_m x."""
        c = np.arange(self.period)
        return np.asarray(self.template[(c[:, None] - c) % self.period])

    @cached_property
    def _waves(self) -> Array:
        """cos and −sin of 2πkc/p in turn, for the frequencies k with power, (p, 2K)."""
        angles = np.outer(np.arange(self.period), np.sort(self.frequencies))
        angles = 2 * np.pi / self.period * (angles % self.period)
        return np.stack([np.cos(angles), -np.sin(angles)], axis=2).reshape(self.period, -1)

    @cached_property
    def _weights(self) -> Any:
        """a_k with Σ_m q(m) T(m) = Re Σ_k a_k û_k v̂_k conj(ŵ_k), beside the means, (K,)."""
        powered = np.sort(self.frequencies)
        both = np.where(2 * powered == self.period, 1.0, 2.0)
        x = self.spectrum[powered]
        return 2 / self.period * both * np.conj(x) * np.abs(x) ** 2

    @cached_property
    def _mean(self) -> float:
        """Mean of the template, zero if it is rounding."""
        mean = float(self.template.mean())
        return mean if abs(mean) > NO_POWER * np.abs(self.template).max() else 0.0

    def _see(self, theta: Array) -> _Seen:
        p = self.period
        parts = [theta[:, k * p : (k + 1) * p] for k in range(3)]
        U, V = (part @ self._shifts for part in parts[:2])
        return _Seen(U, V, parts[2], tuple(self._transform(part) for part in parts))

    def _transform(self, rows: Array) -> Any:
        """Return Fourier coefficients (H, K) at the frequencies with power."""
        return np.ascontiguousarray(rows @ self._waves).view(complex)

    def _back(self, coefficients: Any) -> Array:
        """Return the derivative of Re Σ_k g_k û_k over u, for `coefficients` g (H, K): (H, p)."""
        return np.asarray(np.conj(coefficients).view(float) @ self._waves.T)

    def _offsets(self, seen: _Seen) -> Array:
        """Return Σ_m T_i(m)/p, (H,)."""
        squares = np.sum(seen.U**2 + seen.V**2, axis=1)
        return np.asarray(squares + 2 * seen.U.sum(1) * seen.V.sum(1) / self.period)

    def _with_target(self, seen: _Seen) -> Array:
        """Return Σ_m q_i(m) T_i(m), (H,)."""
        u, v, w = seen.waves
        oscillating = np.sum(np.real(self._weights * u * v * np.conj(w)), axis=1)
        if not self._mean:
            return np.asarray(oscillating)
        return np.asarray(oscillating + self._mean * self._level(seen) * self._offsets(seen))

    def _level(self, seen: _Seen) -> Array:
        """Return p Σ_c w_i[c], (H,)."""
        return np.asarray(self.period * seen.w.sum(1))

    def _target_pull(self, seen: _Seen) -> tuple[Array, Array, Array]:
        """Return the derivatives of `_with_target` over u, v and w, each (H, p)."""
        u, v, w = seen.waves
        turned = self._weights * np.conj(w)
        over_u, over_v = self._back(turned * v), self._back(turned * u)
        over_w = self._back(np.conj(self._weights * u * v))
        if self._mean:
            level = self._mean * self._level(seen)[:, None]
            for over, own, other in ((over_u, seen.U, seen.V), (over_v, seen.V, seen.U)):
                slope = 2 * own + 2 * other.sum(1, keepdims=True) / self.period
                over += (level * slope) @ self._shifts.T
            over_w += self._mean * self.period * self._offsets(seen)[:, None]
        return over_u, over_v, over_w

    def _kernel(self, seen: _Seen, others: _Seen) -> Array:
        return seen.kernel(others, centred=not self._mean)


@dataclass(frozen=True, eq=False)
class _Seen:
    """Neurons as the data see them: see the module's table.

    ``waves`` holds û, v̂ and ŵ at the frequencies with power, each (H, K). A centred template makes
    the sums of U and V vanish.
    """

    U: Array
    V: Array
    w: Array
    waves: tuple[Any, ...]

    def swapped(self) -> _Seen:
        """Return the same with the two inputs exchanged."""
        u, v, w = self.waves
        return _Seen(self.V, self.U, self.w, (v, u, w))

    def gram(self, others: _Seen) -> Array:
        """Return w_i·w_j, (H, A)."""
        return np.asarray(self.w @ others.w.T)

    def kernel(self, others: _Seen, *, centred: bool = False) -> Array:
        """Return K_ij, (H, A)."""
        p, result = self.U.shape[1], 4 * (self.U @ others.U.T) * (self.V @ others.V.T)
        squares, other_squares = ([part**2 for part in (one.U, one.V)] for one in (self, others))
        sums = [[part.sum(1) for part in pair] for pair in (squares, other_squares)]
        result += np.outer(sums[0][0], sums[1][1]) + np.outer(sums[0][1], sums[1][0])
        for square, other_square in zip(squares, other_squares, strict=True):
            result += p * (square @ other_square.T)
        if not centred:
            pairs = ((self, others), (self.swapped(), others.swapped()))
            for (own, other), square, other_square in zip(
                pairs, squares, other_squares, strict=True
            ):
                result += 2 * (square @ other.U.T) * other.V.sum(1)
                result += 2 * own.V.sum(1)[:, None] * (own.U @ other_square.T)
        return np.asarray(result)

    def slopes(self, others: _Seen, *, centred: bool) -> tuple[Array, Array]:
        """Return ∂/∂U_i(a) and ∂/∂V_i(b) of Σ_j (w_i·w_j) K_ij, others held fixed: (H, p) each."""
        gram = self.gram(others)
        swapped, others_swapped = self.swapped(), others.swapped()
        first = self._slope(others, gram)
        second = swapped._slope(others_swapped, gram)
        if not centred:
            first += self._mean_slope(others, gram)
            second += swapped._mean_slope(others_swapped, gram)
        return first, second

    def _slope(self, others: _Seen, gram: Array) -> Array:
        """Return ∂/∂U_i(a) without what means add, (H, p)."""
        level = self.U.shape[1] * others.U**2 + np.sum(others.V**2, axis=1)[:, None]
        cross = 4 * gram * (self.V @ others.V.T)
        return np.asarray(2 * self.U * (gram @ level) + cross @ others.U)

    def _mean_slope(self, others: _Seen, gram: Array) -> Array:
        """Return what means of U and V add to it, (H, p)."""
        V_sums = others.V.sum(1)[:, None]
        shift = 2 * np.sum(gram * (self.V @ (others.V**2).T), axis=1, keepdims=True)
        lone = 2 * self.V.sum(1)[:, None] * (gram @ others.U**2)
        return np.asarray(4 * self.U * (gram @ (V_sums * others.U)) + shift + lone)

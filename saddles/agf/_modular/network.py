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
T_i(m) = Σ_{a+b=m} (U_i(a) + V_i(b))²: convolutions, so discrete Fourier transforms. What follows
from the template alone is said by `Template`.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``UV``              U_i(a) and V_i(b), (2, H, p)
``waves``           û_k, v̂_k, ŵ_k at the frequencies with power, (H, 3, K)
==================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from saddles.agf._modular.modes import Modes, read_modes
from saddles.agf._modular.pairs import Pair, Seen
from saddles.agf._modular.picture import plot_frequencies
from saddles.agf._modular.products import Products
from saddles.agf._modular.report import ModularReport, report
from saddles.agf._modular.template import Template
from saddles.typing import Array, ArrayLike

if TYPE_CHECKING:
    from saddles._result.flow import Flow
    from saddles._result.path import SaddlePath
    from saddles.agf._engine.steps import NeuronPath

__all__ = ["ModularAddition"]

#: Largest p at which the residual of all pairs is formed: that is fast, and rounding is least where
#: neurons nearly cancel.
GRID = 32


@dataclass(frozen=True, eq=False)
class ModularAddition(Template):
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
        If the template is shorter than 3, is not finite, has no power besides its mean, or has
        entries whose powers overflow or underflow.

    Examples
    --------
    >>> import numpy as np, saddles
    >>> network = saddles.agf.ModularAddition(np.cos(2 * np.pi * np.arange(7) / 7))
    >>> network.frequencies.tolist(), round(network.loss(np.zeros((0, 21))), 12)
    ([1], 1.75)
    """

    kind = "template"

    @property
    def degree(self) -> int:
        """Degree of homogeneity κ = 3."""
        return 3

    def modes(self, theta: ArrayLike) -> Modes:
        """Return the dominant frequency, its share and its phases, of neurons `theta` (H, 3p)."""
        return read_modes(self, theta)

    def report(self, path: NeuronPath) -> ModularReport:
        """Return neuron, frequency, phases and time of each jump, and what was predicted.

        Parameters
        ----------
        path : NeuronPath
            A path of this network.

        Returns
        -------
        ModularReport
            A row per neuron that rang, and a row per frequency.

        Raises
        ------
        ValueError
            If the path is none of neurons with 3p weights.

        Examples
        --------
        >>> import numpy as np, saddles
        >>> network = saddles.agf.ModularAddition(np.cos(2 * np.pi * np.arange(7) / 7))
        >>> found = network.report(saddles.agf.modular_addition(network, width=1))
        >>> found.frequency.tolist(), abs(found.mismatch.round(6)).tolist()
        ([1], [0.0])
        """
        return report(self, path)

    def plot(self, path: SaddlePath, *, flow: Flow | None = None) -> Any:
        """Draw the staircase of the loss, and how much of each frequency is learnt.

        Parameters
        ----------
        path : SaddlePath
            A path of this network, with at least one jump.
        flow : Flow, optional
            A gradient flow of this network from the same neurons, drawn too.

        Returns
        -------
        matplotlib.figure.Figure
            A plain figure: show it in a notebook, or ``savefig`` it.

        Raises
        ------
        ValueError
            If the path has no jump, or its points are not templates of this period.
        """
        if len(path) < 2 or np.shape(path.betas[0]) != (self.period,):
            raise ValueError(
                f"path={path!r} must have a jump, and templates of length {self.period} as its "
                "points; pass a path of this network."
            )
        return plot_frequencies(self, path, flow)

    def loss(self, theta: Array, /) -> float:
        """Return L of the network with neurons `theta` (H, 3p)."""
        if self.period <= GRID:
            residual = self._residual(theta).ravel()
            return float(residual @ residual) / (2 * self.period**2)
        seen = self._keep(theta)
        fit = np.sum(self._with_target(seen)) - np.sum(self._overlaps(seen, seen)) / 2
        return float(self.template @ self.template / 2 - fit / self.period**2)

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, 3p)."""
        return -self.utility_gradient(theta, theta)

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return the utilities (H,) of neurons `theta` (H, 3p), given the `active` ones (A, 3p)."""
        seen = self._see(theta)
        overlaps = self._overlaps(seen, self._keep(active))
        return np.asarray((self._with_target(seen) - overlaps) / self.period**2)

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the gradients (H, 3p) of the utilities."""
        if self.period <= GRID:
            return self._grid_pull(theta, self._residual(active))
        others = self._keep(active)
        seen = others if active is theta else self._see(theta)
        pull = self._target_pull(seen)
        if len(active):
            pair = Pair(seen, others, not self._mean)
            pull[:, :2] -= (pair.slope() @ self._shifts.T).transpose(1, 0, 2)
            pull[:, 2] -= pair.kernel() @ pair.others.w
        return pull.reshape(theta.shape) / self.period**2

    def within(self, theta: Array, basis: Array, /) -> Products | None:
        """Return the loss over z, θ_i + `basis` (3p, m) z_i; None if the subspace is large."""
        fits = Products.fit(self.period, basis.shape[1])
        return Products(self._shifts, theta, basis) if fits else None

    def point(self, theta: Array, /) -> Array:
        """Return the template (p,) that the network has learnt: E R_{−a−b} f(a, b).

        It is what of the network is shifted as the target is; x itself once all is learnt.
        """
        seen = self._see(theta)
        sums = 2 * np.fft.rfft(seen.U) * np.fft.rfft(seen.V)
        sums[:, 0] += self.period * np.sum(seen.squares, axis=(0, 2))
        joined = np.sum(np.fft.rfft(seen.w) * np.conj(sums), axis=0)
        return np.asarray(np.fft.irfft(joined, self.period) / self.period**2)

    @cached_property
    def _shifts(self) -> Array:
        """Matrix (p, p) with entry [c, m] = x[c − m]: a row times it is its product with R_m x."""
        c = np.arange(self.period)
        return np.asarray(self.template[(c[:, None] - c) % self.period])

    def _grid_sums(self, theta: Array) -> tuple[Array, Array]:
        """Return U_i(a) + V_i(b) of all pairs (H, p²), and w (H, p)."""
        parts = theta.reshape(len(theta), 3, self.period)
        U, V = (parts[:, :2] @ self._shifts).transpose(1, 0, 2)
        return (U[:, :, None] + V[:, None]).reshape(len(theta), self.period**2), parts[:, 2]

    def _residual(self, theta: Array) -> Array:
        """Return the residual of all pairs (p², p).

        The last one is kept: dormant neurons ask for it again and again beside the same others.
        """
        if self._last and np.array_equal(self._last[0], theta):
            return self._last[1]
        sums, w = self._grid_sums(theta)
        residual = self._targets - (sums**2).T @ w
        self._last[:] = theta.copy(), residual
        return np.asarray(residual)

    def _grid_pull(self, theta: Array, residual: Array) -> Array:
        """Return the gradients (H, 3p) of the utilities beside a residual of all pairs."""
        sums, w = self._grid_sums(theta)
        along = (2 * sums * (w @ residual.T)).reshape(len(theta), self.period, self.period)
        pull = np.empty((len(theta), 3, self.period))
        pull[:, :2] = np.stack([along.sum(2), along.sum(1)], axis=1) @ self._shifts.T
        pull[:, 2] = sums**2 @ residual
        return pull.reshape(theta.shape) / self.period**2

    @cached_property
    def _last(self) -> list[Array]:
        """The last neurons that were asked for, and their residual."""
        return []

    @cached_property
    def _targets(self) -> Array:
        """Targets R_{a+b} x of all pairs (p², p)."""
        sums = np.add.outer(np.arange(self.period), np.arange(self.period)) % self.period
        return np.ascontiguousarray(self._shifts.T[sums.ravel()])

    @cached_property
    def _powered(self) -> Any:
        """Frequencies with power beside the mean, rising (K,)."""
        return 1 + np.flatnonzero(self._amplitudes[1:])

    @cached_property
    def _waves(self) -> Array:
        """Waves cos and −sin of 2πkc/p in turn, for the frequencies k with power, (p, 2K)."""
        angles = np.outer(np.arange(self.period), self._powered)
        angles = 2 * np.pi / self.period * (angles % self.period)
        return np.stack([np.cos(angles), -np.sin(angles)], axis=2).reshape(self.period, -1)

    @cached_property
    def _weights(self) -> Any:
        """a_k with Σ_m q(m) T(m) = Re Σ_k a_k û_k v̂_k conj(ŵ_k), beside the means, (K,)."""
        powered = self._powered
        both = np.where(2 * powered == self.period, 1.0, 2.0)
        x = self.spectrum[powered]
        return 2 / self.period * both * np.conj(x) * np.abs(x) ** 2

    @cached_property
    def _mean(self) -> float:
        """Mean of the template, zero if it is rounding."""
        return float(self.template.mean()) if self._amplitudes[0] else 0.0

    def _see(self, theta: Array) -> Seen:
        parts = theta.reshape(len(theta), 3, self.period)
        waves = (theta.reshape(-1, self.period) @ self._waves).view(complex)
        UV = parts[:, :2].transpose(1, 0, 2) @ self._shifts
        return Seen(UV, parts[:, 2], waves.reshape(len(theta), 3, self._weights.size))

    def _keep(self, active: Array) -> Seen:
        """Return `_see` of neurons beside which others are asked for again and again."""
        if not (self._kept and np.array_equal(self._kept[0], active)):
            kept = active.copy()
            self._kept[:] = kept, self._see(kept)
        seen: Seen = self._kept[1]
        return seen

    @cached_property
    def _kept(self) -> list[Any]:
        """The last neurons of `_keep`, and what was seen of them."""
        return []

    def _with_target(self, seen: Seen) -> Array:
        """Return Σ_m q_i(m) T_i(m), (H,)."""
        u, v, w = (seen.waves[:, k] for k in range(3))
        result = np.sum(np.real(self._weights * u * v * np.conj(w)), axis=1)
        if self._mean:
            result = result + self._mean * self._level(seen) * self._offsets(seen)
        return np.asarray(result)

    def _level(self, seen: Seen) -> Array:
        """Return p Σ_c w_i[c], (H,)."""
        return np.asarray(self.period * seen.w.sum(1))

    def _offsets(self, seen: Seen) -> Array:
        """Return Σ_m T_i(m)/p, (H,)."""
        means = 2 * seen.U.sum(1) * seen.V.sum(1) / self.period
        return np.asarray(np.sum(seen.squares, axis=(0, 2)) + means)

    def _target_pull(self, seen: Seen) -> Array:
        """Return the derivatives of `_with_target` over u, v and w, (H, 3, p)."""
        u, v, w = (seen.waves[:, k] for k in range(3))
        turned = self._weights * np.conj(w)
        slopes = np.stack([turned * v, turned * u, np.conj(self._weights * u * v)], axis=1)
        # The derivative of Re g_k û_k over u is Re g_k e^{−2πikc/p}.
        rows = np.conj(slopes).view(float).reshape(-1, self._waves.shape[1])
        result = (rows @ self._waves.T).reshape(len(u), 3, self.period)
        if self._mean:
            level = self._mean * self._level(seen)[:, None]
            slope = 2 * seen.UV + 2 * seen.UV[::-1].sum(2, keepdims=True) / self.period
            result[:, :2] += ((level * slope) @ self._shifts.T).transpose(1, 0, 2)
            result[:, 2] += self._mean * self.period * self._offsets(seen)[:, None]
        return np.asarray(result)

    def _overlaps(self, seen: Seen, others: Seen) -> Array:
        """Return Σ_j (w_i·w_j) K_ij, (H,)."""
        pair = Pair(seen, others, not self._mean)
        return np.asarray(np.sum(pair.gram * pair.kernel(), axis=1))

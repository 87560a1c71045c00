"""What neurons have in common with the target, by irreps: sums over n^k tuples become traces.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6, have the cyclic
group, whose irreps are waves; other groups have matrices in their place. With û(ρ) = Σ_g u[g] ρ(g),
U_a(g) = u_a·L_g x has the transform û_a x̂†, and the terms of a neuron that see all inputs have

    k! Σ_{g_1 … g_k} U_1(g_1) ⋯ U_k(g_k) q(g_1⋯g_k)
        = (k!/n) Σ_ρ d Re tr( x̂ ŵ† C_1 ⋯ C_k ),   C_a = û_a x̂†,   q(m) = w·L_m x,

in common with it. Irreps without power add nothing. The trivial irrep is left to the caller.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``seen``            û_1, …, û_k, ŵ at irreps of dimension d, (k+1, d, d, H, K)
``spectrum``        x̂ there, (d, d, 1, K)
``weights``         k! d/n, doubled if ρ stands for its conjugate too, (K,)
==================  =====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from saddles.typing import Array

__all__ = ["Waves", "waves_of"]


@dataclass(frozen=True, eq=False)
class Waves:
    """The irreps of one dimension d that have power, beside the trivial one.

    ``rows`` (n, 2d²K) holds real and imaginary parts of all ρ(g)_ij, one after the other.
    """

    rows: Array
    spectrum: Any
    weights: Array

    @classmethod
    def of(cls, template: Array, matrices: Any, both: Array, inputs: int) -> Waves:
        """Return them for irreps `matrices` (K, n, d, d) that stand for `both` = 1 or 2 each."""
        n, d = matrices.shape[1:3]
        entries = np.ascontiguousarray(matrices.transpose(1, 2, 3, 0), dtype=complex)
        rows = entries.reshape(n, -1).view(float)
        weights = math.factorial(inputs) * d * both / n
        return cls(rows, np.tensordot(template, entries, 1)[:, :, None], weights)

    def see(self, parts: Array) -> Any:
        """Return the transforms (k+1, d, d, H, K) of weights (H, k+1, n)."""
        d, _, _, count = self.spectrum.shape
        flat = (parts.reshape(-1, parts.shape[2]) @ self.rows).view(complex)
        return flat.reshape(*parts.shape[:2], d, d, count).transpose(1, 2, 3, 0, 4)

    def overlap(self, seen: Any) -> Array:
        """Return k! Σ U_1 ⋯ U_k q of each neuron (H,)."""
        chain = reduce(_times, [_times(u, _dagger(self.spectrum)) for u in seen[:-1]])
        end = _times(self.spectrum, _dagger(seen[-1]))
        return np.asarray(np.einsum("k,ijhk,jihk->h", self.weights, end, chain).real)

    def slope(self, seen: Any) -> Array:
        """Return the derivatives of `overlap` over the weights (H, k+1, n)."""
        adjoint = _dagger(self.spectrum)
        factors = [_times(u, adjoint) for u in seen[:-1]]
        # Re tr(û_a M) has the derivatives Re tr(ρ(g) M): M is what surrounds û_a in the trace.
        ahead = [_times(self.spectrum, _dagger(seen[-1]))]
        for factor in factors:
            ahead.append(_times(ahead[-1], factor))
        behind, around = adjoint, []
        for a in reversed(range(len(factors))):
            around.append(_times(behind, ahead[a]))
            behind = _times(adjoint, _times(seen[a], behind))
        around = [*reversed(around), _dagger(_times(reduce(_times, factors), self.spectrum))]
        # Re Σ ρ_ij M_ji, from real and imaginary parts.
        turned = np.conj(np.stack(around, axis=1)).transpose(3, 1, 2, 0, 4)
        turned = np.ascontiguousarray(turned * self.weights)
        neurons, parts = turned.shape[:2]
        flat = turned.reshape(neurons * parts, len(self.rows.T) // 2).view(float)
        return np.asarray(flat @ self.rows.T).reshape(neurons, parts, len(self.rows))

    def learnt(self, seen: Any) -> Array:
        """Return the part (n,) of what neurons have learnt, E L_{(g_1⋯g_k)⁻¹} f, times n^k."""
        chain = reduce(_times, [_times(u, _dagger(self.spectrum)) for u in seen[:-1]])
        joined = np.sum(_times(_dagger(chain), seen[-1]), axis=2) * self.weights
        return np.asarray(self.rows @ np.ascontiguousarray(joined).reshape(-1).view(float))


def waves_of(template: Array, irreps: Iterable[tuple[Any, int]], inputs: int) -> list[Waves]:
    """Return irreps (n, d, d), each with the number that it stands for, by their dimension."""
    together: dict[int, list[tuple[Any, int]]] = {}
    for matrices, both in irreps:
        together.setdefault(matrices.shape[1], []).append((matrices, both))
    return [
        Waves.of(template, np.stack([m for m, _ in some]), np.array([b for _, b in some]), inputs)
        for some in together.values()
    ]


def _times(a: Any, b: Any) -> Any:
    """Return the products of matrices (d, d, H, K)."""
    return np.einsum("ilhk,ljhk->ijhk", a, b)


def _dagger(a: Any) -> Any:
    return np.conj(a).transpose(1, 0, 2, 3)

"""Alternating gradient flow of a linear network, part by part, in many digits.

For f(x) = A W x and L = ½ E|y − AWx|² the data fall into parts: the finest subspaces of inputs that
both Σxx and ΣyxᵀΣyx map into themselves. An eigenvector of a generic combination of the two lies in
one part, and entries of the two in the basis of such vectors join those of the same part. Parts do
not interact. In each of them Conjecture 4.1 of Kunin et al. (2025, arXiv:2506.06489) holds; see
`reference.agf_linear` for its formulas. Jumps of all parts are made in the order of time.
"""

from dataclasses import dataclass
from typing import Any

import mpmath
from mpmath import mp
from numpy.typing import ArrayLike

#: Decimal digits, and the share of the largest that is zero among them.
DIGITS, ZERO = 50, mpmath.mpf(10) ** -28

#: Jumps this close, relative, are one, as the package has it.
TOGETHER = mpmath.mpf(10) ** -9


@dataclass(frozen=True)
class Jump:
    """Time, and by how much the loss falls."""

    time: Any
    fall: Any


def linear_parts(sigma_xx: ArrayLike, sigma_yx: ArrayLike) -> tuple[list[float], list[float]]:
    """Return the times (K+1,) and losses (K+1,), less the least loss of a linear map.

    Parameters
    ----------
    sigma_xx
        Σxx (d, d), taken as exact.
    sigma_yx
        Σyx (c, d), taken as exact.
    """
    with mp.workdps(DIGITS):
        xx, yx = mp.matrix(sigma_xx), mp.matrix(sigma_yx)
        jumps = [jump for basis in _parts(xx, yx) for jump in _jumps(xx, yx, basis)]
        jumps.sort(key=lambda jump: jump.time)
        times, losses = [mp.zero], [sum((jump.fall for jump in jumps), mp.zero)]
        for jump in jumps:
            if jump.time > times[-1] * (1 + TOGETHER):
                times.append(jump.time)
                losses.append(losses[-1])
            losses[-1] -= jump.fall
        return [float(time) for time in times], [float(loss) for loss in losses]


def _parts(xx: Any, yx: Any) -> list[Any]:
    """Return a basis (d, m) of each part that correlates with an output."""
    both = [xx / mp.mnorm(xx, "F"), yx.T * yx / mp.mnorm(yx, "F") ** 2]
    _, vectors = mp.eigsy(both[0] + both[1] * mp.sqrt(2))
    seen = [vectors.T * one * vectors for one in both]
    left, parts = set(range(xx.rows)), []
    while left:
        part: set[int] = set()
        new = {min(left)}
        while new:
            part, left = part | new, left - new
            new = {k for j in part for k in left if max(abs(one[j, k]) for one in seen) > ZERO}
        parts.append(vectors[:, min(part)])
        if len(part) > 1:
            parts[-1] = mp.matrix([[vectors[i, k] for k in sorted(part)] for i in range(xx.rows)])
    return [one for one in parts if mp.mnorm(yx * one, "F") > ZERO * mp.mnorm(yx, "F")]


def _jumps(xx: Any, yx: Any, basis: Any) -> list[Jump]:
    """Return the jumps of one part, by the conjecture."""
    values, vectors = mp.eigsy(basis.T * xx * basis)
    white = yx * basis * vectors
    for m, value in enumerate(values):
        root = mp.sqrt(value) if value > ZERO * mp.mnorm(xx, "F") else mp.inf
        white[:, m] = white[:, m] / root
    mu, outputs = mp.eigsy(white * white.T)
    order = [i for i in reversed(range(len(mu))) if mu[i] > ZERO * mu[len(mu) - 1]]
    rest, sigma = yx * basis, []
    delays: list[Any] = []
    jumps: list[Jump] = []
    for k, i in enumerate(order):
        sigma.append(_singular_values(rest))
        grown = sum((sigma[n][k - n] * delays[n] for n in range(k)), mp.zero)
        delays.append((1 - grown) / sigma[k][0])
        jumps.append(Jump(sum(delays), mu[i] / 2))
        rest = rest - outputs[:, i] * (outputs[:, i].T * rest)
    return jumps


def _singular_values(matrix: Any) -> list[Any]:
    """Return the singular values of a matrix, falling."""
    tall = matrix if matrix.rows >= matrix.cols else matrix.T
    return list(mp.svd_r(tall, compute_uv=False))

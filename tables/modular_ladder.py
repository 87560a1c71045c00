"""Modular addition: how much of one frequency N quadratic neurons can learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from saddles.agf import ModularAddition
from saddles.typing import Array
from tables.table import Check, Table

#: A period for which the frequency 1 is generic (4 is not a multiple of it), and a small one.
PERIOD = 5
#: Share of the power that is left, found by longer searches; the third was found to five digits.
KNOWN = (8 / 9, 5 / 9, 0.32564, 1 / 6, 0.0, 0.0)
#: Starts of the search, their scale, and its iterations.
STARTS, WIDE, ITERATIONS = 10, 3.0, 60
#: Penalties on |θ|², of the search and then in turn from its best start.
COARSE, RIDGES = 1e-5, (1e-7, 1e-9, 1e-11)
#: Growth of the largest norm, over the last ridge, that is none.
STAYS = 1e-3
#: What the last ridge leaves where the minimum lies at infinity; where it does not.
CREEP, ATTAINED = 1e-3, 1e-7
#: Explicit solutions: periods with templates of random phases.
EXPLICIT, ROUNDING = (11, 13, 20), 1e-12


def build() -> Table:
    """Return the table."""
    found = [_least(count) for count in range(1, len(KNOWN) + 1)]
    levels = np.array([level for level, _ in found])
    stays = [growth < STAYS for _, growth in found]
    tolerances = np.where(stays, ATTAINED, CREEP)
    gaps = np.abs(levels - KNOWN)
    frame = pd.DataFrame(
        {
            "neurons": range(1, len(KNOWN) + 1),
            "share left": np.round(KNOWN, 5),
            "found": [
                f"<{t:.0e}" if g <= t else f"{g:.1e}" for g, t in zip(gaps, tolerances, strict=True)
            ],
            "norms as the penalty vanishes": ["stay" if stay else "grow" for stay in stays],
            "minimum": ["attained" if stay else "only an infimum" for stay in stays],
        }
    )
    attained = np.flatnonzero(stays) + 1
    return Table(
        name="modular_ladder",
        title="Modular addition: the ladder of one frequency",
        text=(
            "How much of one frequency can N neurons learn? Least loss of N quadratic neurons "
            f"(u·x_a + v·x_b)² w on one generic frequency (here 1 of p = {PERIOD}), relative to "
            "the loss of none. It is found with penalties on the squared norm that vanish, from "
            f"the best of {STARTS} random starts.\n\n"
            "With two to five neurons norms grow without bound as the loss creeps to its "
            "infimum, as far as the search can tell. Six neurons can remove the frequency at "
            "finite norm, as an explicit solution shows: u = A cos(ωc + 2πj/3), v = ±u, w = ±C "
            "cos(ωc + 4πj/3 − s), j = 0, 1, 2, with A²C = 2/(3p|x̂|) and s the phase of x̂. "
            "Column found: distance from the value to its left."
        ),
        frame=frame,
        checks=(
            Check("levels that are attained", float(gaps[stays].max()), ATTAINED),
            Check("levels that are crept to", float(gaps[~np.array(stays)].max()), CREEP),
            Check("attained by one and six neurons alone", float(attained.tolist() != [1, 6]), 0.0),
            Check("six explicit neurons, frequency left", _explicit(), ROUNDING),
        ),
    )


def _least(count: int) -> tuple[float, float]:
    """Return the least share of the loss that `count` neurons leave, and how norms then grow."""
    starts = [
        _descend(WIDE * np.random.default_rng(seed).standard_normal(6 * count), COARSE)
        for seed in range(STARTS)
    ]
    point, norms = min(starts, key=lambda z: _penalised(z, COARSE) @ _penalised(z, COARSE)), []
    for ridge in RIDGES:
        point = _descend(point, ridge)
        norms.append(np.linalg.norm(point.reshape(count, 6), axis=1).max())
    network = ModularAddition(np.cos(_angles()))
    theta = np.hstack([*(2 / PERIOD * part for part in _waves(point)[:2]), _waves(point)[2]])
    level = network.loss(theta) / network.loss(theta[:0])
    return float(level), float(norms[-1] / norms[-2] - 1)


def _descend(start: Array, ridge: float) -> Array:
    from scipy.optimize import least_squares

    run = least_squares(
        _penalised,
        start,
        _slopes,
        args=(ridge,),
        method="lm",
        max_nfev=ITERATIONS,
        ftol=1e-12,
        xtol=1e-12,
        gtol=1e-14,
    )
    return np.asarray(run.x)


def _angles() -> Array:
    return np.asarray(2 * np.pi * np.arange(PERIOD) / PERIOD)


def _axes() -> Array:
    """Return the waves (p, 2) that neurons are made of."""
    angles = _angles()
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) * math.sqrt(2 / PERIOD)


def _waves(point: Array) -> Any:
    """Return the responses u·R_a x and v·R_b x, and w, each (N, p)."""
    return point.reshape(-1, 3, 2).transpose(1, 0, 2) @ _axes().T


def _penalised(point: Array, ridge: float) -> Array:
    """Return the residuals of all pairs, in units of the target, and the penalty's."""
    U, V, w = _waves(point)
    angles = _angles()
    target = np.cos(angles - angles[:, None, None] - angles[:, None])
    residual = np.einsum("nab,nc->abc", (U[:, :, None] + V[:, None]) ** 2, w) - target
    return np.append(residual / np.linalg.norm(target), math.sqrt(ridge) * point)


def _slopes(point: Array, ridge: float) -> Array:
    """Return the derivatives of `_penalised`."""
    (U, V, w), axes = _waves(point), _axes()
    both = U[:, :, None] + V[:, None]
    parts = [
        2 * np.einsum("nab,nc,ak->abcnk", both, w, axes),
        2 * np.einsum("nab,nc,bk->abcnk", both, w, axes),
        np.einsum("nab,ck->abcnk", both**2, axes),
    ]
    slopes = np.stack(parts, axis=4).reshape(PERIOD**3, point.size)
    size = math.sqrt(PERIOD**3 / 2)  # the norm of the target
    return np.vstack([slopes / size, math.sqrt(ridge) * np.eye(point.size)])


def sixes(network: ModularAddition, frequency: int) -> Array:
    """Return the six neurons (6, 3p) that learn one frequency exactly, of equal norms."""
    p, x = network.period, network.spectrum[frequency]
    wave = 2 * np.pi * frequency / p * np.arange(p)
    # |u|² = |v|² = |w|², A = C.
    size = (2 / (3 * p * abs(x))) ** (1 / 3)
    return np.array(
        [
            size
            * np.concatenate(
                [
                    np.cos(wave + turn),
                    sign * np.cos(wave + turn),
                    sign * np.cos(wave + 2 * turn - np.angle(x)),
                ]
            )
            for turn in 2 * np.pi * np.arange(3) / 3
            for sign in (1, -1)
        ]
    )


def _explicit() -> float:
    """Return the largest share of a frequency that six neurons leave, or take from others."""
    worst = 0.0
    for p in EXPLICIT:
        x = np.random.default_rng(p).standard_normal(p)
        network = ModularAddition(x - x.mean())
        for frequency in (1, 2):
            left = network.power.sum() - network.power[frequency]
            gap = abs(network.loss(sixes(network, frequency)) - left)
            worst = max(worst, gap / network.power[frequency])
    return float(worst)

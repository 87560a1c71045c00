"""ReLU networks behind other names: found by what their neurons do, and followed by `agf.relu`.

A neuron a φ(w·x), φ(z) = max(z, 0) + s min(z, 0), is linear in a for fixed w, and positively linear
in each single entry of w. So w's entries one by one show the features, both signs of them show s,
and random neurons tell whether the formula holds.

=============  ==============================================================
code name      symbol
=============  ==============================================================
``features``   F, shape (n, d): the outputs are φ(F w) aᵀ
``order``      the entries of θ that are (w, a), shape (d + q,)
=============  ==============================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from saddles.agf._engine.setting import NeuronPath
from saddles.agf._relu.network import ReluNetwork
from saddles.agf._relu.relu import relu
from saddles.homogeneous import Declared
from saddles.typing import Array, Indices

__all__ = ["ReluForm"]

#: Deviation from the formula that rounding explains, relative to the size of what is compared.
SAME = 1e-9
#: Random neurons on which the formula is checked, and draws until each output of one is not zero.
PROBES, DRAWS = 8, 16
#: Most outputs of all samples for which targets are found from utilities: a dense system of them.
MOST_OUTPUTS = 1_000


@dataclass(frozen=True, eq=False)
class ReluForm:
    """A two-layer ReLU network, and where the parameters of its neurons are; see the table."""

    features: Array
    targets: Array
    slope: float
    order: Indices

    @classmethod
    def of(cls, network: Any, declared: Declared) -> ReluForm | None:
        """Return the form of a network, or None if it is not found to have it.

        Parameters
        ----------
        network : HomogeneousNetwork
            As its user made it: targets (n,) or (n, q) are taken from it if it has them.
        declared : Declared
            The same, declared.
        """
        if isinstance(network, ReluNetwork):
            return cls(network.X, network.Y, network.slope, np.arange(network.size))
        shape = np.shape(declared.point(np.zeros((0, declared.size))))
        if declared.degree != 2 or declared.kind != "outputs" or len(shape) not in (1, 2):
            return None
        found = _arranged(declared)
        if found is None:
            return None
        features, slope, order = found
        targets = getattr(network, "targets", None)
        if targets is None:
            targets = _targets(declared, shape)
        if targets is None:
            return None
        form = cls(features, np.asarray(targets), slope, order)
        return form if form._has_losses_of(declared) else None

    def path(self, init: Array, *, start: Array | None, **how: Any) -> NeuronPath:
        """Return the path of `agf.relu`; weights (H, p) go in and come out in the user's order."""
        found = relu(
            self.features,
            self.targets,
            init=self._rows(init),
            slope=self.slope,
            start=None if start is None else self._rows(start),
            **how,
        )
        place = np.argsort(self.order)
        return replace(
            found,
            neurons=tuple(rows[:, place] for rows in found.neurons),
            directions=tuple(rows[:, place] for rows in found.directions),
        )

    def _rows(self, theta: Array) -> Array:
        """Return the neurons (H, d + q) of parameters `theta` (H, p)."""
        return theta[:, self.order]

    def _has_losses_of(self, network: Declared) -> bool:
        """Whether the loss is |Y − f|²/(2n) with these targets, on random neurons."""
        rng = np.random.default_rng(3)
        mine, size = ReluNetwork(self.features, self.targets, self.slope), len(self.order)
        for count in range(PROBES):
            theta = rng.standard_normal((count, size))
            wanted = network.loss(theta)
            if not abs(mine.loss(self._rows(theta)) - wanted) <= SAME * abs(wanted):
                return False
        return True


def _arranged(network: Declared) -> tuple[Array, float, Indices] | None:
    """Return the features (n, d), the slope and the order of the parameters."""
    heads = _heads(network)
    if heads is None:
        return None
    size, q = network.size, len(heads)
    inner = np.setdiff1d(np.arange(size), heads)
    basis = np.eye(size)[inner]
    ahead, behind = (_outputs(network, sign * basis + _at(heads, size)) for sign in (1.0, -1.0))
    difference, total = (ahead - behind)[..., 0], (ahead + behind)[..., 0]
    # φ(z) − φ(−z) = (1 + s) z and φ(z) + φ(−z) = (1 − s)|z|.
    odd, even = float(np.abs(difference).sum()), float(total.sum())
    if not odd > 0 or math.isclose(even, -odd, rel_tol=SAME):
        return None
    slope = (odd - even) / (odd + even)
    slope = 0.0 if abs(slope) <= SAME else slope
    features = difference.T / (1 + slope)
    theta = np.random.default_rng(4).standard_normal((PROBES, size))
    heights = theta[:, inner] @ features.T
    bent = np.maximum(heights, 0.0) + slope * np.minimum(heights, 0.0)
    wanted = bent[..., None] * theta[:, None, heads]
    gap = np.abs(_outputs(network, theta) - wanted).max()
    order = np.append(inner, heads)
    return (features, slope, order) if gap <= SAME * np.abs(wanted).max() and q else None


def _heads(network: Declared) -> Indices | None:
    """Return the entry of θ to which each output is proportional, (q,)."""
    rng = np.random.default_rng(2)
    for theta in rng.standard_normal((DRAWS, network.size)):
        before = _outputs(network, theta[None])[0]
        sizes = np.abs(before).max(axis=0)
        if not sizes.all():
            continue
        flipped = _outputs(network, theta * (1 - 2 * np.eye(network.size)))
        turned = np.abs(flipped + before).max(axis=1) <= SAME * sizes
        stayed = np.abs(flipped - before).max(axis=1) <= SAME * sizes
        alone = turned & (turned | stayed).all(axis=1, keepdims=True)
        alone &= turned.sum(axis=1, keepdims=True) == 1
        return np.asarray(alone.argmax(axis=0)) if (alone.sum(axis=0) == 1).all() else None
    return None


def _outputs(network: Declared, theta: Array) -> Array:
    """Return the outputs of each neuron alone, shape (H, n, q)."""
    points = np.array([network.point(row[None]) for row in theta])
    return points.reshape(*points.shape[:2], -1)


def _at(heads: Indices, size: int) -> Array:
    row = np.zeros(size)
    row[heads] = 1.0
    return row


def _targets(network: Declared, shape: tuple[int, ...]) -> Array | None:
    """Return the targets that utilities U = <f, Y>/n tell, as far as neurons can tell them."""
    count = math.prod(shape)
    if count > MOST_OUTPUTS:
        return None
    theta = np.random.default_rng(5).standard_normal((2 * count + 1, network.size))
    outputs = _outputs(network, theta).reshape(len(theta), -1)
    told = network.utility(theta, theta[:0]) * shape[0]
    return np.asarray(np.linalg.lstsq(outputs, told, rcond=None)[0].reshape(shape))

"""Neurons in polar coordinates along their trajectory: a `saddles.flow.result.Stretched` curve.

===========  ================================================================
code name    symbol
===========  ================================================================
``knots``    s at the integrator's steps, shape (m,)
``sigmas``   σ there: scaled time τ in units in which the first pull is 1
``states``   (σ, log w, λ and d of each neuron), packed
===========  ================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from saddles.flow._neuron_space import Within
from saddles.flow._polar import Polar
from saddles.typing import Array

__all__ = ["Still", "Trajectory"]

#: Gauss-Legendre nodes per step for the balances: exact to degree 11, and an integrator of order at
#: most 12 makes steps over which its own polynomial has a lower degree.
NODES = 6

#: Parts into which a step is cut for the balances, at most: what grows on a longer one is tiny.
LONGEST = 16

#: Steps between two weights that are looked at.
LOOKED = 16


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The trajectory over s, and what follows from it; a `saddles.flow.result.Stretched` curve."""

    polar: Polar
    knots: Array
    """s at the integrator's steps, shape (m,)."""
    sigmas: Array
    """σ there, not falling."""
    steps: Array
    """Ends of the pieces: as `knots`, but for the last."""
    pieces: tuple[Any, ...]

    @classmethod
    def of(
        cls, polar: Polar, knots: list[float], sigmas: list[float], pieces: list[Any], last: float
    ) -> Trajectory:
        """Cut the trajectory at σ = `last`, which lies in its last piece."""
        steps = np.array(knots)
        whole = cls(polar, steps, np.array(sigmas), steps, tuple(pieces))
        end = float(whole.place(np.array([last / polar.speed]))[0])
        cut = np.append(steps[:-1], end)
        return cls(polar, cut, np.append(sigmas[:-1], last), steps, tuple(pieces))

    @cached_property
    def _path(self) -> Any:
        from scipy.integrate import OdeSolution

        return OdeSolution(self.steps, self.pieces)

    @property
    def times(self) -> Array:
        """Return τ at the knots, shape (m,); jumps too short for a float repeat it."""
        return self.sigmas / self.polar.speed

    @property
    def until(self) -> float:
        """Return the last τ."""
        return float(self.times[-1])

    def states(self, s: Array) -> Array:
        """Return the packed states, shape (q, ...)."""
        return np.asarray(self._path(s)).T

    def place(self, tau: Array) -> Array:
        """Return the last s at which scaled time is `tau`, shape (q,)."""
        from scipy.optimize.elementwise import find_root

        sigma = np.minimum(tau * self.polar.speed, self.sigmas[-1])
        if not self.polar.excess:
            return np.asarray(sigma)
        after = np.searchsorted(self.sigmas, sigma, side="right")
        after = np.clip(after, 1, self.knots.size - 1)
        left, right = self.knots[after - 1], self.knots[after]

        def ahead(s: Array, target: Array) -> Array:
            return np.asarray(self._path(s)[0] - target)

        with np.errstate(all="ignore"):
            root = find_root(ahead, (left, right), args=(sigma,)).x
        # Where rounding leaves no change of sign, the root is at the end that is nearer.
        nearer = np.where(np.abs(ahead(left, sigma)) < np.abs(ahead(right, sigma)), left, right)
        return np.asarray(np.where(np.isfinite(root), root, nearer))

    def log_norms(self, tau: Array) -> Array:
        """Return log|θ_i|, shape (q, H)."""
        states = self.states(self.place(np.asarray(tau, dtype=float)))
        return np.array([self.polar.unpack(state)[0] for state in states]) - self.polar.scale

    def directions(self, tau: Array) -> Array:
        """Return θ_i/|θ_i|, shape (q, H, p)."""
        states = self.states(self.place(np.asarray(tau, dtype=float)))
        units = np.array([self.polar.neurons(state)[1] for state in states])
        network = self.polar.network
        return network.lift(units) if isinstance(network, Within) else units

    def weights(self) -> list[Array]:
        """Return θ (H, m) at some knots and at the last, in the coordinates of the network."""
        chosen = np.append(self.knots[::LOOKED], self.knots[-1])
        return [self.polar.neurons(state)[0] for state in self.states(chosen)]

    def point(self, tau: Array) -> Array:
        """Return the points in function space, shape (q, ...)."""
        polar = self.polar
        states = self.states(self.place(tau))
        return np.array([polar.network.point(polar.neurons(state)[0]) for state in states])

    def loss(self, tau: Array) -> Array:
        """Return the losses, shape (q,)."""
        return self.losses_at(self.place(tau))

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ = −Σ|∂L/∂θ_i|² dt/dτ, shape (q,); -inf where it overflows."""
        with np.errstate(over="ignore"):
            return -np.exp(self.log_slopes_at(self.place(tau)))

    def times_at(self, s: Array) -> Array:
        """Return τ, shape (q,)."""
        return np.asarray(self._path(s)[0] / self.polar.speed)

    def losses_at(self, s: Array) -> Array:
        """Return the losses, shape (q,)."""
        polar = self.polar
        return np.array([polar.network.loss(polar.neurons(state)[0]) for state in self.states(s)])

    def log_slopes_at(self, s: Array) -> Array:
        """Return log(−dL/dτ), shape (q,)."""
        return np.array([self.polar.log_slope(state) for state in self.states(s)])

    def conservation(self) -> float:
        """Return the larger defect of two balances: of the loss, and of the log norms."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        # Sizes grow like powers of exp(s): long steps are cut.
        parts = [
            np.linspace(a, b, 1 + math.ceil(min(max(b - a, 1.0), LONGEST)))
            for a, b in pairwise(self.knots)
        ]
        knots = np.append(np.concatenate([part[:-1] for part in parts]), self.knots[-1])
        lengths = np.diff(knots)
        inner = knots[:-1, None] + lengths[:, None] * (nodes + 1) / 2
        rates = np.array([self.polar.balances(state) for state in self.states(inner.ravel())])
        means = np.einsum("sni,n->si", rates.reshape(lengths.size, NODES, -1), weights / 2)
        logs = np.array([self.polar.unpack(state)[0] for state in self.states(knots)])
        losses = self.losses_at(knots)
        changes = np.diff(np.column_stack([losses, logs]), axis=0)
        gaps = np.abs(np.cumsum(np.nan_to_num(changes - means * lengths[:, None]), axis=0))
        work, grown = gaps[:, 0].max() / (losses[0] or 1.0), gaps[:, 1:].max()
        return float(max(work, grown / max(1.0, self.polar.scale)))


@dataclass(frozen=True)
class Still:
    """A piece of trajectory along which nothing but time moves."""

    state: Array
    last: float

    def __call__(self, s: Array) -> Array:
        states = np.repeat(self.state[:, None], np.size(s), axis=1)
        states[0] = s
        return states

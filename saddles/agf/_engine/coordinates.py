"""Active neurons as coordinates: the subspace in which they move, and Newton's method there.

Neurons move in the affine subspace that their gradients span. It is found by sampling: gradients
along the directions of the start, at the sizes that neurons may come to, then at random points of
the subspace found so far, until nothing new appears.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``theta``       θ⁰, the active neurons, (A, p)
``basis``       B, orthonormal, (p, m): θ = θ⁰ + z Bᵀ
``z``           coordinates (A, m), flattened for the integrator
``force``       |∂L/∂z|
``size``        |∂L/∂z| |θ| / (2 κ L(0)): by how much scaling θ could change L, relative to L(0)
==============  ====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.critical import (
    ZERO_CURVATURE,
    Point,
    Rules,
    Spectrum,
    curves_down,
    search,
)
from saddles._numerics.precision import EPS
from saddles.agf._engine.levels import DONE, NO_PART, SAFELY, STATIONARY
from saddles.homogeneous import Declared
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices, Mask

__all__ = ["DENSE", "Coordinates", "same"]

#: Number of times that weights are changed in their last digits, to see what is rounding.
SHAKEN = 8
#: Most coordinates for which second derivatives are formed.
DENSE = 450
#: A gradient's share outside of the subspace that counts as none, and a neuron's, which is dropped,
#: while the flow is followed. When a critical point is sharpened only rounding is dropped.
OUTSIDE = 1e-7
#: New neurons are tilted by this, so that what breaks a symmetry is not rounding, in the directions
#: with at least such a share of a gradient: which ones have less may be a matter of rounding.
#: Those of degree 2 are tilted by its square: a tilt moves what the flow conserves, and with it the
#: rates at which they part.
TILT = 1e-3
#: The critical point lies this near, relative to |θ|, or the flow goes on.
NEAR = 0.1
#: Steps of Newton's method without progress after which it stops.
NEURON_PATIENCE = 3


@dataclass(frozen=True, eq=False)
class Coordinates:
    """A network as a function of the coordinates z; `start` is L(0)."""

    network: Declared
    theta: Array
    basis: Array
    start: float

    @classmethod
    def of(
        cls, network: Declared, theta: Array, sizes: Array, outside: float = OUTSIDE
    ) -> Coordinates:
        """Find the subspace, and drop what rounding left of the neurons beside it.

        If there would be more than `DENSE` coordinates, all of R^p is the subspace.
        """
        basis = _span(network, theta, sizes, outside, most=DENSE // max(1, len(theta)))
        inside = (theta @ basis) @ basis.T
        beside = np.linalg.norm(theta - inside, axis=1, keepdims=True)
        dust = beside <= outside * np.linalg.norm(theta, axis=1, keepdims=True)
        return cls(network, np.where(dust, inside, theta), basis, network.loss(theta[:0]))

    @classmethod
    def everywhere(cls, network: Declared, theta: Array) -> Coordinates:
        """Find all directions in which neurons have gradients anywhere, not only where they go.

        A neuron with kinks may be dead in a direction, but is not in the opposite one as well.
        """
        norms = np.tile(np.linalg.norm(theta, axis=1), 2)
        ahead = np.random.default_rng(0).standard_normal(theta.shape)
        anywhere = np.vstack([ahead, -ahead])
        basis = _span(network, anywhere, norms, OUTSIDE, most=DENSE // max(1, len(theta)))
        return cls(network, theta, basis, network.loss(theta[:0]))

    def tilted(self, new: Mask, sizes: Array, *, seed: int = 0) -> Coordinates:
        """Tilt the `new` neurons (A,) where much moves, each always in the same way for a seed.

        Neurons that are equal stay so, as they do in the flow.
        """
        if not new.any():
            return self
        theta, aside = self.theta[new], np.zeros_like(self.theta)
        norms = np.linalg.norm(theta, axis=1, keepdims=True)
        random = np.random.default_rng(seed).standard_normal(self.theta.shape)[new][same(theta)]
        tilt = TILT if self.network.degree > 2 else TILT**2
        aside[new] = tilt * norms * random / np.linalg.norm(random, axis=1, keepdims=True)
        much = self.basis if self.many else _span(self.network, self.theta, sizes, TILT)
        return replace(self, theta=self.theta + (aside @ much) @ much.T)

    @property
    def many(self) -> bool:
        """Whether there are more than `DENSE` coordinates."""
        return self.origin.size > DENSE

    @property
    def origin(self) -> Array:
        """Return z = 0, the start."""
        return np.zeros(self.theta.shape[0] * self.basis.shape[1])

    @cached_property
    def _within(self) -> Any:
        """The network's own loss over z, or None."""
        offer = self.network.within
        return None if offer is None else offer(self.theta, self.basis)

    def at(self, z: Array) -> Array:
        """Return θ."""
        return np.asarray(self.theta + z.reshape(len(self.theta), -1) @ self.basis.T)

    def loss(self, z: Array) -> float:
        """Return L."""
        return float(
            self.network.loss(self.at(z)) if self._within is None else self._within.loss(z)
        )

    def gradient(self, z: Array) -> Array:
        """Return ∂L/∂z, flattened."""
        if self._within is not None:
            return np.asarray(self._within.gradient(z))
        return np.asarray(self.network.gradient(self.at(z)) @ self.basis).ravel()

    def norm(self, z: Array) -> float:
        """Return |θ|."""
        return float(np.linalg.norm(self.at(z)))

    def size(self, z: Array, force: float) -> float:
        """Return the relative stationarity."""
        return force * self.norm(z) / self.scale

    def misses(self, theta: Array) -> float:
        """Return the relative stationarity of neurons, all of their weights counted."""
        force = float(np.linalg.norm(self.network.gradient(theta)))
        return force * float(np.linalg.norm(theta)) / self.scale

    def growth(self, z: Array, gradient: Array) -> float:
        """Return −(∂L/∂z·θ) / (2 κ L(0)): how fast |θ|² grows."""
        return -float(gradient @ (self.at(z) @ self.basis).ravel()) / self.scale

    @property
    def scale(self) -> float:
        """Return 2 κ L(0)."""
        return 2 * self.network.degree * self.start

    def hessian(self, z: Array) -> Array:
        """Return ∂²L/∂z², from the network or by central differences."""
        if self._within is not None:
            return np.asarray(self._within.hessian(z))
        own = self.network.hessian
        if own is not None:
            return np.asarray(own(self.at(z), self.basis))
        step = EPS ** (1 / 3) * (self.norm(z) / math.sqrt(len(self.theta)))
        rows = np.empty((z.size, z.size))
        for k in range(z.size):
            ahead, behind = z.copy(), z.copy()
            ahead[k] += step
            behind[k] -= step
            rows[k] = (self.gradient(ahead) - self.gradient(behind)) / (2 * step)
        return (rows + rows.T) / 2

    def finite_hessian(self, z: Array) -> Array:
        """Return ∂²L/∂z², or raise `Breakdown` where it leaves float64."""
        rows = self.hessian(z)
        if not np.isfinite(rows).all():
            raise Breakdown(Status.STALLED, "active neurons: second derivatives overflow")
        return rows

    def rounding(self, z: Array) -> float:
        """Return how much of the force at z may be rounding of the neurons."""
        return EPS * self.norm(z) * float(np.abs(np.linalg.eigvalsh(self.finite_hessian(z))).max())

    def drift(self, z: Array, duration: float | None = None) -> float:
        """Return how far rounding of the force may move z in the duration.

        It is what the force changes by beyond curvature when weights change in their last digits.
        Where the curvature is large, it is soon undone. Without a duration, z is left as fast as
        the lowest curvature allows.
        """
        bend = self.finite_hessian(z)
        values, vectors = np.linalg.eigh(bend)
        pace = -values[0] if duration is None else 1 / duration
        if not pace > 0:
            return 0.0
        held = 1 / np.maximum(np.abs(values), pace)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (SHAKEN, *self.theta.shape))
        here, moved = self.gradient(z), 0.0
        for shift in EPS * (self.at(z) * signs @ self.basis).reshape(SHAKEN, -1):
            noise = self.gradient(z + shift) - here - bend @ shift
            moved = max(moved, float(np.linalg.norm(held * (vectors.T @ noise))))
        return moved

    def point(self, z: Array, /) -> Point:
        """Return force and curvature at z."""
        force = -self.gradient(z)
        size = self.size(z, float(np.linalg.norm(force)))
        return Point(z, force, size, lambda: Spectrum.of(self.finite_hessian(z)))

    def newton_step(self, at: Point, /) -> Array:
        """Return the step to where the force would vanish."""
        spectrum = at.spectrum
        assert spectrum is not None
        conserved = SAFELY * float(np.linalg.norm(at.force)) / self.norm(at.place)
        return spectrum.inverse(at.force, max(conserved, STATIONARY * spectrum.largest))

    def polish(self, z: Array) -> Array | None:
        """Apply Newton's method from `z`; None unless a critical point is near."""
        reach = NEAR * self.norm(z)
        rules = Rules(enough=NO_PART, patience=NEURON_PATIENCE, progress=0.5, reach=reach)
        found = search(self, z, rules)
        if found is None or found.point.size > STATIONARY:
            return None
        spectrum = found.point.spectrum
        assert spectrum is not None
        return None if spectrum.climbs(found.moved) else found.point.place

    def flat(self, z: Array, force: float) -> bool:
        """Whether no curvature leads down from z by more than force and rounding explain.

        What the flow conserves gives curvatures of about ± force / |θ| short of a critical point.
        """
        slack = SAFELY * force / self.norm(z)
        return not curves_down(self.finite_hessian(z), share=ZERO_CURVATURE, slack=slack)

    def sharpened(self, z: Array) -> tuple[Coordinates, Array]:
        """Take along the directions that were left out, if the whole gradient asks for it."""
        theta = self.at(z)
        if self.misses(theta) <= 10 * NO_PART:
            return self, z
        wider = Coordinates.of(self.network, theta, np.linalg.norm(theta, axis=1), NO_PART)
        found = None if wider.many else wider.polish(wider.origin)
        return (self, z) if found is None else (wider, found)


def same(theta: Array) -> Indices:
    """Return the first of the rows of `theta` (A, p) that each is equal to, (A,)."""
    apart = np.abs(theta[:, None] - theta).max(axis=2)
    return np.asarray((apart <= STATIONARY * np.linalg.norm(theta, axis=1)[:, None]).argmax(axis=1))


def _span(
    network: Declared, theta: Array, sizes: Array, share: float, most: int | None = None
) -> Array:
    """Return an orthonormal basis (p, m) of the directions in which neurons may ever move.

    If it has more columns than `most`, all of R^p is returned.

    Gradients are sampled where every neuron has about the size that it may come to: at the small
    start those that matter later would be lost.
    """
    rng = np.random.default_rng(0)
    basis = np.zeros((theta.shape[1], 0))
    unit = theta / np.linalg.norm(theta, axis=1, keepdims=True)
    while basis.shape[1] < theta.shape[1]:
        step = (rng.standard_normal(theta.shape) @ basis) / math.sqrt(max(1, len(basis.T)))
        lengths = rng.uniform(0.5, 1.5, (len(theta), 1))
        rows = network.gradient(sizes[:, None] * (lengths * unit + step @ basis.T))
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        rows = rows / np.maximum(norms, DONE * float(norms.max()) or 1.0)
        outside = rows - (rows @ basis) @ basis.T
        left, spread, _ = np.linalg.svd(outside.T, full_matrices=False)
        new = left[:, spread > share]
        if not new.shape[1]:
            break
        basis = np.linalg.qr(np.hstack([basis, new]))[0]
        if most is not None and basis.shape[1] > most:
            return np.eye(theta.shape[1])
    return basis

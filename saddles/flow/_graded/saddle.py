"""The saddle at which active columns rest: where it is, and what returns to it at which rate.

The flow Y' = F(Y)Y of the active columns alone is a gradient flow, so that its derivative is
symmetric, with eigenvalues w. Newton steps find the saddle to rounding from where an integrator
has it to its tolerance.

==============  ==========================================================
code name       symbol
==============  ==========================================================
``held``        Y, the active columns at the saddle, shape (m, k)
``relaxing``    w, shape (n,)
``ways``        the eigenvectors of these, shape (n, m, k)
==============  ==========================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from saddles._numerics.ends import LEAST_RATE
from saddles._numerics.precision import CONSTANT, EPS
from saddles.flow._graded.systems import System
from saddles.typing import Array

__all__: list[str] = []

#: Newton steps from where columns rest to `rtol`, to where they rest to rounding.
NEWTON_STEPS = 5


@dataclass(frozen=True, eq=False)
class Saddle:
    """The saddle at which active columns rest, and how fast others grow or return.

    Attributes
    ----------
    system : System
        What is integrated.
    pace : float
        The unit of rates.
    held : ndarray of shape (m, k)
        Y.
    relaxing : ndarray of shape (n,)
        w, at which changes of Y return, all below 0; −inf for those that change nothing.
    ways : ndarray of shape (n, m, k)
        These changes.
    missed : ndarray of shape (n,)
        What the active columns missed of the saddle, along these.
    """

    system: System
    pace: float
    held: Array
    relaxing: Array
    ways: Array
    missed: Array

    @classmethod
    def near(cls, system: System, pace: float, active: Array) -> Saddle | None:
        """Find the saddle beside `active` (m, k); None where there is none, or not a stable one."""
        m, k = active.shape
        if not k:
            return cls(system, pace, active, np.zeros(0), np.zeros((0, m, k)), np.zeros(0))
        held = active
        for _ in range(NEWTON_STEPS):
            pull = system.drive(held) @ held / pace
            rates, ways = linear_flow(system, pace, held)
            # F, and with it a rate, is known to what still pulls.
            off = float((np.linalg.norm(pull, axis=0) / np.linalg.norm(held, axis=0)).max())
            known = np.abs(rates) > np.maximum(CONSTANT * np.abs(rates).max(), off)
            if off <= CONSTANT:
                break
            step = np.tensordot(ways, pull, axes=2)
            step = np.divide(step, rates, out=np.zeros_like(rates), where=known)
            held = held - np.tensordot(step, ways, axes=1)
        if off > CONSTANT or rates[-1] > LEAST_RATE:
            return None
        missed = np.tensordot(ways, active - held, axes=2)
        # What is flat neither pulls nor returns.
        return cls(system, pace, held, np.where(known, rates, -math.inf), ways, missed)

    def is_near(self, active: Array, rtol: float) -> bool:
        """Whether the active columns (m, k) miss it by no more than `rtol` of their sizes."""
        away = np.linalg.norm(active - self.held, axis=0)
        return bool((away <= rtol * np.linalg.norm(self.held, axis=0)).all())

    def across(self) -> tuple[Array, Array]:
        """Return λ, falling, and V: eigenvalues and eigenvectors of F off the active columns."""
        k = self.held.shape[1]
        beside = np.linalg.qr(self.held, mode="complete")[0][:, k:]
        rates, modes = np.linalg.eigh(
            beside.T @ (self.system.drive(self.held) / self.pace) @ beside
        )
        return rates[::-1].copy(), beside @ modes[:, ::-1]

    def felt(self, rates: Array, modes: Array) -> Array:
        """Return what the missed part does to columns along `modes`, (m − k, m − k), in all.

        A change dF e^{wt} adds ∫ e^{−Λt} dF e^{(Λ + w)t} dt. Below the diagonal this may be large,
        but soon is a tilt to slower modes that nobody notices; what stands there is of no account.
        """
        if not self.missed.any():
            return np.zeros((rates.size, rates.size))
        dF = modes.T @ self._bent(self.ways) @ modes
        gaps = np.maximum(rates[:, None] - rates, 0.0)
        return np.asarray(
            np.einsum("n,nij->ij", self.missed, dF / (gaps - self.relaxing[:, None, None]))
        )

    def _bent(self, changes: Array) -> Array:
        """Return what changes of Y (n, m, k) do to F over the pace, (n, m, m)."""
        return np.asarray(self.system.bend(self.held, changes) / self.pace)

    def curvature(self, mode: Array) -> float:
        """Return how much F moves, over the pace, for every unit of vvᵀ, at once and in the end."""
        tiny = EPS**0.5 * (float(np.linalg.norm(self.held)) or 1.0)
        factor = np.hstack([self.held, tiny * mode[:, None]])
        change = np.zeros((1, *factor.shape))
        change[0, :, -1] = mode / (2 * tiny)
        at_once = self.system.bend(factor, change)[0] / self.pace
        moved = np.linalg.norm(at_once, 2)
        if self.held.size:
            back = np.tensordot(self.ways, at_once @ self.held, axes=2) / self.relaxing
            moved += np.linalg.norm(self._bent(np.tensordot(back, self.ways, axes=1)[None])[0], 2)
        return float(moved)


def linear_flow(system: System, pace: float, active: Array) -> tuple[Array, Array]:
    """Return rates (n,), rising, at which changes (n, m, k) of Y (m, k) grow; not of rotations."""
    free = _but_rotations(active)
    moved = np.einsum("ij,njk->nik", system.drive(active), free)
    moved += system.bend(active, free) @ active
    flat = free.reshape(len(free), -1) @ moved.reshape(len(free), -1).T / pace
    rates, turn = np.linalg.eigh((flat + flat.T) / 2)
    return rates, np.tensordot(turn.T, free, axes=1)


def _but_rotations(active: Array) -> Array:
    """Return a basis (n, m, k) of the changes of Y (m, k) but Y times antisymmetric matrices."""
    m, k = active.shape
    rotations = np.zeros((k * (k - 1) // 2, m, k))
    for rotation, (i, j) in zip(rotations, combinations(range(k), 2), strict=True):
        rotation[:, j], rotation[:, i] = active[:, i], -active[:, j]
    basis = np.linalg.qr(rotations.reshape(-1, m * k).T, mode="complete")[0]
    return np.asarray(basis.T[len(rotations) :].reshape(-1, m, k))

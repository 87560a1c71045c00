"""The limit path of a diagonal network once more, plainly, so that faults can be planted in it.

Pesme and Flammarion (2023, arXiv:2304.00488), written with dense arrays and scipy's non-negative
least squares, and nothing of the library. Every step is a method, to be overridden by itself.
"""

from itertools import islice
from types import SimpleNamespace

import numpy as np
from scipy.optimize import nnls

#: Pulls below this share of |x_i| |y| are zero, and clocks this close to a boundary are there:
#: small integer problems have no others so close.
ROUNDING = 1e-11

#: A coefficient below this share of the largest is zero.
NEGLIGIBLE = 1e-9

#: No small problem has as many jumps; one whose faulty steps go in circles ends here.
MOST_JUMPS = 60


class PlainPath:
    """One problem: features (n, d), targets (n,), boundaries of the clocks (d,)."""

    def __init__(self, X, y, upper, lower):
        self.X, self.y, self.upper, self.lower = X, y, upper, lower
        self.norms = np.linalg.norm(X, axis=0)

    def speeds(self, beta):
        """Return the clocks' speeds x_i·(y − Xβ)/n (d,), zero where they are rounding."""
        pulls = self.X.T @ (self.y - self.X @ beta)
        seen = np.abs(pulls) > ROUNDING * self.norms * np.linalg.norm(self.y)
        return np.where(seen, pulls, 0.0) / self.y.size

    def delay(self, clocks, speeds):
        """Return the time until the first moving clock is at a boundary."""
        waits = (np.where(speeds > 0, self.upper, -self.lower) - clocks)[speeds != 0]
        waits = waits / speeds[speeds != 0]
        return waits[waits > 0].min(initial=np.inf)

    def advance(self, clocks, speeds, delay):
        """Return the clocks (d,) after the delay; those that arrive are exactly at a boundary."""
        clocks = clocks + delay * speeds
        for boundary in (self.upper, -self.lower):
            clocks = np.where(np.abs(clocks / boundary - 1) < ROUNDING, boundary, clocks)
        return clocks

    def signs(self, clocks):
        """Return which sign a coefficient may have (d,): +1 or −1 at a boundary, 0 between."""
        return 1.0 * (clocks == self.upper) - 1.0 * (clocks == -self.lower)

    def minimise(self, signs):
        """Return a least-squares solution β (d,) of these signs, zero where the sign is."""
        held = np.flatnonzero(signs)
        if held.size == 0:
            return np.zeros(signs.size)
        columns = self.X[:, held] * (signs[held] / self.norms[held])
        sizes = nnls(columns, self.y / np.linalg.norm(self.y))[0]
        used = held[sizes > NEGLIGIBLE * sizes.max(initial=0.0)]
        return self.fitted(self.y, used)

    def fitted(self, targets, used):
        """Return the least-squares solution (d,) on some columns, however different their sizes."""
        beta, norms = np.zeros(self.norms.size), self.norms[used]
        beta[used] = np.linalg.lstsq(self.X[:, used] / norms, targets)[0] / norms
        return beta

    def shorten(self, beta, signs):
        """Return the shortest coefficients (d,) of the same fit and signs.

        A least distance problem, which non-negative least squares solve: Lawson and Hanson,
        "Solving least squares problems" (1974), chapter 23.
        """
        still = np.flatnonzero(np.where(self.speeds(beta) == 0, signs, 0.0))
        norms, shortest = self.norms[still], np.zeros(signs.size)
        columns, rank = self.X[:, still] / norms, np.linalg.matrix_rank(self.X[:, still] / norms)
        if rank == still.size:
            return beta
        null = np.linalg.qr((np.linalg.svd(columns)[2][rank:] * signs[still] / norms).T)[0].T
        unit = np.abs(beta).max()
        sizes = np.abs(beta[still]) / unit
        least = NEGLIGIBLE * (sizes * norms).max() / norms
        free = sizes - (null @ sizes) @ null
        free[np.abs(free) < least] = 0.0
        system, goal = np.vstack([null, -free]), np.eye(len(null) + 1)[-1]
        step = system @ nnls(system, goal)[0] - goal
        sizes = free - (step[:-1] / step[-1]) @ null
        shortest[still] = np.where(sizes > least, unit * sizes, 0.0) * signs[still]
        return shortest + self.fitted(self.X @ (beta - shortest), np.flatnonzero(shortest))

    def descend(self, clocks, before):
        """Return the saddle β (d,) that follows the saddle `before`, and its clocks."""
        signs = self.signs(clocks)
        return self.shorten(self.minimise(signs), signs), clocks

    def walk(self):
        """Yield the time and the coefficients of each saddle."""
        tau, clocks, beta = 0.0, np.zeros(self.X.shape[1]), np.zeros(self.X.shape[1])
        while True:
            yield tau, beta
            speeds = self.speeds(beta)
            delay = self.delay(clocks, speeds)
            if not np.isfinite(delay):
                return
            tau, clocks = tau + delay, self.advance(clocks, speeds, delay)
            beta, clocks = self.descend(clocks, beta)


def solver(steps=PlainPath):
    """Return ``solve(X, y)`` with the steps of a class."""

    def solve(X, y, *, max_jumps=None, boundaries=(1.0, 1.0)):
        upper, lower = (np.broadcast_to(np.array(b, dtype=float), X.shape[1]) for b in boundaries)
        jumps = MOST_JUMPS if max_jumps is None else max_jumps
        saddles = islice(steps(X, y, upper, lower).walk(), 1 + jumps)
        times, betas = zip(*saddles, strict=True)
        return answer(X, y, np.array(times), np.array(betas))

    return solve


def answer(X, y, times, betas):
    """Return what there is to say of a path, as `saddles.SaddlePath` says it."""
    before = np.vstack([np.zeros_like(betas[:1]), betas[:-1]])
    groups = {
        "active": betas != 0,
        "entered": (betas != 0) & (before == 0),
        "left": (betas == 0) & (before != 0),
    }
    return SimpleNamespace(
        times=times,
        betas=betas,
        losses=np.sum((y - betas @ X.T) ** 2, axis=1) / (2 * y.size),
        **{name: [np.flatnonzero(row) for row in marks] for name, marks in groups.items()},
    )

"""Descent of a linear network to one of many maps that explain the data equally well.

Where modes of a part have one μ, its best maps of some rank are a continuum, and which of them the
network comes to is a question about the flow A' = −GW, W' = −GᵀA, G = AWᵀΣxx − Σyx, with W (d, k)
here. It is followed from the saddle that is left, with a little of each neuron that escapes, until
the pull is gone.

=============  ========================================================================
code name      symbol
=============  ========================================================================
``variances``  the eigenvalues of Σxx, whose eigenvectors are the basis of inputs, (d,)
``pull``       Σyx in that basis, for the outputs of one part, shape (q, d)
``A``, ``W``   active neurons' weights, balanced, shapes (q, k) and (d, k)
=============  ========================================================================
"""

from __future__ import annotations

import numpy as np

from saddles._numerics.stepping import Equation, Integration, Tolerances
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["descend"]

#: Neurons escape at this size, relative to the one that they will about have. Their paths differ by
#: its square from those of vanishing size.
ESCAPING = 1e-5

#: Where the flow ends: the pull, relative to its largest.
PULL_GONE = 1e-9

#: Local relative error of the flow, and the most steps that it may take.
RTOL, STEPS = 1e-11, 20_000


def descend(variances: Array, pull: Array, M: Array, room: int) -> Array:
    """Return the outputs (q, k) of all neurons where the flow ends, `room` of which escape from M.

    Parameters
    ----------
    variances : ndarray of shape (d,)
        Eigenvalues of Σxx.
    pull : ndarray of shape (q, d)
        Σyx.
    M : ndarray of shape (q, d)
        The map of the saddle that is left.
    room : int
        Number of neurons that escape.

    Raises
    ------
    Breakdown
        STALLED if the flow does not come to rest.
    """
    rank = np.linalg.matrix_rank(M)
    left, sizes, right = np.linalg.svd(M, full_matrices=False)
    out, rates, along = np.linalg.svd(pull - M * variances, full_matrices=False)
    reach = rates[:room] / np.sum(along[:room] ** 2 * variances, axis=1)
    roots = np.sqrt(np.concatenate([sizes[:rank], ESCAPING**2 * reach]))
    A = np.hstack([left[:, :rank], out[:, :room]]) * roots
    W = np.vstack([right[:rank], along[:room]]).T * roots
    q, shape = len(pull), (len(pull) + len(variances), roots.size)

    def velocity(_: float, flat: Array) -> Array:
        A, W = np.split(flat.reshape(shape), [q])
        towards = pull - (A @ W.T) * variances
        return np.vstack([towards @ W, towards.T @ A]).ravel()

    start = np.vstack([A, W]).ravel()
    run = Integration(
        Equation(velocity, start),
        Tolerances(rtol=RTOL, atol=RTOL * float(np.abs(start).max()) * ESCAPING),
        STEPS,
        method="LSODA",
    )
    most = 0.0
    for solver in run:
        force = float(np.linalg.norm(velocity(0.0, solver.y)))
        most = max(most, force)
        if force <= PULL_GONE * most:
            return np.asarray(solver.y.reshape(shape)[:q])
    raise Breakdown(Status.STALLED, "the flow between maps that explain the same did not rest")

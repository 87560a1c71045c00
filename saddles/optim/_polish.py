"""The last descent on many samples: one Gauss–Newton step of all weights at once.

The network rests on some samples, so one step corrects for all others. Its gradient is that of all
samples, and its curvature that of some: what the step then leaves is of second order in their noise
(Le Cam's one-step estimator, 1956). It takes two passes over the samples.

================  ================================================================
code name         symbol
================  ================================================================
``W``, ``A``      unit weights (H, p), and output weights with the offset (m, c)
``g``, ``e``      gradients of the cost over W and A, on all samples
``G``             Gauss–Newton matrix over W, the outputs at their best
``L``, ``cross``  factor of FᵀF/n, and FᵀD/n, which couples outputs and unit weights
================  ================================================================
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from saddles.optim._cost import DAMPING, MORE, Fit, Shown, Task, curvature, unit_rows
from saddles.optim._rows import blocks
from saddles.typing import Array

__all__: list[str] = []

#: Steps that are tried, each more damped than the one before.
TRIED = 3


def polished(whole: Task, some: Task, W: Array) -> Shown:
    """Return the network after a step that lowers the squared loss of all samples, if one does.

    Its unit weights `W` are at rest on `some` of the samples.
    """
    fit = some.at(W)
    (H, p), A = fit.W.shape, fit.outputs
    cost, g, e = _gradients(whole, fit)
    G, L, cross = curvature(some, some.X, fit.F, fit.W, A)
    change = -cho_solve((L, True), e)
    coupled = cross.reshape(-1, H, p)
    g += np.einsum("khp,kh->hp", coupled, change @ A[:H].T)
    g -= np.sum(g * fit.W, axis=1, keepdims=True) * fit.W
    mu, scale = DAMPING, np.diag(G) + np.finfo(np.float64).tiny
    for _ in range(TRIED):
        try:
            step = -cho_solve(cho_factor(G + np.diag(mu * scale)), g.ravel()).reshape(H, p)
        except LinAlgError:
            break
        follow = np.einsum("khp,hp,hc->kc", coupled, step, A[:H])
        moved = unit_rows((fit.W + step).astype(fit.W.dtype))
        trial = whole.shown(moved, A + change - cho_solve((L, True), follow))
        if trial.penalised < cost:
            return trial
        mu *= MORE
    return fit


def _gradients(task: Task, fit: Fit) -> tuple[float, Array, Array]:
    """Return the cost, and its gradients over unit weights (H, p) and outputs (m, c)."""
    pull = task.penalty(len(fit.W))[:, None] * fit.outputs
    cost, g, e = float(np.vdot(pull, fit.outputs)) / 2, np.zeros(fit.W.shape), pull
    for rows in blocks(len(task.Y)):
        part = replace(task, X=task.X[rows], Y=task.Y[rows])
        share = len(part.Y) / len(task.Y)
        F = part.features(fit.W)
        f = F @ fit.outputs
        here = Shown(fit.W, fit.outputs, f, part.loss.value(f, part.Y), 0.0)
        cost += share * here.loss
        e -= share * (F.T @ part.loss.residual(f, part.Y)) / len(f)
        g += share * part.slope(here)
    return cost, g, e

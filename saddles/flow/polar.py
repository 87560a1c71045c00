"""Gradient flow of homogeneous neurons in polar coordinates, at any initial scale.

Kunin et al., "Alternating gradient flows" (2025, arXiv:2506.06489), section 2. The coordinates,
log norms and directions, are those of `_polar.coordinates`; `_polar.march` integrates
them over a length s of their trajectory.

A direction is known to an absolute error. A neuron that lies closer than that to a direction which
has become unstable has lost the digits that say when it leaves (linear networks after their first
mode, diagonal ones after a change of sign, at small α). So each flow is computed twice, the second
time with all directions shaken by the tolerance, and must not depend on it. Where it does, neurons
of degree 2 that come near to each other are followed by their differences, to a relative error.
"""

from __future__ import annotations

import math
from dataclasses import replace

from saddles import checks
from saddles._numerics.watch import long_work, share
from saddles._result.flow import Flow
from saddles._result.path import PathError
from saddles._result.remaining import UNKNOWN, Remaining
from saddles._tools.threads import one_thread
from saddles.flow._polar.coordinates import Polar
from saddles.flow._polar.march import fastest, is_robust, march, resting
from saddles.flow._polar.space import leaks, within
from saddles.flow._polar.trajectory import PolarCurve
from saddles.flow._polar.tree import meet
from saddles.homogeneous import Declared, HomogeneousNetwork
from saddles.status import Status
from saddles.typing import ArrayLike

__all__ = ["neurons"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, section 2"


@one_thread
@long_work
def neurons(
    network: HomogeneousNetwork,
    init: ArrayLike,
    *,
    log_alpha: float,
    until: float | None = None,
    rtol: float = 1e-8,
    on_failure: str = "raise",
    progress: bool = False,
    time_limit: float | None = None,
) -> Flow:
    """Gradient flow theta' = -dL/dtheta of a network of homogeneous neurons.

    Parameters
    ----------
    network : HomogeneousNetwork
        The neuron and its data; see `saddles.homogeneous`.
    init : array_like of shape (H, p)
        One neuron per row, none of them zero: training starts from exp(log_alpha) * init.
    log_alpha : float
        Logarithm of the initial scale, below 0 and finite.
    until : float, optional
        Scaled time (``t / log(1/alpha)`` for degree 2, ``t alpha**(degree - 2)`` above) at which to
        stop. Without it, the flow is followed until every neuron rests: its pull has fallen below
        `rtol` of the largest at the start, or it is negligible and shrinks.
    rtol : float, optional
        Relative error of a neuron allowed per step, from 1e-11 to 1e-3.
    on_failure : {"raise", "return"}
        Whether a flow that misses its tolerance raises `PathError`, or is returned as far as it
        went with ``success`` false.
    progress : bool
        Whether to show a bar of the steps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the flow so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    Flow
        ``flow.curve.log_norms(tau)`` (q, H) and ``flow.curve.directions(tau)`` (q, H, p) are the
        neurons at scaled times (q,). ``conservation`` is the larger of two defects: of the loss
        against the work done, in units of the first loss, and of the log norms against the
        quadrature of their own velocity, in units of log(1/alpha) or 1, whichever is larger.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.
    PathError
        If the integration fails, or rounding decides where a neuron turns (only with
        ``on_failure="raise"``).

    Notes
    -----
    Neurons that lie, with their gradients, in a space of m < p dimensions are followed there; a
    step while active neurons relax takes O((H m)³) operations. A network that also has
    ``hessian(theta, basis)``, the second derivatives of its loss over z, where neuron i is
    ``theta[i] + basis @ z[i]``, spares as many evaluations as a neuron has parameters.

    For degree above 2 a jump is shorter than the spacing of floats in scaled time once alpha is
    below 1e-16: there ``at`` and ``loss`` are step functions, and ``loss_rate`` may be -inf.

    Examples
    --------
    One neuron a·w of degree 2 on the loss (3 - a w)²/2:

    >>> import numpy as np, saddles
    >>> class Product:
    ...     degree, size = 2, 2
    ...     def residual(self, theta):
    ...         return 3.0 - np.sum(theta[:, 0] * theta[:, 1])
    ...     def loss(self, theta):
    ...         return self.residual(theta) ** 2 / 2
    ...     def gradient(self, theta):
    ...         return -self.residual(theta) * theta[:, ::-1]
    ...     def utility(self, theta, active):
    ...         return self.residual(active) * theta[:, 0] * theta[:, 1]
    ...     def utility_gradient(self, theta, active):
    ...         return self.residual(active) * theta[:, ::-1]
    ...     def point(self, theta):
    ...         return np.array([3.0 - self.residual(theta)])
    >>> flow = saddles.flow.neurons(Product(), [[1.0, 0.5]], log_alpha=-1e4)
    >>> flow.jumps().times.round(3), flow.at(flow.until).round(6)
    (array([0.333]), array([3.]))
    """
    known, log_alpha = Declared.of(network), checks.log_scale(log_alpha, allow_limit=False)
    theta = checks.neurons(init, "init", known.size)
    checks.one_of(on_failure, "on_failure", ("raise", "return"))
    rule = "the relative error per step must be from 1e-11 to 1e-3"
    rtol = checks.real_number(rtol, "rtol", rule, lambda value: 1e-11 <= value <= 1e-3)
    if until is not None:
        rule = "the last scaled time must be finite and above 0; leave it out for the whole flow"
        until = checks.real_number(until, "until", rule, lambda value: 0 < value < math.inf)
    space, coordinates = within(known, theta)
    if space is not None:
        polar = Polar.of(Declared.of(space), coordinates, -log_alpha, space)
        curve, status = _followed(polar, rtol, until)
    if space is None or any(leaks(space, z) for z in curve.weights()):
        curve, status = _followed(Polar.of(known, theta, -log_alpha), rtol, until)
    if not status.success and on_failure == "raise":
        raise PathError(status, detail=f"scaled time {float(curve.times[-1]):.6g} was reached")
    return Flow(
        algorithm="flow.neurons",
        source=SOURCE,
        log_alpha=log_alpha,
        kappa=known.degree,
        times=curve.times,
        curve=curve,
        status=status,
        kind=known.kind,
        remaining=Remaining(next_jump=math.inf) if status.finished else UNKNOWN,
    )


def _followed(polar: Polar, rtol: float, until: float | None) -> tuple[PolarCurve, Status]:
    """Integrate; where directions are lost, with differences of those that come together."""
    polar = replace(polar, fastest=fastest(rtol))
    if polar.unit == 0:
        return resting(polar, until or 1.0), Status.NOTHING_TO_LEARN
    curve, status = _shaken(polar, rtol, until, apart=False)
    if status is Status.DIRECTIONS_LOST and polar.excess == 0 and meet(curve):
        return _shaken(polar, rtol, until, apart=True)
    return curve, status


def _shaken(
    polar: Polar, rtol: float, until: float | None, *, apart: bool
) -> tuple[PolarCurve, Status]:
    """Integrate, and again with all directions shaken, which takes as long."""
    with share(1 / 2):
        curve, status = march(polar, rtol, until, apart=apart)
    if not status.success:
        return curve, status
    robust, last = is_robust(curve, rtol, apart=apart)
    if last < curve.until:
        curve, status = curve.cut(last), Status.TIME_LIMIT
    return curve, status if robust else Status.DIRECTIONS_LOST

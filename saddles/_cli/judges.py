"""Three other ways to a limit path, each compared with the path that is to be verified.

=================  ==========================================================================
judge              what it does
=================  ==========================================================================
exact arithmetic   the path once more, in fractions, from the numbers as they are written
AGF                alternating gradient flows at a finite initial scale, whose times are exact
gradient flow      the flow itself at three initial scales, its jump times extrapolated
=================  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

import saddles
from saddles._cli.data import Data
from saddles._diagonal.exact_check import Refuted, exact_saddles
from saddles._numerics.precision import EPS
from saddles._numerics.watch import OutOfTime
from saddles._result.path import PathError, SaddlePath
from saddles._result.points import dense
from saddles.status import Status
from saddles.typing import Array

__all__ = ["Judge", "by_agf", "by_exact_arithmetic", "by_gradient_flow"]

#: Two computations of the same numbers, from data that differ by rounding.
JUDGED_EQUAL = 1e-9

#: Extrapolated jump times.
EXTRAPOLATED = 1e-6

#: Plateaus at the smallest initial scale: the flow's dual point is known to a few ulp of log(1/α),
#: 1e-9 at the default scales, which dependent columns enlarge.
JUDGED_SETTLED = 1e-5

#: Rounding of the data moves least squares by up to this times the square of their condition.
DATA = 10 * EPS

#: A flow is followed to this multiple of the time at which it stops by itself, to see it at rest.
RESTED = 1.5

#: A difference that is no more than this many times the extrapolation's own error decides nothing.
UNSURE = 10.0

#: d Σ|A_k| K up to which fractions take seconds (about a microsecond each).
MOST_FRACTIONS = 1e7

#: Numerators and denominators that are longer than this cost the square of their length.
SHORT_BITS = 100

#: Numbers in files are rounded, and so are the norms of standardised columns: clocks and pulls that
#: differ by less than this were meant to be equal, if nothing else agrees.
EXACT_BLUR = Fraction(1, 10**12)

#: What a judge says that was not heard out.
NO_TIME = "the time was over before it came so far"

#: Ratios of the initial scales' logarithms.
SCALES = (1.0, 10.0, 100.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """What one of the other ways says of a path.

    Attributes
    ----------
    name : str
        Its name.
    time_errors : ndarray of shape (K,)
        Relative differences of the jump times; NaN where there is no such jump.
    beta_error : float
        Largest difference of coefficients that are unique, relative to the largest of them.
    loss_error : float
        Largest difference of losses, relative to the first.
    tolerance : float
        What all three may be.
    verdict : {"agrees", "disagrees", "undecided", "not tried"}
        Of all jumps.
    remark : str
        Why, if it does not agree.
    """

    name: str
    time_errors: Array
    beta_error: float
    loss_error: float
    tolerance: float
    verdict: str
    remark: str = ""


def by_exact_arithmetic(path: SaddlePath, data: Data, log_alpha: float) -> Judge:
    """Compare a path with the one in fractions that has its active units, whatever the scale."""
    name, sizes = "exact arithmetic", [len(units) for units in path.active]
    size = data.X.shape[1] * sum(sizes) * len(path)
    if size > MOST_FRACTIONS or size * _length(data) ** 2 > MOST_FRACTIONS:
        return _silent(path, name, JUDGED_EQUAL, "not tried", "it would take minutes on these data")
    X, y = data.exact()
    finished, remark = path.status.finished, ""
    try:
        exact = exact_saddles(
            X, y, path.active, finished=finished, blur=EXACT_BLUR * (data.norms is not None)
        )
    except Refuted as error:
        remark = str(error)
        try:
            exact = exact_saddles(X, y, path.active, finished=finished, blur=EXACT_BLUR)
        except Refuted:
            verdict = "disagrees" if path.certificates.unique.all() else "undecided"
            return _silent(path, name, JUDGED_EQUAL, verdict, remark)
        remark = f"if clocks and pulls within 1e-12 are equal; as written, {remark}"
    betas = np.zeros((len(path), len(data.names)))
    for beta, saddle in zip(betas, exact, strict=True):
        beta[list(saddle.beta)] = list(map(float, saddle.beta.values()))
    times = np.array([float(saddle.time) for saddle in exact[1:]])
    losses = np.array([float(saddle.loss) for saddle in exact])
    found = _judged(path, name, times, betas, losses, data)
    return replace(found, remark=remark) if found.verdict == "agrees" else found


def _length(data: Data) -> float:
    """Return how long the longest number of a table is, in units of `SHORT_BITS`, 1 at least."""
    return max(1.0, data.table.bits([*data.names, data.target]) / SHORT_BITS)


def by_agf(path: SaddlePath, data: Data, log_alpha: float) -> Judge:
    """Compare a path with that of alternating gradient flows."""
    limit = None if path.status.finished else len(path) - 1
    try:
        other = saddles.agf.diagonal(data.X, data.y, log_alpha=log_alpha, max_jumps=limit)
    except (PathError, OutOfTime) as error:
        return _silent(path, "AGF", JUDGED_EQUAL, "undecided", str(error))
    if other.status is Status.TIME_LIMIT:
        return _silent(path, "AGF", JUDGED_EQUAL, "undecided", NO_TIME)
    if len(other) != len(path):
        remark = f"it makes {len(other) - 1} jumps, the path {len(path) - 1}"
        return _silent(path, "AGF", JUDGED_EQUAL, "disagrees", remark)
    betas = dense(other.betas)
    return _judged(path, "AGF", other.times[1:], betas, other.losses, data)


def by_gradient_flow(path: SaddlePath, data: Data, log_alpha: float) -> Judge:
    """Compare a path with the flow: times in the limit, plateaus at the smallest scale."""
    name, flows = "gradient flow", {}

    def flow(scale: float) -> saddles.Flow:
        flows[scale] = saddles.flow.diagonal(data.X, data.y, log_alpha=scale)
        return flows[scale]

    try:
        limit = saddles.vanishing_limit(path, flow, log_alphas=[r * log_alpha for r in SCALES])
        if limit.status is Status.TIME_LIMIT:
            return _silent(path, name, EXTRAPOLATED, "undecided", NO_TIME)
        plateaus = _plateau_errors(path, data, flows[SCALES[-1] * log_alpha])
    except (PathError, ValueError, OutOfTime) as error:
        return _silent(path, name, EXTRAPOLATED, "undecided", str(error))
    found = Judge(
        name=name,
        time_errors=limit.jump_times / path.times[1:] - 1,
        beta_error=plateaus[0],
        loss_error=plateaus[1],
        tolerance=EXTRAPOLATED,
        verdict="agrees",
    )
    off = np.abs(found.time_errors)
    late = off > EXTRAPOLATED
    on_time = not late.any() or (off <= UNSURE * limit.errors / path.times[1:])[late].all()
    if found.loss_error <= JUDGED_SETTLED and not late.any():
        if found.beta_error <= JUDGED_SETTLED:
            return found
        if found.beta_error <= JUDGED_SETTLED * _condition(path, data):
            remark = (
                f"columns so dependent settle later: coefficients are off by {found.beta_error:.1e}"
            )
            return replace(found, verdict="undecided", remark=remark)
    counts = {len(flow.jumps()) for flow in flows.values()}
    if (on_time and late.any()) or len(counts) > 1 or min(counts) < len(path) - 1:
        remark = "jumps run into each other at these scales; try a smaller --log-alpha"
        return replace(found, verdict="undecided", remark=remark)
    return replace(found, verdict="disagrees", remark="its jumps or plateaus tend elsewhere")


def _plateau_errors(path: SaddlePath, data: Data, flow: saddles.Flow) -> tuple[float, float]:
    """Return how far a flow's coefficients and losses are from the path's, on its plateaus.

    A flow stops where its gradient has vanished. There, coefficients of dependent columns may still
    be on their way: it is then followed for longer.
    """
    count = len(path) if path.status.finished else len(path) - 1  # no middle of an open plateau
    errors = (math.inf, math.inf)
    for until in (None, RESTED * flow.until):
        if until is not None:
            flow = saddles.flow.diagonal(data.X, data.y, log_alpha=flow.log_alpha, until=until)
        seen = saddles.compare(path, flow)
        errors = _largest(seen.beta_errors[:count]), _largest(seen.loss_errors[:count])
        if max(errors) <= JUDGED_SETTLED:
            break
    return errors


def _judged(
    path: SaddlePath, name: str, times: Array, betas: Array, losses: Array, data: Data
) -> Judge:
    """Return what saddles of the same number say."""
    own = dense(path.betas)
    gaps = np.abs(betas - own).max(axis=1)[path.certificates.unique]
    found = Judge(
        name=name,
        time_errors=times / path.times[1:] - 1,
        beta_error=_largest(gaps / (np.abs(own).max() or 1.0)),
        loss_error=_largest((losses - path.losses) / (path.losses[0] or 1.0)),
        tolerance=JUDGED_EQUAL,
        verdict="agrees",
    )
    worst = max(_largest(found.time_errors), found.beta_error, found.loss_error)
    if worst <= JUDGED_EQUAL:
        return found
    if worst <= DATA * _condition(path, data) ** 2:
        remark = f"columns are so dependent that rounding of the data explains {worst:.1e}"
        return replace(found, verdict="undecided", remark=remark)
    return replace(found, verdict="disagrees", remark=f"by {worst:.1e}")


def _condition(path: SaddlePath, data: Data) -> float:
    """Return the worst condition of active columns of unit norm, where they are independent."""
    groups = [
        units for units, one in zip(path.active, path.certificates.unique, strict=True) if one
    ]
    columns = [data.X[:, units] for units in groups if units.size]
    return max((float(np.linalg.cond(X / np.linalg.norm(X, axis=0))) for X in columns), default=1.0)


def _silent(path: SaddlePath, name: str, tolerance: float, verdict: str, remark: str) -> Judge:
    """Return a judge that has no numbers to show."""
    return Judge(
        name=name,
        time_errors=np.full(len(path) - 1, math.nan),
        beta_error=math.nan,
        loss_error=math.nan,
        tolerance=tolerance,
        verdict=verdict,
        remark=remark,
    )


def _largest(errors: Array) -> float:
    """Return the largest magnitude of those seen."""
    return float(np.nan_to_num(np.abs(errors), nan=0.0).max(initial=0.0))

"""Path against path, path against flow: the numbers in every table.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``predicted``    T_k, the path's jump times, k = 1 … K
``measured``     when the loss compared is halfway between the path's levels k − 1 and k
``time_errors``  (measured − predicted) / predicted
``beta_errors``  max |β − β_k| in the middle of plateau k, over the largest |β| of the path
``levels``       L there
``loss_errors``  |L − L_k| there, over L_0
``flow_errors``  (measured − the flow's) / the flow's, at the initial scale of a run
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from saddles._compare.resolution import resolved_plateaus
from saddles._pictures.staircase import POINTS, Followed, draw_both, last
from saddles._result.curves import points_as_curves
from saddles._result.flow import Flow, followed
from saddles._result.path import SaddlePath, point_shape
from saddles._result.points import dense
from saddles._result.run import Run
from saddles._result.scaled_time import physical_times, unit_of_time
from saddles._tools.extras import extra
from saddles._tools.record import Record
from saddles._tools.tables import Tabular, as_html
from saddles.typing import Array, ArrayLike, Mask

__all__ = ["Comparison", "compare"]

#: Share of its predicted time that a flow spends at least on a plateau that its scale resolves. Of
#: 1371 plateaus of random regressions, at log α from -2 to -1000, the shortest had 0.72.
LINGERS = 0.5

#: Share of a drop that is left when its jump is over to the eye.
OVER = 0.01

#: Pictures go on after the last measured jump for a twentieth of its time.
MARGIN = 1.05


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Comparison(Record, Tabular):
    """How well a second path, or a flow, agrees with a predicted path.

    Attributes
    ----------
    path : SaddlePath
        The prediction.
    other : SaddlePath, Flow or Run
        What it was compared with.
    predicted, measured : ndarray of shape (K,)
        Scaled jump times; NaN in `measured` where `other` has no such jump.
    time_errors : ndarray of shape (K,)
        ``(measured - predicted) / predicted``.
    beta_errors : ndarray of shape (K+1,)
        Largest difference of coefficients, relative to the largest coefficient of the path; NaN
        where they are not unique or `other` has no such plateau.
    levels : ndarray of shape (K+1,)
        Losses of `other` on the plateaus; NaN where it has no such plateau.
    loss_errors : ndarray of shape (K+1,)
        Difference of losses, relative to the loss at the start.
    same_jumps : bool
        Whether both make the same jumps. Two paths must have the same number of jumps. A flow or a
        run must make every jump of the path and no others, and must stay on each plateau that its
        initial scale resolves.
    resolved : ndarray of bool, shape (K+1,)
        Whether the initial scale of a flow or a run leaves time to show each plateau. If not, the
        jumps on either side run into each other even in a correct flow. `worst_beta` and
        `worst_loss` leave such a plateau out.
    flow : Comparison or None
        Only for a run that was also compared with gradient flow: the comparison of the path with
        the flow at the run's initial scale.
    """

    path: SaddlePath
    other: SaddlePath | Flow | Run
    predicted: Array
    measured: Array
    time_errors: Array
    beta_errors: Array
    levels: Array
    loss_errors: Array
    same_jumps: bool
    resolved: Mask
    flow: Comparison | None = None

    @property
    def flow_errors(self) -> Array:
        """Relative differences (K,) of a run's jump times from the flow's; NaN where not known.

        The initial scale does not contribute to them, so they show the effect of the learning rate.
        """
        if self.flow is None:
            return np.full(len(self.measured), math.nan)
        return np.asarray(self.measured / self.flow.measured - 1)

    @property
    def worst_time(self) -> float:
        """Largest relative error of a jump time; infinite if a jump is missing."""
        return _worst(self.time_errors, missing=math.inf)

    @property
    def worst_beta(self) -> float:
        """Largest coefficient error where coefficients are unique; NaN if none was compared."""
        errors = self.beta_errors[self.resolved]
        return math.nan if np.isnan(errors).all() else _worst(errors, missing=0.0)

    @property
    def worst_loss(self) -> float:
        """Largest loss error; infinite if a plateau is missing."""
        return _worst(self.loss_errors[self.resolved], missing=math.inf)

    def __repr__(self) -> str:
        reached, worst_loss = np.isfinite(self.measured), self.worst_loss
        jumps = "same jumps" if self.same_jumps else "different numbers of jumps"
        time = f"worst relative time error {self.worst_time:.2g}"
        if not (reached.all() or isinstance(self.other, SaddlePath)):
            jumps = f"{reached.sum()} of {reached.size} jumps reached"
            time = f"worst relative time error {_said(self.time_errors)}"
            worst_loss = _worst(self.loss_errors[self.resolved], missing=0.0)
        flow = "" if self.flow is None else f" ({_said(self.flow_errors)} relative to the flow)"
        short = int(np.sum(~self.resolved))
        return (
            f"<Comparison: {jumps}, {time}{flow}, "
            f"{self.path.kind} {_said(self.beta_errors[self.resolved])}, losses {worst_loss:.2g}"
            + (f", {short} plateau{'s' * (short > 1)} too short for this alpha" if short else "")
            + ">"
        )

    def to_frame(self, *, tidy: bool = False) -> Any:
        """Return a pandas DataFrame with one row per jump (needs pandas).

        Parameters
        ----------
        tidy : bool
            Whether to return one row per jump and error instead, without an index.

        Returns
        -------
        pandas.DataFrame
            Predicted and measured times, and the errors; tidy: jump, predicted, measured, and the
            name and value of an error.
        """
        pd = extra("pandas", "to_frame", "plot")
        columns = {
            "predicted": self.predicted,
            "measured": self.measured,
            "time_error": self.time_errors,
            "beta_error": self.beta_errors[1:],
            "loss_error": self.loss_errors[1:],
            "resolved": self.resolved[1:],
        }
        if self.flow is not None:
            columns |= {"flow": self.flow.measured, "flow_error": self.flow_errors}
        frame = pd.DataFrame(
            columns,
            index=pd.RangeIndex(1, len(self.predicted) + 1, name="jump"),
        )
        if not tidy:
            return frame
        frame = frame.reset_index()
        known = [name for name in frame if not name.endswith("_error")]
        return frame.melt(id_vars=known, var_name="error", value_name="value")

    def _repr_html_(self) -> str | None:
        try:
            frame = self.to_frame().reset_index()
        except ImportError:
            return None
        rows = frame.itertuples(index=False)
        return as_html(repr(self).strip("<>"), list(frame), rows, picture=self.plot)

    def plot(self, *, names: list[str] | None = None, features: ArrayLike | None = None) -> Any:
        """Draw the prediction over `other`, and gradient flow if it was compared too.

        Parameters
        ----------
        names : list of str, optional
            Names of the d features, where the points are vectors.
        features : array_like of shape (n, d), optional
            Features X of a diagonal network: its clocks are drawn too.

        Returns
        -------
        matplotlib.figure.Figure
            A plain figure: show it in a notebook, or ``savefig`` it.
        """
        beside = self.flow
        ends = [_shown(one) * MARGIN for one in (self, beside) if one is not None]
        end = max(last(self.path.times), *ends)
        path = replace(self.path._staircase(names=names, features=features), end=end)
        other = _followed(self.other, end, path.times[1:])
        flow = None if beside is None else _followed(beside.other, end, path.times[1:])
        return draw_both(path, other, unit_of_time(self.path.kappa), flow)


def compare(path: SaddlePath, other: SaddlePath | Flow | Run) -> Comparison:
    """Compare a predicted path with a second path, saddle by saddle, or with a flow.

    Parameters
    ----------
    path : SaddlePath
        The prediction; errors are relative to its times and losses.
    other : SaddlePath, Flow or Run
        A path is compared at equal jump numbers. A flow or a training run is measured. Its k-th
        jump is the time at which its loss is halfway between the path's losses before and after
        that jump. Its plateaus are evaluated halfway (in scaled time) between two jumps. For
        training runs see also `compare_run`.

    Returns
    -------
    Comparison
        Errors per jump and per plateau, relative to the path's own scale.

    Raises
    ------
    TypeError
        If `path` is not a `SaddlePath`, or `other` neither that nor a `Flow`.
    ValueError
        If both are of different problems, or of networks of different degrees, whose scaled times
        have different units.

    Examples
    --------
    >>> import saddles
    >>> X, y = [[1.0, 0.5], [0.5, 1.0]], [1.0, 0.0]
    >>> path = saddles.pesme_flammarion(X, y)
    >>> saddles.compare(path, saddles.agf.diagonal(X, y, log_alpha=-230)).worst_time < 1e-12
    True
    >>> flow = saddles.flow.diagonal(X, y, log_alpha=-1e4)
    >>> bool(abs(saddles.compare(path, flow).time_errors).max() < 1e-3)
    True
    """
    if not isinstance(path, SaddlePath):
        raise TypeError(f"path is a {type(path).__name__}; it must be a SaddlePath.")
    _check_degrees(path, other)
    if isinstance(other, SaddlePath):
        times, points, losses = _of_path(path, other)
        resolved, same_jumps = np.ones(len(path), dtype=bool), len(path) == len(other)
    elif hasattr(other, "crossing_times"):  # a flow, a run, or a stand-in for one
        path = _on_one_clock(path, other)
        times, points, losses = _of_flow(path, other)
        resolved = resolved_plateaus(path, other.log_alpha)
        same_jumps = _same_jumps(path, other, times, resolved)
    else:
        raise TypeError(f"other is a {type(other).__name__}; it must be a SaddlePath or a Flow.")
    betas = dense(path.betas)
    unique = path.certificates.unique
    gaps = np.abs(points - betas).reshape(len(path), -1).max(axis=1)
    return Comparison(
        path=path,
        other=other,
        predicted=path.times[1:],
        measured=times,
        time_errors=(times - path.times[1:]) / path.times[1:],
        beta_errors=np.where(unique, gaps, math.nan) / _size(betas),
        levels=losses,
        loss_errors=np.abs(losses - path.losses) / _size(path.losses[:1]),
        same_jumps=same_jumps,
        resolved=resolved,
    )


def _check_degrees(path: SaddlePath, other: Any) -> None:
    """Raise if scaled times have different units; a stand-in for a flow may say nothing of them."""
    degree = getattr(other, "kappa", path.kappa)
    if degree != path.kappa:
        raise ValueError(
            f"path has degree kappa={path.kappa} ({unit_of_time(path.kappa)}), but other has "
            f"kappa={degree} ({unit_of_time(degree)}); compare networks of the same depth."
        )
    degrees = other.degrees if isinstance(other, SaddlePath) else path.degrees
    if degrees != path.degrees:
        raise ValueError(
            f"path has waits of the degrees {path.degrees} and other of {degrees}; compare the "
            "physical_times of both at one log_alpha."
        )


def _on_one_clock(path: SaddlePath, flow: Flow | Run) -> SaddlePath:
    """Return a path whose waits have degrees of their own in the scaled time of a flow."""
    if path.degrees is None:
        return path
    unit = physical_times(1.0, log_alpha=flow.log_alpha, kappa=path.kappa)
    return replace(path, times=path.physical_times(flow.log_alpha) / unit, degrees=None)


def _of_path(path: SaddlePath, other: SaddlePath) -> tuple[Array, Array, Array]:
    """Return times (K,), points (K+1, ...) and losses (K+1,) of `other`, NaN where it has none."""
    shared = min(len(path), len(other))
    betas, shape = dense(other.betas), point_shape(path)
    if betas.shape[1:] != shape:
        raise ValueError(
            f"the paths have coefficients of shapes {shape} and {betas.shape[1:]}; compare paths "
            "of the same problem."
        )
    times, losses = np.full(len(path), math.nan), np.full(len(path), math.nan)
    points = np.full((len(path), *shape), math.nan)
    times[:shared], losses[:shared] = other.times[:shared], other.losses[:shared]
    points[:shared] = betas[:shared]
    return times[1:], points, losses


def _of_flow(path: SaddlePath, flow: Flow | Run) -> tuple[Array, Array, Array]:
    """Return the measured times (K,), and points and losses (K+1, ...) in the plateaus' middles."""
    shape = point_shape(path)
    if flow.at(0.0).shape != shape:
        raise ValueError(
            f"path has coefficients of shape {shape} and flow of shape {flow.at(0.0).shape}; "
            "compare a flow of the same problem."
        )
    times = flow.crossing_times((path.losses[:-1] + path.losses[1:]) / 2)
    edges = np.concatenate([[0.0], times, [flow.until]])
    middles = (edges[:-1] + edges[1:]) / 2
    # The last plateau has no next jump to be half-way to: training rests at its end.
    middles[-1] = flow.until if np.isfinite(edges[-2]) else math.nan
    seen = np.isfinite(middles)
    points, losses = np.full((len(path), *shape), math.nan), np.full(len(path), math.nan)
    points[seen], losses[seen] = flow.at(middles[seen]), flow.loss(middles[seen])
    return times, points, losses


def _same_jumps(path: SaddlePath, flow: Flow | Run, times: Array, resolved: Mask) -> bool:
    """Return whether a flow makes the path's jumps, at `times` (K,), and no others.

    It passes every drop, and lingers on each plateau that its scale resolves. Plateaus are judged
    by their share of time, which a wrong unit of time does not change.
    """
    if not np.isfinite(times).all() or len(flow.jumps()) > times.size:
        return False
    predicted, found = (np.diff(clock) / clock[1:] for clock in (path.times[1:], times))
    return bool((found >= LINGERS * predicted)[resolved[1:-1]].all())


def _shown(comparison: Comparison) -> float:
    """Return the time at which the jumps that were measured are over."""
    path, other = comparison.path, comparison.other
    if len(path) == 1 or isinstance(other, SaddlePath):
        return float(np.nan_to_num(comparison.measured).max(initial=0.0))
    rests = path.losses[1:] + (path.losses[:-1] - path.losses[1:]) * OVER
    ends = np.append(comparison.measured, other.crossing_times(rests))
    return float(np.nan_to_num(ends).max())


def _followed(other: SaddlePath | Flow | Run, end: float, jumps: Array) -> Followed:
    """Return what is drawn of the path, flow or run that a prediction was compared with."""
    if not isinstance(other, SaddlePath):
        kind = "training run" if isinstance(other, Run) else "gradient flow"
        return followed(other, end, jumps, kind=kind)
    end = end if other.status.finished else float(other.times[-1])
    times = np.unique(np.concatenate([np.linspace(0, end, POINTS), other.times]))
    return Followed(
        times=times,
        losses=other.losses[np.searchsorted(other.times, times, side="right") - 1],
        curves=points_as_curves(dense(other.at(times))),
        label=other.algorithm,
    )


def _size(values: Array) -> float:
    """Return the largest magnitude, or 1 if all are zero."""
    return float(np.abs(values).max()) or 1.0


def _said(errors: Array) -> str:
    """Return the largest of the errors (m,) that are known, or that there is none."""
    known = np.abs(errors[~np.isnan(errors)])
    return f"{known.max():.2g}" if known.size else "not compared"


def _worst(errors: Array, *, missing: float) -> float:
    """Return the largest magnitude; `missing` stands for a NaN."""
    return float(np.nan_to_num(np.abs(errors), nan=missing).max(initial=0.0))

"""Saddle paths: what every algorithm returns.

=====================  =====================================================================
code name              symbol
=====================  =====================================================================
``times``              τ_k, scaled jump times; τ_0 = 0
``betas``              β_k, the function-space point at each saddle
``losses``             L(β_k)
``duals``              ρ_k, the dual point (diagonal networks), with clocks S = Xᵀρ
``kappa``              κ, the degree of homogeneity, which sets the unit of time
``log_alpha``          log α, the logarithm of the initial scale
=====================  =====================================================================

Scaled time is ``t / log(1/α)`` for κ = 2 and ``t α^(κ−2)`` for κ > 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from saddles import checks
from saddles._pictures.staircase import Staircase, draw_staircase
from saddles._result import path_json, path_tables
from saddles._result.certificate import Certificate, Certificates
from saddles._result.curves import clocks_at_saddles, points_as_curves
from saddles._result.points import LowRank, stacked
from saddles._result.remaining import UNKNOWN, Remaining
from saddles._result.scaled_time import physical_times, unit_of_time
from saddles._tools.files import naming, regular_file
from saddles._tools.record import Record
from saddles._tools.tables import Tabular
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["PathError", "Saddle", "SaddlePath", "point_shape"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Saddle(Record):
    """One saddle of the staircase, and the jump that led to it.

    Attributes
    ----------
    index : int
        0 for the start, k after the k-th jump.
    time : float
        Scaled time at which it is reached.
    beta : ndarray, scipy.sparse.csr_array or LowRank
        Function-space point, of the shape that the algorithm gives it.
    loss : float
        Loss there.
    dual : ndarray of shape (n,), or None
        Dual point, where the algorithm has one.
    active, entered, left : ndarray of int, shape (m,)
        Units that are not zero; that became so in this jump; that returned to zero in it.
    certificate : Certificate
        Its optimality conditions, checked.
    degree : int, optional
        Degree m of the wait before it, which lasts τ α^(2−m), where it is not κ for all of them.
    """

    index: int
    time: float
    beta: Any
    loss: float
    dual: Array | None
    active: Indices
    entered: Indices
    left: Indices
    certificate: Certificate
    degree: int | None = None

    def _repr_html_(self) -> str:
        return path_tables.page_of_saddle(self)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SaddlePath(Record, Tabular):
    """A staircase of saddles: which, in which order, at what time.

    Attributes
    ----------
    algorithm, source : str
        What computed it, and the paper that states it.
    times : ndarray of shape (K+1,)
        Scaled times at which the saddles are reached; the first is 0.
    betas : ndarray or scipy.sparse.csr_array, shape (K+1, ...)
        Function-space points; sparse where there are very many features, and an array (K+1,) of
        `LowRank` where they are very large matrices.
    losses : ndarray of shape (K+1,)
        Losses.
    duals : ndarray of shape (K+1, n) or None
        Dual points, where the algorithm has them.
    active, entered, left : tuple of K+1 index arrays
        Units that are not zero at each saddle, that became so, that returned to zero: arrays
        of their numbers, of shape (m,).
    certificates : Certificates
        Optimality conditions of every saddle.
    status : Status
        Why the path ends; ``message`` is its sentence and ``success`` its verdict.
    kappa : int
        Degree of homogeneity.
    log_alpha : float
        The initial scale that the path was computed for; minus infinity for the limit.
    remaining : Remaining
        What would happen after the last saddle: the loss still to fall, and the next jump.
    fingerprint : tuple of float or None
        Numbers that identify the data, so that an algorithm can check them before it continues
        the path.
    kind : {"coefficients", "outputs", "template"}
        What the function-space points consist of.
    degrees : tuple of K int, or None
        Degree m of each wait, where waits have degrees of their own: wait k lasts
        (times[k] − times[k−1]) α^(2−m), or that times log(1/α) for m = 2.

    Examples
    --------
    >>> import saddles
    >>> path = saddles.pesme_flammarion([[2.0, 0.0], [0.0, 1.0]], [1.0, 1.0])
    >>> path.times.tolist(), path.losses.tolist(), path.success
    ([0.0, 1.0, 2.0], [0.5, 0.25, 0.0], True)
    >>> path.at(1.5).tolist(), path.physical_times(-100).tolist()
    ([0.5, 0.0], [0.0, 100.0, 200.0])
    """

    algorithm: str
    source: str
    times: Array
    betas: Any
    losses: Array
    duals: Array | None
    active: tuple[Indices, ...]
    entered: tuple[Indices, ...]
    left: tuple[Indices, ...]
    certificates: Certificates
    status: Status
    kappa: int = 2
    log_alpha: float = -math.inf
    remaining: Remaining = UNKNOWN
    fingerprint: tuple[float, ...] | None = None
    kind: str = "coefficients"
    degrees: tuple[int, ...] | None = None

    @classmethod
    def from_saddles(cls, saddles: list[Saddle], **labels: Any) -> SaddlePath:
        """Join saddles, in their order, into a path; `labels` are the remaining attributes."""
        names = [entry.name for entry in fields(Certificate)]
        read = attrgetter(*names)
        columns = zip(*(read(saddle.certificate) for saddle in saddles), strict=True)
        certificates = dict(zip(names, map(np.array, columns), strict=True))
        duals = [saddle.dual for saddle in saddles if saddle.dual is not None]
        degrees = [saddle.degree for saddle in saddles[1:] if saddle.degree is not None]
        return cls(
            times=np.array([saddle.time for saddle in saddles]),
            betas=stacked([saddle.beta for saddle in saddles]),
            losses=np.array([saddle.loss for saddle in saddles]),
            duals=np.array(duals) if duals else None,
            active=tuple(saddle.active for saddle in saddles),
            entered=tuple(saddle.entered for saddle in saddles),
            left=tuple(saddle.left for saddle in saddles),
            certificates=Certificates(**certificates),
            degrees=tuple(degrees) or None,
            **labels,
        )

    @property
    def message(self) -> str:
        """Why the path ends, what to do if that was not wanted, and which times are uncertain."""
        return f"{self.status.sentence} {self.certificates.remark}".rstrip()

    @property
    def success(self) -> bool:
        """Whether everything in the path is right and as asked for."""
        return self.status.success

    def __len__(self) -> int:
        """Return the number of saddles, K + 1."""
        return len(self.times)

    def __getitem__(self, index: int) -> Saddle:
        """Return the saddle at `index`."""
        index = range(len(self))[index]
        return Saddle(
            index=index,
            time=float(self.times[index]),
            beta=self._beta(index),
            loss=float(self.losses[index]),
            dual=None if self.duals is None else self.duals[index],
            active=self.active[index],
            entered=self.entered[index],
            left=self.left[index],
            certificate=self.certificates[index],
            degree=None if self.degrees is None or not index else self.degrees[index - 1],
        )

    def __iter__(self) -> Iterator[Saddle]:
        """Iterate over the saddles in order of time."""
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        jumps = len(self) - 1
        until = f"until tau = {self.times[-1]:.6g}"
        if len(set(self.degrees or ())) > 1:
            until = f"after waits of degrees {', '.join(map(str, self.degrees or ()))}"
        return (
            f"<SaddlePath of {self.algorithm}: {jumps} jump{'' if jumps == 1 else 's'} "
            f"{until}, loss {self.losses[0]:.6g} to {self.losses[-1]:.6g}, "
            f"{self.status.value}>"
        )

    def _beta(self, index: int) -> Any:
        return self.betas[[index]] if hasattr(self.betas, "toarray") else self.betas[index]

    def at(self, tau: ArrayLike) -> Any:
        """Return the saddle's beta at scaled time `tau`; at a jump time, the one after the jump.

        Parameters
        ----------
        tau : float or array_like of shape (q,)
            Scaled times, at least 0. Beyond the last jump of a finished path, training rests.

        Returns
        -------
        ndarray
            Of the shape of one beta, or (q, ...) for an array of times; sparse rows if `betas` is.

        Raises
        ------
        ValueError
            If a time is negative or NaN, or lies beyond the end of a path that is not finished.
        """
        taus = checks.numbers(tau, "tau").astype(np.float64)
        if not (taus >= 0).all():
            raise ValueError(f"tau={checks.show(tau)}: scaled times start at 0; pass tau >= 0.")
        if not self.status.finished and (taus > self.times[-1]).any():
            raise ValueError(
                f"tau={checks.show(tau)} lies beyond the last computed saddle at "
                f"{float(self.times[-1])!r}, and the path is not finished ({self.status.value}): "
                f"{self.message}"
            )
        index = np.searchsorted(self.times, taus, side="right") - 1
        return self._beta(int(index)) if taus.ndim == 0 else self.betas[index]

    def physical_times(self, log_alpha: float | None = None) -> Array:
        """Return the jump times (K+1,) in the time of the flow from initial scale `log_alpha`.

        Without an argument, `log_alpha` is the one that the path was computed for. Where waits have
        degrees of their own, each is converted by its own.
        """
        scale = self.log_alpha if log_alpha is None else log_alpha
        if self.degrees is not None:
            waits = [
                physical_times(wait, log_alpha=scale, kappa=degree)
                for wait, degree in zip(np.diff(self.times), self.degrees, strict=True)
            ]
            return np.cumsum([0.0, *waits])
        return physical_times(self.times, log_alpha=scale, kappa=self.kappa)

    def to_frame(self, *, tidy: bool = False, names: list[str] | None = None) -> Any:
        """Return a pandas DataFrame with one row per saddle (needs pandas).

        Parameters
        ----------
        tidy : bool
            Whether to return one row per saddle and coefficient (or singular value) instead. Those
            that stay zero throughout are left out.
        names : list of str, optional
            Names of the d features, where the points are vectors.

        Returns
        -------
        pandas.DataFrame
            Time, loss, who entered and left, and the certificate; tidy: jump, time, loss, unit and
            value. Where waits have degrees of their own, ``degree`` is that of the wait before.
        """
        return path_tables.frame(self, tidy=tidy, names=names)

    def _repr_html_(self) -> str:
        return path_tables.page(self)

    def plot(
        self,
        *,
        log_alpha: float | None = None,
        names: list[str] | None = None,
        features: ArrayLike | None = None,
    ) -> Any:
        """Draw the staircase of the loss and the coefficients.

        Parameters
        ----------
        log_alpha : float, optional
            Draw physical times for this initial scale; scaled times by default.
        names : list of str, optional
            Names of the d features, where the points are vectors.
        features : array_like of shape (n, d), optional
            Features X of a diagonal network: its clocks are drawn too, between −1 and 1.

        Returns
        -------
        matplotlib.figure.Figure
            A plain figure: show it in a notebook, or ``savefig`` it.
        """
        path = self._staircase(names=names, features=features)
        if log_alpha is None:
            own = "Σ of waits, each in its own unit t α^(m−2)"
            return draw_staircase(path, unit_of_time(self.kappa) if self.degrees is None else own)
        path = replace(path, times=self.physical_times(log_alpha))
        return draw_staircase(path, f"time t, log α = {log_alpha:g}")

    def _staircase(
        self, *, names: list[str] | None = None, features: ArrayLike | None = None
    ) -> Staircase:
        """Return what is drawn of the path; see `plot`."""
        curves = points_as_curves(self.betas, names, self.kind)
        clocks = None
        if features is not None:
            count = curves.values.shape[1]
            clocks = clocks_at_saddles(repr(self), self.duals, count, features)
        return Staircase(
            times=self.times,
            losses=self.losses,
            curves=curves,
            clocks=clocks,
            label=self.algorithm,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the path as plain lists, numbers and strings, ready for JSON.

        Infinite numbers become the strings ``"inf"`` and ``"-inf"``, since JSON has none.
        """
        known = {entry.name: getattr(self, entry.name) for entry in fields(SaddlePath)}
        return path_json.written({**known, "message": self.message})

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SaddlePath:
        """Return the path that `to_dict` wrote as `data`; equal to the last bit.

        Raises
        ------
        TypeError, ValueError
            If `data` is no dictionary, is of another format, lacks an entry, or has one that no
            path has; the message names it.
        """
        return cls(**path_json.read(data))

    def save(self, file: str | Path) -> None:
        """Write the path to `file` as JSON, with a checksum.

        The file holds what every path has: times, losses, coefficients, certificates and who is
        active. The weights of single neurons (`NeuronPath.neurons` and what belongs to them) are
        not in it; pickle keeps them.

        Raises
        ------
        TypeError, ValueError
            If `file` is no path of a regular file.
        OSError
            If it cannot be written.
        """
        path = regular_file(file, "file")
        with naming(path):
            path.write_text(path_json.dumped(self.to_dict()), encoding="utf-8")

    @classmethod
    def load(cls, file: str | Path) -> SaddlePath:
        """Return the path that `save` wrote to `file`.

        Raises
        ------
        TypeError, ValueError
            If `file` is no path of a regular file, or what it holds is no path or is damaged; the
            message names the entry.
        OSError
            If it cannot be read.
        """
        path = regular_file(file, "file")
        try:
            return cls.from_dict(path_json.parsed(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"file={str(file)!r} holds no saddle path: {error}") from None


def point_shape(path: SaddlePath) -> tuple[int, ...]:
    """Return the shape of a point in function space."""
    lone = isinstance(path.betas[0], LowRank)
    return tuple(path.betas[0].shape if lone else path.betas.shape[1:])


class PathError(RuntimeError):
    """A path could not be continued correctly.

    Attributes
    ----------
    status : Status
        The reason; its ``remedy`` is what you can do.
    path : SaddlePath or None
        What had been computed (and certified) before.
    detail : str
        What was found, in words; part of the message.
    """

    def __init__(self, status: Status, path: SaddlePath | None = None, detail: str = "") -> None:
        super().__init__(f"{status.value}: {status.sentence}" + (f" ({detail})" if detail else ""))
        self.status = status
        self.path = path
        self.detail = detail

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.status, self.path, self.detail)

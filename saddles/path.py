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

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from saddles import checks
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["Certificate", "Certificates", "LowRank", "Saddle", "SaddlePath", "physical_times"]

#: Version of the dictionary that `SaddlePath.to_dict` writes.
FORMAT = 1


def physical_times(times: ArrayLike, *, log_alpha: float, kappa: int) -> Array:
    """Convert scaled times to the time of the gradient flow θ' = −∇L.

    Parameters
    ----------
    times : array_like
        Scaled times.
    log_alpha : float
        Logarithm of the initial scale, below 0 and finite.
    kappa : int
        Degree of homogeneity, at least 2.

    Returns
    -------
    ndarray
        ``times * log(1/alpha)`` for `kappa` = 2, ``times * alpha**(2 - kappa)`` above.

    Raises
    ------
    OverflowError
        If one of them is too large for a float64.
    """
    log_alpha = checks.log_scale(log_alpha, allow_limit=False)
    scaled = np.asarray(times, dtype=float)
    with np.errstate(over="ignore", invalid="ignore"):
        unit = -log_alpha if kappa == 2 else np.exp(np.float64((2 - kappa) * log_alpha))
        physical = np.asarray(scaled * unit)
    if not np.isfinite(physical[np.isfinite(scaled)]).all():
        raise OverflowError(
            f"log_alpha={log_alpha!r}: a time overflows, with kappa={kappa!r} and a unit of time "
            f"{float(unit):g}; keep the scaled times."
        )
    return physical


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """How far a saddle is from its own optimality conditions; all numbers are scale-free.

    Attributes
    ----------
    stationarity : float
        Largest gradient over the active units, relative to the largest it could be.
    violation : float
        Largest violation of the constraints: a wrong sign, a clock beyond its boundary, a unit
        at its boundary that should have joined.
    margin : float
        Relative lead of the clock that rang over the runner-up, (second − first) / first; a
        small margin says that rounding of the data could change the order. Infinite where there
        is no runner-up, and for the start.
    unique : bool
        False if other coefficients give the same function (those returned have minimum norm).
    creep : float
        0 at a critical point. Where the descent's norms diverge while the loss creeps to an
        infimum that no finite point attains: how much the neurons' loss is above that infimum,
        relative to the first loss; the saddle's own loss is extrapolated there. Where that cannot
        be done, how much the loss fell while the time of the descent last grew fourfold.
    """

    stationarity: float
    violation: float
    margin: float = math.inf
    unique: bool = True
    creep: float = 0.0

    @property
    def at_infinity(self) -> bool:
        """Whether the saddle is an infimum that norms reach at infinity, up to its `creep`."""
        return self.creep > 0

    def holds(self, tolerance: float) -> bool:
        """Return whether stationarity and violation are both at most `tolerance`.

        A point short of an infimum at infinity is not stationary: there, `creep` is what must be
        small, and whoever follows the descent sees to that.
        """
        stationary = self.stationarity <= tolerance or self.at_infinity
        return stationary and self.violation <= tolerance


@dataclass(frozen=True, eq=False)
class LowRank:
    """A large matrix of low rank, kept as its factors: ``left @ right.T``.

    Attributes
    ----------
    left : ndarray of shape (c, r)
        Left factor.
    right : ndarray of shape (d, r)
        Right factor; the same as `left` for a symmetric matrix UUᵀ.

    Examples
    --------
    >>> import numpy as np
    >>> from saddles import LowRank
    >>> matrix = LowRank(np.array([[1.0], [2.0]]), np.array([[3.0], [0.0]]))
    >>> matrix.shape, matrix.toarray().tolist()
    ((2, 2), [[3.0, 0.0], [6.0, 0.0]])
    """

    left: Array
    right: Array

    @property
    def shape(self) -> tuple[int, int]:
        """Shape (c, d) of the matrix."""
        return self.left.shape[0], self.right.shape[0]

    @property
    def data(self) -> Array:
        """Every number that is stored, (r (c + d),)."""
        return np.concatenate([self.left.ravel(), self.right.ravel()])

    def toarray(self) -> Array:
        """Return the dense matrix (c, d)."""
        return np.asarray(self.left @ self.right.T)


def dense(betas: Any) -> Array:
    """Return function-space points (K+1, ...), however they are stored, as one dense array."""
    if isinstance(betas[0], LowRank):
        return np.array([beta.toarray() for beta in betas])
    return np.asarray(betas.toarray() if hasattr(betas, "toarray") else betas)


@dataclass(frozen=True, kw_only=True, eq=False)
class Saddle:
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Certificates:
    """The certificates of a whole path, one entry per saddle.

    Attributes
    ----------
    stationarity, violation, margin : ndarray of shape (K+1,)
        See `Certificate`.
    unique : ndarray of bool, shape (K+1,)
        See `Certificate`.
    creep : ndarray of shape (K+1,)
        See `Certificate`.
    """

    stationarity: Array
    violation: Array
    margin: Array
    unique: Any
    creep: Array

    def __getitem__(self, index: int) -> Certificate:
        return Certificate(
            stationarity=float(self.stationarity[index]),
            violation=float(self.violation[index]),
            margin=float(self.margin[index]),
            unique=bool(self.unique[index]),
            creep=float(self.creep[index]),
        )

    @property
    def at_infinity(self) -> Any:
        """Which saddles are infima at infinity (K+1,); see `Certificate.at_infinity`."""
        return self.creep > 0

    @property
    def worst(self) -> float:
        """Largest stationarity residual or violation on the path."""
        return float(max(self.stationarity.max(), self.violation.max()))


@dataclass(frozen=True, kw_only=True, eq=False)
class SaddlePath:
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

    @classmethod
    def from_saddles(cls, saddles: list[Saddle], **labels: Any) -> SaddlePath:
        """Join saddles, in their order, into a path; `labels` are the remaining attributes."""
        certificates = {
            entry.name: np.array([getattr(saddle.certificate, entry.name) for saddle in saddles])
            for entry in fields(Certificate)
        }
        duals = [saddle.dual for saddle in saddles if saddle.dual is not None]
        return cls(
            times=np.array([saddle.time for saddle in saddles]),
            betas=_stack([saddle.beta for saddle in saddles]),
            losses=np.array([saddle.loss for saddle in saddles]),
            duals=np.array(duals) if duals else None,
            active=tuple(saddle.active for saddle in saddles),
            entered=tuple(saddle.entered for saddle in saddles),
            left=tuple(saddle.left for saddle in saddles),
            certificates=Certificates(**certificates),
            **labels,
        )

    @property
    def message(self) -> str:
        """Why the path ends, and what to do if that was not wanted."""
        return self.status.sentence

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
        )

    def __iter__(self) -> Iterator[Saddle]:
        """Iterate over the saddles in order of time."""
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        jumps = len(self) - 1
        return (
            f"<SaddlePath of {self.algorithm}: {jumps} jump{'' if jumps == 1 else 's'} until "
            f"tau = {self.times[-1]:.6g}, loss {self.losses[0]:.6g} to {self.losses[-1]:.6g}, "
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
        taus = np.asarray(tau, dtype=float)
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

        Without an argument, `log_alpha` is the one that the path was computed for.
        """
        scale = self.log_alpha if log_alpha is None else log_alpha
        return physical_times(self.times, log_alpha=scale, kappa=self.kappa)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row per saddle (needs pandas)."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_frame needs pandas: pip install 'saddles[plot]'") from error
        columns = {
            "time": self.times,
            "loss": self.losses,
            "entered": [tuple(units.tolist()) for units in self.entered],
            "left": [tuple(units.tolist()) for units in self.left],
            "n_active": [len(units) for units in self.active],
        }
        columns |= {entry.name: getattr(self.certificates, entry.name) for entry in _ENTRIES}
        return pd.DataFrame(columns).rename_axis("jump")

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
        from saddles.plots import plot_path

        return plot_path(self, log_alpha=log_alpha, names=names, features=features)

    def to_dict(self) -> dict[str, Any]:
        """Return the path as plain lists, numbers and strings, ready for JSON.

        Infinite numbers become the strings ``"inf"`` and ``"-inf"``, since JSON has none.
        """
        sparse = hasattr(self.betas, "toarray")
        rows = [self.betas[[k]].toarray()[0] for k in range(len(self))] if sparse else self.betas
        pairs = list(zip(rows, self.active, strict=True))
        by_unit = self.betas.ndim == 2 and all(_only_at(row, units) for row, units in pairs)
        points = [_written(row, units if by_unit else None) for row, units in pairs]
        return {
            "format": FORMAT,
            "algorithm": self.algorithm,
            "source": self.source,
            "status": self.status.name,
            "message": self.message,
            "kappa": self.kappa,
            "log_alpha": _plain(self.log_alpha),
            "shape": list(self.betas.shape),
            "sparse": sparse,
            "by_unit": by_unit,
            "times": self.times.tolist(),
            "losses": self.losses.tolist(),
            "duals": None if self.duals is None else self.duals.tolist(),
            **{name: [u.tolist() for u in getattr(self, name)] for name in _UNITS},
            "values": points,
            "certificates": {
                entry.name: [_plain(v) for v in getattr(self.certificates, entry.name).tolist()]
                for entry in _ENTRIES
            },
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SaddlePath:
        """Return the path that `to_dict` wrote as `data`; equal to the last bit."""
        if data.get("format") != FORMAT:
            raise ValueError(
                f"format={data.get('format')!r}: this version reads format {FORMAT}; write the "
                "path again with SaddlePath.save."
            )
        units = {name: tuple(np.array(u, dtype=np.intp) for u in data[name]) for name in _UNITS}
        whole = tuple(np.arange(data["shape"][-1]) for _ in data["values"])
        betas = _read(data, units["active"] if data["by_unit"] else whole)
        certificates = {
            name: np.array(values, dtype=bool if name == "unique" else float)
            for name, values in data["certificates"].items()
        }
        return cls(
            algorithm=data["algorithm"],
            source=data["source"],
            times=np.array(data["times"]),
            betas=betas,
            losses=np.array(data["losses"]),
            duals=None if data["duals"] is None else np.array(data["duals"]),
            certificates=Certificates(**certificates),
            status=Status[data["status"]],
            kappa=data["kappa"],
            log_alpha=float(data["log_alpha"]),
            **units,
        )

    def save(self, file: str | Path) -> None:
        """Write the path to `file` as JSON."""
        text = json.dumps(self.to_dict(), allow_nan=False)
        Path(file).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, file: str | Path) -> SaddlePath:
        """Return the path that `save` wrote to `file`."""
        return cls.from_dict(json.loads(Path(file).read_text(encoding="utf-8")))


_ENTRIES = fields(Certificate)
_UNITS = ("active", "entered", "left")
_ROW = ("data", "indices")


def _plain(value: float) -> float | str:
    """Return a number that JSON can hold, or the word for an infinite one."""
    return value if math.isfinite(value) else str(value)


def _stack(betas: list[Any]) -> Any:
    """Stack dense points into one array, sparse rows into one CSR array, factors as they are."""
    if isinstance(betas[0], LowRank):
        stack = np.empty(len(betas), dtype=object)
        stack[:] = betas
        return stack
    if not hasattr(betas[0], "toarray"):
        return np.array(betas)
    from scipy.sparse import csr_array

    ends = np.cumsum([0] + [beta.data.size for beta in betas])
    values, indices = (np.concatenate([getattr(b, part) for b in betas]) for part in _ROW)
    return csr_array((values, indices, ends), shape=(len(betas), betas[0].shape[1]))


def _only_at(beta: Array, units: Indices) -> bool:
    """Whether the entries of a vector other than those at `units` are zero."""
    inside = bool((units < beta.size).all())
    return inside and np.count_nonzero(beta) == np.count_nonzero(beta[units])


def _written(beta: Any, units: Indices | None) -> list[Any]:
    """Return what to write of a point: factors, or an array, of a vector only `units` if given."""
    if isinstance(beta, LowRank):
        return [beta.left.tolist(), beta.right.tolist()]
    return list((beta if units is None else beta[units]).tolist())


def _read(data: dict[str, Any], active: tuple[Indices, ...]) -> Any:
    """Return the points that `_written` wrote."""
    values = data["values"]
    if len(data["shape"]) == 1:
        shapes = [[np.array(factor, dtype=float) for factor in pair] for pair in values]
        return _stack([LowRank(*pair) for pair in shapes])
    if len(data["shape"]) > 2:
        return np.array(values, dtype=float)
    betas: Any = _empty_rows(data["shape"]) if data["sparse"] else np.zeros(data["shape"])
    for row, units, entries in zip(range(len(values)), active, values, strict=True):
        betas[row, units] = entries
    return betas.tocsr() if data["sparse"] else betas


def _empty_rows(shape: list[int]) -> Any:
    from scipy.sparse import lil_array

    return lil_array(tuple(shape))

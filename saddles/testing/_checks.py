"""The functions that a user calls: a solver against every law, or one answer against its data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from saddles import checks
from saddles._problems.regression import Regression
from saddles.testing import _diagonal_identities, _diagonal_laws, _linear_laws, _low_rank_laws
from saddles.testing._expect import Broken
from saddles.testing._report import Law, LawError, Report
from saddles.testing._solver import Solver
from saddles.typing import ArrayLike

__all__ = [
    "assert_diagonal_path",
    "assert_linear_path",
    "assert_low_rank_path",
    "check_diagonal_path",
    "check_greedy_low_rank",
    "check_linear_path",
]

#: Exact up to rounding: integer and Gaussian problems of at most eight rows and columns.
DIAGONAL_TOLERANCE = 1e-9
#: Descents stop at a gradient, and clocks of later jumps amplify what is left.
MATRIX_TOLERANCE = 1e-7
#: Seconds: solvers of problems as small take milliseconds, and exact arithmetic a second.
TIME_LIMIT = 30.0


def check_diagonal_path(
    solver: Callable[..., Any],
    *,
    takes: Iterable[str] | None = None,
    tolerance: float = DIAGONAL_TOLERANCE,
    minimum_norm: bool = True,
    extremes: bool = False,
    boundary: float = 1.0,
    max_examples: int = 40,
    time_limit: float | None = TIME_LIMIT,
    keep_going: bool = False,
) -> Report:
    """Try a solver for saddle paths of diagonal linear networks on every law.

    Parameters
    ----------
    solver : callable
        ``solver(X, y)`` for X (n, d) and y (n,), the loss |y − Xβ|²/(2n), no centring. It returns
        an object with ``times`` (K+1,), ``betas`` (K+1, d) and ``losses`` (K+1,), the start at
        time 0 included, a mapping with these keys, or the three in a tuple. Times are
        t / log(1/α). If the result also has ``active``, ``entered``, ``left`` or ``duals``, as a
        `SaddlePath` does, they are tried too.
    takes : iterable of str, optional
        What else it takes: "max_jumps", "boundaries", "sample_weight", or "Regression" if X may be
        one. By default the names among its parameters; laws that need others are left out.
    tolerance : float
        Relative error that counts as rounding.
    minimum_norm : bool
        Whether β must be the shortest where it is not unique. If not, any with the right fit and
        signs will do.
    extremes : bool
        Whether data are also scaled by factors up to 1e150 (features by 2^400 and 2^-600).
    boundary : float
        At which ±S_i the clocks of the network ring: 1 for the one of two layers. For depth 3 and
        more it is what `saddles.boundaries` gives, and times are t α^(depth − 2).
    max_examples : int
        Problems per law, at least 1.
    time_limit : float, optional
        Seconds that one call of the solver may take; None for no limit. The solver runs in a
        separate thread, which keeps running if the time is over.
    keep_going : bool
        Whether to go on after a broken law: the report then lists all that are broken. A solver
        that is late is not called again.

    Returns
    -------
    Report
        Laws that hold, those that are broken, and those not tried; print it.

    Raises
    ------
    LawError
        For the first law that is broken, unless `keep_going`: its statement, the smallest problem
        found, what was expected there and what the solver gave. If the solver raised, that is its
        cause.
    TypeError, ValueError
        If an argument is not what it must be.
    ImportError
        Without hypothesis.

    Notes
    -----
    The dynamics of Pesme and Flammarion (2023, arXiv:2304.00488) leave one answer: clocks within
    [−1, 1], one reaches its boundary at every jump, coefficients of the sign of their clock, a
    gradient that vanishes on them and pushes nobody beyond a boundary. These are tried first.

    Examples
    --------
    >>> import saddles, saddles.testing
    >>> report = saddles.testing.check_diagonal_path(saddles.pesme_flammarion, max_examples=5)
    >>> print(report)
    26 laws hold on 75 problems
    not tried: weighting all samples alike (the solver takes no sample_weight or Regression)
    """
    rules = _rules(tolerance, minimum_norm=minimum_norm, extremes=extremes)
    rules["boundaries"] = (float(checks.boundary(boundary, "boundary", 1)[0]),) * 2
    laws = (_diagonal_identities.IDENTITIES, _diagonal_laws.CHANGES, _diagonal_laws.NEEDS)
    subject = Solver.of(solver, takes, **rules, **_limit(time_limit))
    return _check(subject, "REGRESSIONS", laws, ("X", "y"), max_examples, keep_going)


def check_greedy_low_rank(
    solver: Callable[..., Any],
    *,
    takes: Iterable[str] | None = None,
    tolerance: float = MATRIX_TOLERANCE,
    max_examples: int = 20,
    time_limit: float | None = TIME_LIMIT,
    keep_going: bool = False,
) -> Report:
    """Try a solver for greedy low-rank learning of symmetric matrices on every law.

    Parameters
    ----------
    solver : callable
        ``solver(loss)`` for a `saddles.MatrixLoss`, of which it may use ``size``, ``value(W)`` and
        ``gradient(W)``. It returns ``times`` (K+1,), ``betas`` (K+1, d, d), the W = UUᵀ, and
        ``losses`` (K+1,), in the forms that `check_diagonal_path` lists. Times are t / log(1/α) of
        U' = −∇f(UUᵀ) U, without a factor 2.
    takes : iterable of str, optional
        "max_jumps", if it takes that; by default its parameters say so.
    tolerance : float
        Relative error that the descents may leave.
    max_examples : int
        Problems per law, at least 1.
    time_limit : float, optional
        Seconds that one call of the solver may take; None for no limit.
    keep_going : bool
        Whether to go on after a broken law, and list them all.

    Returns
    -------
    Report
        Laws that hold, those that are broken, and those not tried.

    Raises
    ------
    LawError, TypeError, ValueError, ImportError
        As `check_diagonal_path` does.

    Notes
    -----
    Source: Li, Luo and Lyu (2021, arXiv:2012.09839). Problems are in general position, apart from
    equal eigenvalues of a matrix with all entries observed, which must be one jump.

    Examples
    --------
    >>> import saddles, saddles.testing
    >>> report = saddles.testing.check_greedy_low_rank(saddles.greedy_low_rank, max_examples=2)
    >>> print(report)
    14 laws hold on 16 problems
    """
    laws = (_low_rank_laws.IDENTITIES, _low_rank_laws.CHANGES, _low_rank_laws.NEEDS)
    subject = Solver.of(solver, takes, **_rules(tolerance), **_limit(time_limit))
    return _check(subject, "MATRIX_LOSSES", laws, ("loss",), max_examples, keep_going)


def check_linear_path(
    solver: Callable[..., Any],
    *,
    takes: Iterable[str] | None = None,
    tolerance: float = MATRIX_TOLERANCE,
    max_examples: int = 20,
    time_limit: float | None = TIME_LIMIT,
    keep_going: bool = False,
) -> Report:
    """Try a solver for saddle paths of two-layer linear networks on every law.

    Parameters
    ----------
    solver : callable
        ``solver(sigma_xx, sigma_yx)`` for Σxx (d, d) and Σyx (c, d). It returns ``times`` (K+1,),
        ``betas`` (K+1, c, d), the maps AW, and ``losses`` (K+1,), in the forms that
        `check_diagonal_path` lists. The loss is ½ E|y − AWx|² less that of the best linear map,
        times are t / log(1/α), and the network is as wide as it needs to be.
    takes : iterable of str, optional
        "max_jumps", if it takes that; by default its parameters say so.
    tolerance : float
        Relative error that the descents may leave.
    max_examples : int
        Problems per law, at least 1.
    time_limit : float, optional
        Seconds that one call of the solver may take; None for no limit.
    keep_going : bool
        Whether to go on after a broken law, and list them all.

    Returns
    -------
    Report
        Laws that hold, those that are broken, and those not tried.

    Raises
    ------
    LawError, TypeError, ValueError, ImportError
        As `check_diagonal_path` does.

    Notes
    -----
    Source: Kunin et al. (2025, arXiv:2506.06489), with the order of the clocks.

    Examples
    --------
    >>> import saddles, saddles.testing
    >>> report = saddles.testing.check_linear_path(saddles.agf.linear, max_examples=2)
    >>> print(report)
    13 laws hold on 16 problems
    """
    laws = (_linear_laws.IDENTITIES, _linear_laws.CHANGES, _linear_laws.NEEDS)
    subject = Solver.of(solver, takes, **_rules(tolerance), **_limit(time_limit))
    return _check(subject, "MOMENTS", laws, ("sigma_xx", "sigma_yx"), max_examples, keep_going)


def assert_diagonal_path(
    path: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    tolerance: float = DIAGONAL_TOLERANCE,
    minimum_norm: bool = True,
    finished: bool = True,
    boundaries: tuple[ArrayLike, ArrayLike] = (1.0, 1.0),
) -> None:
    """Raise unless a path is the saddle path of a diagonal linear network on these data.

    For your own tests: under ``@given(saddles.testing.regressions())``, or on data of interest.
    It needs no hypothesis.

    Parameters
    ----------
    path : object
        An answer in one of the forms that `check_diagonal_path` lists.
    X, y : array_like of shapes (n, d) and (n,)
        The data.
    tolerance : float
        See `check_diagonal_path`.
    minimum_norm : bool
        See `check_diagonal_path`.
    finished : bool
        Whether the path must go to the end of training.
    boundaries : (t_plus, t_minus)
        Values of +S_i and −S_i at which coordinate i activates, a number or one per feature: for
        other depths and starts, `saddles.boundaries`.

    Raises
    ------
    LawError
        For the first law that is broken.
    TypeError, ValueError
        If the data are no regression, or the boundaries none.

    Examples
    --------
    >>> import saddles, saddles.testing
    >>> X, y = [[1.0, 0.5], [0.0, 1.0]], [2.0, 1.0]
    >>> path = saddles.pesme_flammarion(X, y)
    >>> saddles.testing.assert_diagonal_path(path, X, y)
    """
    problem = Regression(X, y)
    rules = _rules(tolerance, minimum_norm=minimum_norm, finished=finished)
    names = ("boundaries[0]", "boundaries[1]")
    rules["boundaries"] = tuple(
        checks.boundary(side, name, problem.n_features)
        for side, name in zip(boundaries, names, strict=True)
    )
    data = {"X": problem.X, "y": problem.y}
    _assert(path, data, _diagonal_identities.IDENTITIES, rules)


def assert_low_rank_path(
    path: Any, loss: Any, *, tolerance: float = MATRIX_TOLERANCE, finished: bool = True
) -> None:
    """Raise unless a path is that of greedy low-rank learning of this loss.

    Parameters
    ----------
    path : object
        An answer as `check_greedy_low_rank` describes it.
    loss : MatrixLoss
        f, in general position.
    tolerance : float
        Relative error that the descents may leave.
    finished : bool
        Whether the path must go to the end of training.

    Raises
    ------
    LawError
        For the first law that is broken.

    Examples
    --------
    >>> import numpy as np, saddles, saddles.testing
    >>> loss = saddles.FullMatrix(np.diag([2.0, 1.0]))
    >>> saddles.testing.assert_low_rank_path(saddles.greedy_low_rank(loss), loss)
    """
    rules = _rules(tolerance, finished=finished)
    _assert(path, {"loss": loss}, _low_rank_laws.IDENTITIES, rules)


def assert_linear_path(
    path: Any,
    sigma_xx: ArrayLike,
    sigma_yx: ArrayLike,
    *,
    tolerance: float = MATRIX_TOLERANCE,
    finished: bool = True,
) -> None:
    """Raise unless a path is that of a linear network on data with these second moments.

    Parameters
    ----------
    path : object
        An answer as `check_linear_path` describes it.
    sigma_xx, sigma_yx : array_like of shapes (d, d) and (c, d)
        Second moments, in general position.
    tolerance : float
        Relative error that the descents may leave.
    finished : bool
        Whether the path must go to the end of training.

    Raises
    ------
    LawError
        For the first law that is broken.
    TypeError, ValueError
        If no data can have these moments.

    Examples
    --------
    >>> import numpy as np, saddles, saddles.testing
    >>> moments = np.eye(2), np.array([[3.0, 1.0], [0.0, 1.0]])
    >>> saddles.testing.assert_linear_path(saddles.agf.linear(*moments), *moments)
    """
    xx, yx = checks.symmetric(sigma_xx, "sigma_xx"), checks.real_array(sigma_yx, "sigma_yx", 2)
    rules = _rules(tolerance, finished=finished)
    _assert(path, {"sigma_xx": xx, "sigma_yx": yx}, _linear_laws.IDENTITIES, rules)


def _rules(tolerance: Any, **flags: bool) -> dict[str, Any]:
    """Validate what is asked of a solver."""
    rule = "it is relative and must lie in (0, 1)"
    return {"tolerance": checks.real_number(tolerance, "tolerance", rule, lambda v: 0 < v < 1)} | {
        name: bool(value) for name, value in flags.items()
    }


def _limit(time_limit: Any) -> dict[str, float]:
    """Validate how long a call may take."""
    if time_limit is None:
        return {}
    rule = "it is in seconds and must be above 0, or None for no limit"
    return {"time_limit": checks.real_number(time_limit, "time_limit", rule, lambda v: v > 0)}


def _check(
    solver: Solver,
    kinds: str,
    laws: tuple[Sequence[Law], Sequence[Law], Mapping[Law, tuple[str, ...]]],
    names: tuple[str, ...],
    max_examples: int,
    keep_going: bool,
) -> Report:
    """Try the laws on problems of the kinds named."""
    from saddles.testing import _search, strategies

    identities, changes, needs = laws
    return _search.try_laws(
        identities,
        changes,
        solver,
        [kind() for kind in getattr(strategies, kinds)],
        names,
        needs=needs,
        max_examples=checks.whole_number(max_examples, "max_examples", least=1),
        keep_going=bool(keep_going),
    )


def _assert(path: Any, data: dict[str, Any], laws: Sequence[Law], rules: dict[str, Any]) -> None:
    """Try the laws of a single answer."""
    solver = Solver(function=lambda *_: path, known=True, **rules)
    for law in laws:
        try:
            law(solver, *data.values(), None)
        except Broken as broken:
            raise LawError(law, data, broken) from broken.__cause__

"""The limit path of a diagonal linear network, in exact rational arithmetic.

A literal transcription of Algorithm 1 of Pesme & Flammarion, "Saddle-to-saddle dynamics in diagonal
linear networks" (2023, arXiv:2304.00488), as restated (Algorithm 2) by Kunin et al., "Alternating
gradient flows" (2025, arXiv:2506.06489). The network is β = u⊙v from u = α·1, v = 0, the loss is
L = 1/(2n) |y − Xβ|², and times are scaled: τ = t / log(1/α) as α → 0.

Every number is a `fractions.Fraction`: a tie is a tie, a zero gradient is zero, and nothing has a
tolerance. The arg min over the saturated coordinates is the active-set method of Lawson & Hanson,
"Solving least squares problems" (1974), chapter 23.

==============  =========================================================================
code            symbol
==============  =========================================================================
``gram``        XᵀX
``moment``      Xᵀy
``gradient``    ∇L(β) = (XᵀXβ − Xᵀy) / n
``S``           dual variable S, inside the box −lower ≤ S ≤ upper (the paper: ±1)
``D``           coordinates that move, ∇L(β)_j ≠ 0
``tau``         τ*, the wait until the next S_j reaches a side of its box
``signs``       +1 where S = upper, −1 where S = −lower, 0 strictly inside
==============  =========================================================================
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

Number = int | float | Fraction
Vector = list[Fraction]
Matrix = list[list[Fraction]]


@dataclass(frozen=True)
class Path:
    """The saddles of one path in order, the origin first.

    Attributes
    ----------
    times : list of Fraction, (K+1,)
        Scaled time at which each saddle is reached.
    betas : list of list of Fraction, (K+1, d)
        The saddles β.
    losses : list of Fraction, (K+1,)
        L(β).
    duals : list of list of Fraction, (K+1, d)
        S at the moment of each jump; S is linear in time between two of them.
    fits : list of list of Fraction, (K+1, n)
        Xβ, which is unique even where β is not.
    unique : list of bool, (K+1,)
        Whether β is the only minimiser of the loss under its sign constraints.
    """

    times: Vector
    betas: Matrix
    losses: Vector
    duals: Matrix
    fits: Matrix
    unique: list[bool]


def pesme_flammarion(
    X: Iterable[Iterable[Number]],
    y: Iterable[Number],
    boundaries: tuple[Iterable[Number], Iterable[Number]] | None = None,
) -> Path:
    """Follow the saddles of the diagonal network on (X, y) until the gradient vanishes.

    The loop ends for every input: the loss falls strictly at each jump, and each saddle is the
    minimiser for one of the 3^d sign patterns.

    Parameters
    ----------
    X : (n, d)
        Data: nested lists or an array, of ints, floats (each exactly the rational that it is) or
        Fractions.
    y : (n,)
        Targets.
    boundaries : pair of (d,), optional
        (t_plus, t_minus), both positive: the box is −t_minus ≤ S ≤ t_plus instead of ±1, as for
        deeper or asymmetric diagonal networks (arXiv:2607.12332).

    Returns
    -------
    Path
        Scaled times of the mean loss; those of the sum loss ½|y − Xβ|² are n times smaller.
    """
    rows, target = [_exact(row) for row in X], _exact(y)
    n, d = _shape(rows, target)
    upper, lower = _box(boundaries, d)
    columns = list(zip(*rows, strict=True))
    gram = [[_dot(a, b) for b in columns] for a in columns]
    moment = [_dot(a, target) for a in columns]

    path = Path([], [], [], [], [], [])
    t, beta, S = Fraction(0), [Fraction(0)] * d, [Fraction(0)] * d
    while True:
        gradient = [(_dot(gram[i], beta) - moment[i]) / n for i in range(d)]
        fit = [_dot(row, beta) for row in rows]
        path.times.append(t)
        path.betas.append(beta)
        path.losses.append(
            sum(((a - b) ** 2 for a, b in zip(target, fit, strict=True)), Fraction(0)) / (2 * n)
        )
        path.duals.append(S)
        path.fits.append(fit)
        path.unique.append(_is_unique(gram, beta, _signs(S, upper, lower), gradient))

        D = [j for j in range(d) if gradient[j] != 0]
        if not D:
            return path
        tau = min(
            wait
            for i in D
            for side in (upper[i], -lower[i])
            if (wait := (S[i] - side) / gradient[i]) > 0
        )
        t, S = t + tau, [S[i] - tau * gradient[i] for i in range(d)]
        beta = _constrained_argmin(gram, moment, _signs(S, upper, lower))


def _constrained_argmin(gram: Matrix, moment: Vector, signs: list[int]) -> Vector:
    """Minimise the loss over β with β_i ≥ 0, ≤ 0 or = 0 as signs_i is +1, −1 or 0.

    Every saturated coordinate takes part, ties and coordinates at rest included; which of them
    leave zero is for the minimiser to say.
    """
    saturated = [i for i, sign in enumerate(signs) if sign]
    sizes = nonnegative_least_squares(
        [[signs[i] * signs[j] * gram[i][j] for j in saturated] for i in saturated],
        [signs[i] * moment[i] for i in saturated],
    )
    beta = [Fraction(0)] * len(signs)
    for i, size in zip(saturated, sizes, strict=True):
        beta[i] = signs[i] * size
    return beta


def nonnegative_least_squares(gram: Matrix, moment: Vector) -> Vector:
    """Minimise ½|b − Ax|² over x ≥ 0, given AᵀA and Aᵀb, exactly (Lawson & Hanson).

    Right for dependent, repeated and zero columns: a column joins only if its gradient is strictly
    positive, hence it is not in the span of the passive ones, to which the residual is orthogonal.
    So the passive columns stay independent, and the objective falls strictly with every column
    that joins, which excludes cycles.

    Parameters
    ----------
    gram : (m, m)
        AᵀA.
    moment : (m,)
        Aᵀb.

    Returns
    -------
    list of Fraction, (m,)
        A minimiser; the columns where it is positive are linearly independent.
    """
    x = [Fraction(0)] * len(moment)
    passive: list[int] = []
    while True:
        slope = [
            b - sum(row[i] * x[i] for i in passive) for row, b in zip(gram, moment, strict=True)
        ]
        steepest = max(range(len(x)), key=slope.__getitem__, default=None)
        if steepest is None or slope[steepest] <= 0:
            return x
        passive.append(steepest)
        while True:
            goal = solve(
                [[gram[i][j] for j in passive] for i in passive], [moment[i] for i in passive]
            )
            blocked = [x[i] / (x[i] - z) for i, z in zip(passive, goal, strict=True) if z <= 0]
            step = min(blocked, default=Fraction(1))
            for i, z in zip(passive, goal, strict=True):
                x[i] += step * (z - x[i])
            if not blocked:
                break
            passive = [i for i in passive if x[i] > 0]


def solve(matrix: Matrix, rhs: Vector) -> Vector:
    """Solve a positive definite system by fraction-free Gauss–Jordan elimination (Bareiss).

    The rows are first scaled to integers; then each division by the previous pivot is exact. No
    pivot search is needed, since the leading minors are positive.
    """
    rows = [_integers([*row, b]) for row, b in zip(matrix, rhs, strict=True)]
    previous = 1
    for k, pivot_row in enumerate(rows):
        pivot = pivot_row[k]
        for i, row in enumerate(rows):
            if i != k:
                rows[i] = [
                    (pivot * a - row[k] * b) // previous
                    for a, b in zip(row, pivot_row, strict=True)
                ]
        previous = pivot
    return [Fraction(row[-1], row[i]) for i, row in enumerate(rows)]


def _is_unique(gram: Matrix, beta: Vector, signs: list[int], gradient: Vector) -> bool:
    """Decide exactly whether β is the only minimiser under its sign constraints.

    Two minimisers have the same fit, and a coordinate whose gradient presses it against zero stays
    there. So another minimiser is β + d with d ≠ 0 on the saturated coordinates E of zero gradient,
    A_E d = 0, and d ≥ 0 (signed) where β rests at zero. Dependent columns alone do not
    make one: the signs of the dependency matter. As the columns where β ≠ 0 are independent,
    such a d is somewhere positive on the resting coordinates; scaled to sum one there, it exists
    iff min |A_E d|² + (1 − Σ_rest d)² is zero. That is again a non-negative least squares (a free
    coordinate is the difference of two), whose minimum is 1 − Σ_rest d.
    """
    E = [i for i, sign in enumerate(signs) if sign and gradient[i] == 0]
    resting = [(i, signs[i], 1) for i in E if beta[i] == 0]
    if not resting:
        return True
    free = [(i, sign, 0) for i in E if beta[i] != 0 for sign in (1, -1)]
    generators = resting + free
    d = nonnegative_least_squares(
        [[a * b * gram[i][j] + p * q for j, b, q in generators] for i, a, p in generators],
        [Fraction(p) for _, _, p in generators],
    )
    return sum(d[: len(resting)]) != 1


def _signs(S: Vector, upper: Vector, lower: Vector) -> list[int]:
    return [(s == hi) - (s == -lo) for s, hi, lo in zip(S, upper, lower, strict=True)]


def _dot(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return sum((x * z for x, z in zip(a, b, strict=True) if x and z), Fraction(0))


def _integers(row: Vector) -> list[int]:
    """Multiply a row by the least common denominator of its entries."""
    scale = lcm(*(entry.denominator for entry in row))
    return [entry.numerator * (scale // entry.denominator) for entry in row]


def _exact(numbers: Iterable[Number]) -> Vector:
    # A numpy integer would keep its fixed width inside the Fraction and overflow: unwrap it first.
    return [Fraction(x.item() if hasattr(x, "item") else x) for x in numbers]


def _shape(rows: Matrix, target: Vector) -> tuple[int, int]:
    widths = {len(row) for row in rows}
    if len(rows) != len(target) or len(widths) != 1:
        raise ValueError(
            f"X has {len(rows)} rows of lengths {sorted(widths)} and y has {len(target)} entries: "
            "X must be a rectangle with one row for each entry of y, and at least one"
        )
    return len(rows), widths.pop()


def _box(
    boundaries: tuple[Iterable[Number], Iterable[Number]] | None, d: int
) -> tuple[Vector, Vector]:
    if boundaries is None:
        return [Fraction(1)] * d, [Fraction(1)] * d
    upper, lower = _exact(boundaries[0]), _exact(boundaries[1])
    if len(upper) != d or len(lower) != d or any(side <= 0 for side in upper + lower):
        raise ValueError(f"boundaries={boundaries!r}: both must be {d} positive numbers")
    return upper, lower

"""The usual finite groups by name."""

from __future__ import annotations

from functools import reduce
from operator import mul

import numpy as np

from saddles import checks
from saddles.groups._axioms import few
from saddles.groups._group import Group

__all__ = ["alternating", "cyclic", "dihedral", "quaternion", "symmetric"]


def cyclic(*orders: int) -> Group:
    """Return Z_m, the integers modulo m, or a product Z_m × Z_n × ….

    Parameters
    ----------
    *orders : int
        One or more moduli, each at least 1.

    Returns
    -------
    Group
        Element a has the number a; those of products are pairs, the last entry fastest.

    Raises
    ------
    TypeError, ValueError
        If a modulus is no whole number of at least 1.

    Examples
    --------
    >>> import saddles
    >>> saddles.groups.cyclic(2, 3)
    Group(name='Z_2 × Z_3', order=6)
    """
    if not orders:
        raise ValueError("orders=(): pass one modulus, or several for a product.")
    parts = []
    for m in orders:
        n = checks.whole_number(m, "orders", least=1)
        few(n, f"Z_{n}")
        numbers = np.arange(n)
        parts.append(Group(np.add.outer(numbers, numbers) % n, name=f"Z_{n}"))
    return reduce(mul, parts)


def dihedral(m: int) -> Group:
    """Return D_m, the 2m symmetries of a regular polygon of m corners.

    Parameters
    ----------
    m : int
        Number of corners, at least 1.

    Returns
    -------
    Group
        Rotation by i corners, after j = 0 or 1 reflections, has the number i + mj and the label
        (i, j).

    Raises
    ------
    TypeError, ValueError
        If `m` is no whole number of at least 1.

    Examples
    --------
    >>> import saddles
    >>> [(irrep.dim, irrep.kind) for irrep in saddles.groups.dihedral(3).irreps]
    [(1, 'real'), (1, 'real'), (2, 'real')]
    """
    n = checks.whole_number(m, "m", least=1)
    few(2 * n, f"D_{n}")
    j, i = np.divmod(np.arange(2 * n), n)
    turned = (i[:, None] + np.where(j, -1, 1)[:, None] * i) % n
    table = turned + n * (j[:, None] ^ j)
    return Group(table, tuple(zip(i.tolist(), j.tolist(), strict=True)), f"D_{n}")


def symmetric(m: int) -> Group:
    """Return S_m, all permutations of m things.

    Parameters
    ----------
    m : int
        Number of things, from 1 to 6.

    Returns
    -------
    Group
        Permutations in the order of their words, the identity first; g·h does h first.

    Raises
    ------
    TypeError, ValueError
        If `m` is no whole number from 1 to 6.

    Examples
    --------
    >>> import saddles
    >>> saddles.groups.symmetric(3).elements[:3]
    ((0, 1, 2), (0, 2, 1), (1, 0, 2))
    """
    n = _few(m)
    swaps = [[*range(k), k + 1, k, *range(k + 2, n)] for k in range(n - 1)]
    return Group.from_permutations(swaps or [[0]], name=f"S_{n}")


def alternating(m: int) -> Group:
    """Return A_m, the even permutations of m things.

    Parameters
    ----------
    m : int
        Number of things, from 1 to 6.

    Returns
    -------
    Group
        Permutations in the order of their words, the identity first; g·h does h first.

    Raises
    ------
    TypeError, ValueError
        If `m` is no whole number from 1 to 6.

    Examples
    --------
    >>> import saddles
    >>> [(irrep.dim, irrep.kind) for irrep in saddles.groups.alternating(4).irreps]
    [(1, 'real'), (1, 'complex'), (3, 'real')]
    """
    n = _few(m)
    turns = [[*range(k), k + 1, k + 2, k, *range(k + 3, n)] for k in range(n - 2)]
    return Group.from_permutations(turns or [[*range(n)]], name=f"A_{n}")


def quaternion() -> Group:
    """Return Q_8, the quaternions ±1, ±i, ±j, ±k.

    Returns
    -------
    Group
        Elements in the order 1, i, j, k, −1, −i, −j, −k.

    Examples
    --------
    >>> import saddles
    >>> [(irrep.dim, irrep.kind) for irrep in saddles.groups.quaternion().irreps][-1]
    (2, 'quaternionic')
    """
    # Products of 1, i, j, k: the unit, and 4 more where the sign is negative.
    units = np.array([[0, 1, 2, 3], [1, 4, 3, 6], [2, 7, 4, 1], [3, 2, 5, 4]])
    table = np.block([[units, units + 4], [units + 4, units + 8]]) % 8
    return Group(table, ("1", "i", "j", "k", "-1", "-i", "-j", "-k"), "Q_8")


def _few(m: int) -> int:
    """Return the number of things that are permuted."""
    n = checks.whole_number(m, "m", least=1)
    if n > 6:
        raise ValueError(f"m={m!r}: permutations of more than 6 things are too many; pass m <= 6.")
    return n

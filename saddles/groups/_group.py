"""A finite group: its multiplication table, and Fourier transforms of functions on it.

==================  ==============================================================
code name           symbol
==================  ==============================================================
``table``           entry [g, h] is g·h, (n, n)
``inverse``         g⁻¹, (n,)
``x``               a function on the group, (n,)
``fourier(x)``      x̂(ρ) = Σ_g x[g] ρ(g), a matrix (d, d) for each irrep
==================  ==============================================================
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles.groups._axioms import LARGEST, checked_table, few, listed
from saddles.groups._irreps import Irrep, found_irreps
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["Group"]


@dataclass(frozen=True, eq=False, repr=False)
class Group(Record):
    """A finite group, given by its multiplication table.

    Parameters
    ----------
    table : array_like of int, shape (n, n)
        Entry [g, h] is the number of the product g·h; elements are numbered from 0 to n − 1.
    elements : tuple of length n, optional
        A label for each element; by default its number.
    name : str, optional
        What the group is called in texts.

    Raises
    ------
    TypeError, ValueError
        If the table is none of a group: which axiom fails, and for which elements.

    Examples
    --------
    >>> import saddles
    >>> G = saddles.groups.Group([[0, 1, 2], [1, 2, 0], [2, 0, 1]])
    >>> G.order, [irrep.kind for irrep in G.irreps]
    (3, ['real', 'complex'])
    """

    table: Indices
    elements: tuple[Any, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        table = checked_table(self.table)
        elements = tuple(listed(self.elements, "elements", "labels")) or tuple(range(len(table)))
        if len(elements) != len(table):
            raise ValueError(
                f"elements={checks.show(elements)} has {len(elements)} labels for a group of "
                f"{len(table)} elements; give one each, or leave them out."
            )
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "elements", elements)
        object.__setattr__(self, "name", str(self.name) or f"group of order {len(table)}")

    @classmethod
    def from_permutations(cls, generators: Iterable[ArrayLike], *, name: str = "") -> Group:
        """Return the group that some permutations generate.

        Parameters
        ----------
        generators : iterable of array_like of int, shape (m,)
            Permutations of 0, …, m − 1: g sends i to ``g[i]``.
        name : str
            What the group is called.

        Returns
        -------
        Group
            Its elements in the order of their permutations, the identity first; g·h does h first.

        Raises
        ------
        TypeError, ValueError
            If a generator is no permutation, or the group has more than 2000 elements.

        Examples
        --------
        >>> import saddles
        >>> saddles.groups.Group.from_permutations([[1, 0, 2], [1, 2, 0]], name="S_3")
        Group(name='S_3', order=6)
        """
        words = _permutations(generators)
        elements = [tuple(range(len(words[0])))]
        number, parents = {elements[0]: 0}, [(0, 0)]
        right: list[list[int]] = []
        for g, element in enumerate(elements):
            right.append([])
            for s, word in enumerate(words):
                product = tuple(element[i] for i in word)
                if product not in number:
                    number[product] = len(elements)
                    elements.append(product)
                    parents.append((g, s))
                right[-1].append(number[product])
            if len(elements) > LARGEST:
                raise ValueError(
                    f"generators={checks.show(words)} generate more than {LARGEST} elements; "
                    "pass generators of a smaller group."
                )
        times, n = np.array(right, dtype=np.intp).reshape(len(elements), len(words)), len(elements)
        table = np.empty((n, n), dtype=np.intp)
        table[:, 0] = np.arange(n)
        for h, (parent, s) in enumerate(parents[1:], start=1):
            table[:, h] = times[table[:, parent], s]
        order = sorted(range(n), key=elements.__getitem__)
        table = np.argsort(order)[table[np.ix_(order, order)]]
        return cls(table, tuple(elements[g] for g in order), name)

    def __mul__(self, other: object) -> Group:
        """Return the direct product; element (g, h) has the number g·(order of the other) + h."""
        if not isinstance(other, Group):
            return NotImplemented
        m, n = other.order, self.order * other.order
        few(n, f"{self.name} × {other.name}")
        table = (m * self.table)[:, None, :, None] + other.table[None, :, None, :]
        elements = tuple((g, h) for g in self.elements for h in other.elements)
        return Group(table.reshape(n, n), elements, f"{self.name} × {other.name}")

    @property
    def order(self) -> int:
        """Number n of elements."""
        return len(self.table)

    @cached_property
    def identity(self) -> int:
        """The number of the identity."""
        return int((self.table[:, 0] == 0).argmax())

    @cached_property
    def inverse(self) -> Indices:
        """The inverse of each element, (n,)."""
        return np.asarray((self.table == self.identity).argmax(axis=1))

    @cached_property
    def irreps(self) -> tuple[Irrep, ...]:
        """Irreducible representations, by dimension, type and character; the trivial one first."""
        return found_irreps(self.table, self.inverse)

    def fourier(self, x: ArrayLike) -> tuple[Any, ...]:
        """Return x̂(ρ) = Σ_g x[g] ρ(g) of a function `x` (n,), a matrix (d, d) for each irrep.

        Only its singular values are sure: they do not depend on the basis of the irrep.
        """
        values = self._function(x)
        return tuple(np.tensordot(values, irrep.matrices, 1) for irrep in self.irreps)

    def project(self, x: ArrayLike, irrep: int) -> Array:
        """Return the part (n,) of a function `x` (n,) that belongs to irrep number `irrep`.

        Parts of all irreps are orthogonal, and sum to x.
        """
        values = self._function(x)
        rule = f"the group has {len(self.irreps)} irreps, numbered from 0"
        number = checks.whole_number(irrep, "irrep")
        if number >= len(self.irreps):
            raise ValueError(f"irrep={irrep!r}: {rule}.")
        one = self.irreps[number]
        # A shift's mean with a character is the projection.
        weights = one.character.real * (one.dim * (1 + (one.kind == "complex")) / self.order)
        return np.asarray(weights[self.table[self.inverse]] @ values)

    def power(self, x: ArrayLike) -> Array:
        """Return half the squared length of each irrep's part of `x` (n,): they sum to |x|²/2."""
        both = [1 + (irrep.kind == "complex") for irrep in self.irreps]
        dims = [irrep.dim for irrep in self.irreps]
        sizes = [float(np.sum(np.abs(matrix) ** 2)) for matrix in self.fourier(x)]
        return np.array(both) * dims * sizes / (2 * self.order)

    def _function(self, x: ArrayLike) -> Array:
        values = checks.real_array(x, "x", 1)
        if len(values) != self.order:
            raise ValueError(
                f"x={checks.show(values)} has length {len(values)}; a function on {self.name} has "
                f"{self.order} values, one per element."
            )
        return values

    def _shown(self) -> dict[str, Any]:
        return {"name": self.name, "order": self.order}


def _permutations(generators: Iterable[ArrayLike]) -> list[tuple[int, ...]]:
    """Return the generators as tuples of one length."""
    words = []
    for k, generator in enumerate(listed(generators, "generators", "permutations")):
        word = checks.real_array(generator, f"generators[{k}]", 1)
        if sorted(word.tolist()) != list(range(len(word))):
            raise ValueError(
                f"generators[{k}]={checks.show(word)} is no permutation of 0 to {len(word) - 1}; "
                "each of these numbers must occur once."
            )
        words.append(tuple(map(int, word)))
    if len({len(word) for word in words}) != 1:
        raise ValueError(
            f"generators={checks.show(words)} must be one or more permutations of equally many "
            "numbers."
        )
    return words

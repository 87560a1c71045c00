"""Finite groups for tests: the families, and groups of matrices modulo a prime as permutations."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np

from saddles.groups import Group, alternating, cyclic, dihedral, quaternion, symmetric

__all__ = ["GROUPS", "group_named", "matrix_group", "relabelled", "with_singular_values"]


def matrix_group(p, generators):
    """The group that matrices modulo p generate, by how they permute vectors."""
    vectors = list(product(range(p), repeat=len(generators[0])))
    number = {vector: i for i, vector in enumerate(vectors)}
    words = [
        [number[tuple((np.array(matrix) @ vector % p).tolist())] for vector in vectors]
        for matrix in generators
    ]
    return Group.from_permutations(words)


def relabelled(group, order):
    """The same group with its elements in another order: the new element i is `order[i]`."""
    order = np.asarray(order)
    return Group(np.argsort(order)[group.table[np.ix_(order, order)]])


#: Name -> the group, and dimensions and types of its irreps, r, c or q.
GROUPS = {
    "Z_6": (lambda: cyclic(6), "1r 1r 1c 1c"),
    "Z_2 × Z_3": (lambda: cyclic(2, 3), "1r 1r 1c 1c"),
    "S_3": (lambda: symmetric(3), "1r 1r 2r"),
    "D_3": (lambda: dihedral(3), "1r 1r 2r"),
    "D_4": (lambda: dihedral(4), "1r 1r 1r 1r 2r"),
    "D_5": (lambda: dihedral(5), "1r 1r 2r 2r"),
    "Q_8": (quaternion, "1r 1r 1r 1r 2q"),
    "A_4": (lambda: alternating(4), "1r 1c 3r"),
    "S_4": (lambda: symmetric(4), "1r 1r 2r 3r 3r"),
    "A_5": (lambda: alternating(5), "1r 3r 3r 4r 5r"),
    "SL(2,3)": (
        lambda: matrix_group(3, [[[1, 1], [0, 1]], [[1, 0], [1, 1]]]),
        "1r 1c 2c 2q 3r",
    ),
    "He_3": (
        lambda: matrix_group(
            3, [[[1, 1, 0], [0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1], [0, 0, 1]]]
        ),
        "1r 1c 1c 1c 1c 3c",
    ),
    "Z_5²": (lambda: cyclic(5, 5), "1r" + 12 * " 1c"),
    "S_5": (lambda: symmetric(5), "1r 1r 4r 4r 5r 5r 6r"),
}


@cache
def group_named(name):
    """One of `GROUPS`, with its irreps found once for all tests."""
    return GROUPS[name][0]()


def with_singular_values(group, parts):
    """A template whose x̂(ρ) has these singular values: number of the irrep -> value or values."""
    x = np.zeros(group.order)
    for number, values in parts.items():
        irrep = group.irreps[number]
        both = irrep.dim * (1 + (irrep.kind == "complex")) / group.order
        diagonal = np.broadcast_to(values, irrep.dim)
        x += both * np.einsum("gii,i->g", irrep.matrices.conj(), diagonal).real
    return x

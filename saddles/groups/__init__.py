"""Finite groups from their multiplication tables, and their irreducible representations.

``Group`` takes a table; ``Group.from_permutations`` generators. ``cyclic``, ``dihedral``,
``symmetric``, ``alternating`` and ``quaternion`` are the usual families, and ``G * H`` is a direct
product. ``Group.irreps`` are found numerically, to rounding, by numpy alone; each is an ``Irrep``.
`saddles.agf.GroupComposition` needs nothing else of a group.

Read `_axioms` first, then `_irreps` (how they are found), `_group` and `_families`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.groups._families import alternating, cyclic, dihedral, quaternion, symmetric
    from saddles.groups._group import Group
    from saddles.groups._irreps import Irrep

#: Public name -> the module that holds it.
_HOMES = {
    "Group": "saddles.groups._group",
    "Irrep": "saddles.groups._irreps",
    "alternating": "saddles.groups._families",
    "cyclic": "saddles.groups._families",
    "dihedral": "saddles.groups._families",
    "quaternion": "saddles.groups._families",
    "symmetric": "saddles.groups._families",
}

__all__ = ["Group", "Irrep", "alternating", "cyclic", "dihedral", "quaternion", "symmetric"]

__getattr__, __dir__ = lazily(__name__, _HOMES)

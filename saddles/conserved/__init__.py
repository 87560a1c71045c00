"""What gradient flow conserves, from the symmetries of a network: Noether's theorem for training.

Kunin, Sagastuy-Brena, Ganguli, Yamins and Tanaka, "Neural Mechanics" (ICLR 2021, arXiv:2012.04728).

``rescaling``, ``translation`` and ``scaling`` are the symmetries of common architectures, as
`Symmetry` records with generator and invariant. ``from_action`` makes such a record from any
one-parameter action. ``Symmetry.drift`` measures how well a flow, or the checkpoints of a run,
conserve the invariant. ``check`` tries whether a torch module has the symmetry, and
``checkpoints`` trains a module.

Read `_symmetry` first, the record and the theorem, then `_instances`, the symmetries in use.
`_action`, `_invariance` and `_checkpoints` hold ``from_action``, ``check`` and ``checkpoints``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.conserved._action import from_action
    from saddles.conserved._checkpoints import Checkpoints, checkpoints
    from saddles.conserved._instances import rescaling, scaling, translation
    from saddles.conserved._invariance import Invariance, check
    from saddles.conserved._symmetry import Drift, Symmetry

#: Public name -> the module that holds it.
_HOMES = {
    "Checkpoints": "saddles.conserved._checkpoints",
    "Drift": "saddles.conserved._symmetry",
    "Invariance": "saddles.conserved._invariance",
    "Symmetry": "saddles.conserved._symmetry",
    "check": "saddles.conserved._invariance",
    "checkpoints": "saddles.conserved._checkpoints",
    "from_action": "saddles.conserved._action",
    "rescaling": "saddles.conserved._instances",
    "scaling": "saddles.conserved._instances",
    "translation": "saddles.conserved._instances",
}

__all__ = [
    "Checkpoints",
    "Drift",
    "Invariance",
    "Symmetry",
    "check",
    "checkpoints",
    "from_action",
    "rescaling",
    "scaling",
    "translation",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)

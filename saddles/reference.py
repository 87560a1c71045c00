"""The oracles under the name that they have in an installed package, ``saddles.reference``.

In a checkout they are the top-level folder ``reference``, which is read from there. The wheel has
the folder itself in the place of this file. It imports nothing from ``saddles``, in either place.
"""

from __future__ import annotations

from pathlib import Path

__path__ = [str(Path(__file__).parents[1] / "reference")]

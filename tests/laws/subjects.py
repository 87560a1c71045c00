"""The algorithms that must obey the laws. A new one is one more entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import saddles
from saddles import SaddlePath


@dataclass(frozen=True)
class Subject:
    """An algorithm on regressions: ``solve(X, y, **options)``.

    Attributes
    ----------
    boundaries : bool
        Whether it takes `boundaries`, so that columns can be rescaled without changing the path.
    dual : bool
        Whether it returns dual points.
    """

    name: str
    solve: Callable[..., SaddlePath]
    boundaries: bool = False
    dual: bool = False


SUBJECTS = (
    Subject("pesme_flammarion", saddles.pesme_flammarion, boundaries=True, dual=True),
    Subject("agf.diagonal, limit", saddles.agf.diagonal),
    Subject("agf.diagonal, -230", partial(saddles.agf.diagonal, log_alpha=-230)),
    Subject("agf.diagonal, -0.1", partial(saddles.agf.diagonal, log_alpha=-0.1)),
)

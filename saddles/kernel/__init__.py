"""Neural tangent kernels: of any torch module, of two-layer networks, and along training.

``empirical`` differentiates a torch module. ``linear`` and ``relu`` are the closed forms of
two-layer networks, and need only numpy. ``distance`` and ``alignment`` compare kernels, and
``Evolution`` follows them along training. In lazy training the kernel hardly changes; if features
are learnt, it does.

Read `_closed` first, then `_empirical`, then `_evolution`, which holds the comparisons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.kernel._closed import linear, relu
    from saddles.kernel._empirical import empirical, evolution, jacobian
    from saddles.kernel._evolution import Evolution, alignment, centred, distance

#: Public name -> the module that holds it.
_HOMES = {
    "Evolution": "saddles.kernel._evolution",
    "alignment": "saddles.kernel._evolution",
    "centred": "saddles.kernel._evolution",
    "distance": "saddles.kernel._evolution",
    "empirical": "saddles.kernel._empirical",
    "evolution": "saddles.kernel._empirical",
    "jacobian": "saddles.kernel._empirical",
    "linear": "saddles.kernel._closed",
    "relu": "saddles.kernel._closed",
}

__all__ = [
    "Evolution",
    "alignment",
    "centred",
    "distance",
    "empirical",
    "evolution",
    "jacobian",
    "linear",
    "relu",
]

__getattr__, __dir__ = lazily(__name__, _HOMES)

"""AGF as a trainer: small networks that grow neuron by neuron and find their own width.

`AGF` trains a two-layer network without a learning rate: it maximises the utility of one more
neuron, minimises the cost of all neurons, lets superfluous ones leave, and goes on. The two halves
are `maximise_utility` and `minimise_cost`. It is a greedy method with the halves of alternating
gradient flow; `saddles.agf` has the path that gradient flow takes.

Read `_features`, `_losses` and `_rows` first, then the halves, `_utility` and `_cost`. `_back`,
`_score` and `_samples` are parts of one cost step, `_descent`, and `_polish` is the last step on
many samples. Then come `_run`, the functions of the one loop, and `_trainer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles.optim._halves import Cost, maximise_utility, minimise_cost
    from saddles.optim._network import Network
    from saddles.optim._step import Step
    from saddles.optim._trainer import AGF
    from saddles.optim._utility import Ascent

#: Public name -> the module that holds it.
_HOMES = {
    "AGF": "saddles.optim._trainer",
    "Ascent": "saddles.optim._utility",
    "Cost": "saddles.optim._halves",
    "Network": "saddles.optim._network",
    "Step": "saddles.optim._step",
    "maximise_utility": "saddles.optim._halves",
    "minimise_cost": "saddles.optim._halves",
}

__all__ = ["AGF", "Ascent", "Cost", "Network", "Step", "maximise_utility", "minimise_cost"]

__getattr__, __dir__ = lazily(__name__, _HOMES)

"""Saddle-to-saddle learning dynamics: predicted staircases and the flows they describe.

Neural networks started from a vanishing initialisation learn in jumps between saddles of the loss.
This package predicts the whole staircase (which saddles, in which order, at what times) and
compares every prediction with gradient flow. Names load when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._tools.lazy import lazily

if TYPE_CHECKING:
    from saddles import (
        agf,
        conserved,
        estimators,
        flow,
        groups,
        implicit_bias,
        kernel,
        neuron,
        optim,
        teacher_student,
        testing,
    )
    from saddles._compare.comparison import Comparison, compare
    from saddles._compare.recorder import Recorder
    from saddles._compare.training_run import compare_run
    from saddles._diagonal.boundaries import boundaries
    from saddles._diagonal.network import diagonal_network
    from saddles._diagonal.pesme_flammarion import pesme_flammarion
    from saddles._matrix.greedy_low_rank import greedy_low_rank
    from saddles._matrix.losses import FullMatrix, MatrixCompletion, MatrixLoss, MatrixSensing
    from saddles._problems.regression import Regression
    from saddles._result.certificate import Certificate, Certificates
    from saddles._result.flow import Flow
    from saddles._result.path import PathError, Saddle, SaddlePath
    from saddles._result.points import LowRank
    from saddles._result.remaining import Remaining
    from saddles._result.run import Run
    from saddles._sweep.sweep import PointFailure, Sweep, sweep
    from saddles.alternation import Algorithm, Rest, Ring, solve, trace
    from saddles.flow.vanishing import VanishingLimit, vanishing_limit
    from saddles.status import Status

__version__ = "0.2.0"

# Where pickles of earlier versions look for what has moved.
__path__.append(f"{__path__[0]}/_moved")

#: Public name -> the module that holds it.
_HOMES = {
    "Algorithm": "saddles.alternation",
    "Rest": "saddles.alternation",
    "Ring": "saddles.alternation",
    "solve": "saddles.alternation",
    "trace": "saddles.alternation",
    "Comparison": "saddles._compare.comparison",
    "compare": "saddles._compare.comparison",
    "greedy_low_rank": "saddles._matrix.greedy_low_rank",
    "boundaries": "saddles._diagonal.boundaries",
    "diagonal_network": "saddles._diagonal.network",
    "pesme_flammarion": "saddles._diagonal.pesme_flammarion",
    "Recorder": "saddles._compare.recorder",
    "Run": "saddles._result.run",
    "compare_run": "saddles._compare.training_run",
    "PointFailure": "saddles._sweep.sweep",
    "Sweep": "saddles._sweep.sweep",
    "sweep": "saddles._sweep.sweep",
    "Flow": "saddles._result.flow",
    "VanishingLimit": "saddles.flow.vanishing",
    "vanishing_limit": "saddles.flow.vanishing",
    "FullMatrix": "saddles._matrix.losses",
    "MatrixCompletion": "saddles._matrix.losses",
    "MatrixLoss": "saddles._matrix.losses",
    "MatrixSensing": "saddles._matrix.losses",
    "Certificate": "saddles._result.certificate",
    "Certificates": "saddles._result.certificate",
    "LowRank": "saddles._result.points",
    "Saddle": "saddles._result.path",
    "SaddlePath": "saddles._result.path",
    "Regression": "saddles._problems.regression",
    "Remaining": "saddles._result.remaining",
    "PathError": "saddles._result.path",
    "Status": "saddles.status",
}
_ROOMS = (
    "agf",
    "conserved",
    "estimators",
    "flow",
    "groups",
    "implicit_bias",
    "kernel",
    "neuron",
    "optim",
    "teacher_student",
    "testing",
)

__all__ = [
    "Algorithm",
    "Certificate",
    "Certificates",
    "Comparison",
    "Flow",
    "FullMatrix",
    "LowRank",
    "MatrixCompletion",
    "MatrixLoss",
    "MatrixSensing",
    "PathError",
    "PointFailure",
    "Recorder",
    "Regression",
    "Remaining",
    "Rest",
    "Ring",
    "Run",
    "Saddle",
    "SaddlePath",
    "Status",
    "Sweep",
    "VanishingLimit",
    "__version__",
    "agf",
    "boundaries",
    "compare",
    "compare_run",
    "conserved",
    "diagonal_network",
    "estimators",
    "flow",
    "greedy_low_rank",
    "groups",
    "implicit_bias",
    "kernel",
    "neuron",
    "optim",
    "pesme_flammarion",
    "solve",
    "sweep",
    "teacher_student",
    "testing",
    "trace",
    "vanishing_limit",
]

__getattr__, __dir__ = lazily(__name__, _HOMES, _ROOMS)

"""Saddle-to-saddle learning dynamics: predicted staircases and the flows they describe.

Neural networks started from a vanishing initialisation learn in jumps between saddles of the loss.
This package predicts the whole staircase (which saddle, in which order, at what time) and checks
every prediction against the gradient flow that it is about. Names load when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._lazy import lazily

if TYPE_CHECKING:
    from saddles import (
        agf,
        conserved,
        estimators,
        flow,
        implicit_bias,
        kernel,
        neuron,
        teacher_student,
        testing,
    )
    from saddles._compare import Comparison, compare
    from saddles._greedy_low_rank import greedy_low_rank
    from saddles._pesme_flammarion import pesme_flammarion
    from saddles._points import LowRank
    from saddles._recorder import Recorder
    from saddles._run import Run, compare_run
    from saddles._sweep import PointFailure, Sweep, sweep
    from saddles.alternation import Algorithm, Ring, solve, trace
    from saddles.certificate import Certificate, Certificates
    from saddles.flow.result import Flow
    from saddles.flow.vanishing import VanishingLimit, vanishing_limit
    from saddles.losses import FullMatrix, MatrixCompletion, MatrixLoss, MatrixSensing
    from saddles.path import Saddle, SaddlePath
    from saddles.problems import Regression
    from saddles.status import PathError, Status

__version__ = "0.1.0"

#: Public name -> the module that holds it.
_HOMES = {
    "Algorithm": "saddles.alternation",
    "Ring": "saddles.alternation",
    "solve": "saddles.alternation",
    "trace": "saddles.alternation",
    "Comparison": "saddles._compare",
    "compare": "saddles._compare",
    "greedy_low_rank": "saddles._greedy_low_rank",
    "pesme_flammarion": "saddles._pesme_flammarion",
    "Recorder": "saddles._recorder",
    "Run": "saddles._run",
    "compare_run": "saddles._run",
    "PointFailure": "saddles._sweep",
    "Sweep": "saddles._sweep",
    "sweep": "saddles._sweep",
    "Flow": "saddles.flow.result",
    "VanishingLimit": "saddles.flow.vanishing",
    "vanishing_limit": "saddles.flow.vanishing",
    "FullMatrix": "saddles.losses",
    "MatrixCompletion": "saddles.losses",
    "MatrixLoss": "saddles.losses",
    "MatrixSensing": "saddles.losses",
    "Certificate": "saddles.certificate",
    "Certificates": "saddles.certificate",
    "LowRank": "saddles._points",
    "Saddle": "saddles.path",
    "SaddlePath": "saddles.path",
    "Regression": "saddles.problems",
    "PathError": "saddles.status",
    "Status": "saddles.status",
}
_ROOMS = (
    "agf",
    "conserved",
    "estimators",
    "flow",
    "implicit_bias",
    "kernel",
    "neuron",
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
    "Ring",
    "Run",
    "Saddle",
    "SaddlePath",
    "Status",
    "Sweep",
    "VanishingLimit",
    "__version__",
    "agf",
    "compare",
    "compare_run",
    "conserved",
    "estimators",
    "flow",
    "greedy_low_rank",
    "implicit_bias",
    "kernel",
    "neuron",
    "pesme_flammarion",
    "solve",
    "sweep",
    "teacher_student",
    "testing",
    "trace",
    "vanishing_limit",
]

__getattr__, __dir__ = lazily(__name__, _HOMES, _ROOMS)

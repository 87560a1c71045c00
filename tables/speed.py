"""Timings, made only by name (``python -m tables speed``) and printed, since they are a machine's.

Every case is run in turn, round after round, in this process; medians are shown. The two imports
are timed in fresh interpreters.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy
from sklearn.linear_model import lars_path

import saddles
from reference.implicit_bias import single_neuron as convex_program
from tables import diabetes, implicit_bias, unaligned
from tables.table import Check, Table

ROUNDS = 15
#: Limits in seconds, and of the ratio of the two imports.
LIMITS = {"path, diabetes": 3e-3, "flow, d = 10, log(alpha) = -1e6": 0.3}
IMPORT_RATIO = 2.0
#: The closed form of Theorem 3.1 is to be so many times faster than the semidefinite program.
CLOSED_FORM = 100.0
#: Calls of the closed form that are timed together, so that its own caches are warm.
CALLS = 20


def build() -> Table:
    """Return the table."""
    X, y, _ = diabetes.data()
    U, v = unaligned.data()
    cases: dict[str, Callable[[], object]] = {
        "path, diabetes": lambda: saddles.pesme_flammarion(X, y),
        "AGF, diabetes": lambda: saddles.agf.diagonal(X, y),
        "lars_path, diabetes": lambda: lars_path(X, y, method="lasso"),
        "flow, d = 10, log(alpha) = -1e2": lambda: saddles.flow.diagonal(U, v, log_alpha=-1e2),
        "flow, d = 10, log(alpha) = -1e6": lambda: saddles.flow.diagonal(U, v, log_alpha=-1e6),
        "import numpy": lambda: _import("numpy"),
        "import saddles": lambda: _import("saddles"),
    }
    medians = _medians(cases)
    ratio = medians["import saddles"] / medians["import numpy"]
    checks = [Check(f"{name}, seconds", medians[name], limit) for name, limit in LIMITS.items()]
    checks.append(Check("import saddles over import numpy", ratio, IMPORT_RATIO))
    checks.append(
        Check("convex program over closed form, inverse ratio", _ratio(), 1 / CLOSED_FORM)
    )
    return Table(
        name="speed",
        title="Timings",
        text=(
            f"Medians of {ROUNDS} interleaved rounds on {platform.machine()}, Python "
            f"{platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}."
        ),
        frame=pd.DataFrame({"case": medians.keys(), "seconds": medians.values()}),
        checks=tuple(checks),
    )


def _ratio() -> float:
    """Return the time of Theorem 3.1's closed form over that of the convex program."""
    X, y, beta0 = implicit_bias.data()

    def closed() -> None:
        for _ in range(CALLS):
            saddles.implicit_bias.single_neuron(X, y, beta0=beta0, delta=-1.0)

    medians = _medians({"closed": closed, "convex": lambda: convex_program(X, y, beta0, -1.0)})
    return medians["closed"] / CALLS / medians["convex"]


def _medians(cases: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median seconds of each case; the first round warms up and is dropped."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS + 1):
        for name, run in cases.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return {name: float(np.median(values[1:])) for name, values in seconds.items()}


def _import(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)

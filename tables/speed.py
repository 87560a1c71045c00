"""Timings, made only by name (``python -m tables speed``) and printed, since they are a machine's.

Ours and the peer's run in turn in this process, on one thread; medians are shown, and the median of
the ratios of each turn. CPU seconds, except for the two imports, which run in fresh interpreters. A
peer does the same work, or raises: paths go to their ends, and what both leave is shown.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import scipy
import sklearn

import saddles
from reference.agf_diagonal import agf_diagonal
from reference.implicit_bias import single_neuron as convex_program
from saddles import Regression
from tables import implicit_bias, unaligned
from tables.peers import whole_lars
from tables.table import Check, Table, worst
from tables.timing import Cases, gaussian, in_turn, looked_at, slope, text_like

#: Whole paths beside the whole lasso path by lars_path, with rounds each.
PEERS = {(442, 10): 40, (200, 400): 9, (500, 2000): 5, (500, 20_000): 3}
#: For the growth in d and in n.
WIDER = [(200, 10_000), (200, 30_000), (200, 100_000), (200, 300_000), (200, 1_000_000)]
LONGER = [(100, 20_000), (200, 20_000), (400, 20_000)]
ROUNDS = 3
#: More samples than features: AGF beside the same written out in numpy, as in a notebook.
TALL, TALL_ROUNDS, LOG_ALPHA = [(20, 5), (50, 20), (100, 50), (200, 100), (442, 10)], 15, -230.0
#: Sparse designs beside the same ones filled in: jumps, and whether they are centred.
SPARSE = [(500, None, False), (2000, 100, False), (2000, 100, True)]
FEATURES = 100_000
#: A flow with many features, and the jumps that it is followed for.
WIDE, WIDE_JUMPS = (100, 2000), 20
#: Calls of the closed form that are timed together, so that its own caches are warm.
CALLS = 20
#: Most that the whole path may grow with d, as an exponent; what every certificate shows; how
#: closely a sparse path agrees with the filled in one, and a path with its peer, which may solve
#: normal equations: in the share of the loss that is left, or in times.
EXPONENT, CERTIFIED, AGREEMENT, SAME = 0.8, 1e-9, 1e-10, 1e-7
#: Most that a whole path may take of the time of lars_path, from 200 features on.
WHOLE = 1.0
#: Most of import numpy that importing the package may take; and of a semidefinite program that the
#: closed form of Theorem 3.1 may.
IMPORT, CLOSED_FORM = 2.0, 0.01


def build() -> Table:
    """Return the table."""
    sizes = list(dict.fromkeys([*PEERS, *WIDER, *LONGER]))
    paths = {size: _path(*size) for size in sizes}
    sparse = [_sparse(*design) for design in SPARSE]
    tall = [_tall(*size) for size in TALL]
    others = _others()
    rows = [*paths.values(), *sparse, *tall, *others]
    certificate = max(row.pop("certificate", 0.0) for row in rows)
    gap = max(row.pop("gap", 0.0) for row in rows)
    apart = max(row.pop("apart", 0.0) for row in rows)
    whole = max(1 / paths[size]["peer / ours"] for size in PEERS if size[1] >= 200)
    in_d = slope([d for _, d in WIDER], [paths[size]["seconds"] for size in WIDER])
    in_n = slope([n for n, _ in LONGER], [paths[size]["seconds"] for size in LONGER])
    shares = {row["case"]: 1 / row["peer / ours"] for row in others if "peer / ours" in row}
    return Table(
        name="speed",
        title="Timings",
        text=_text(in_d, in_n),
        frame=pd.DataFrame(rows),
        checks=(
            Check("worst certificate", certificate, CERTIFIED),
            Check("ours against the peer: loss left, AGF's times", apart, SAME),
            Check("whole path over whole lars_path, d >= 200", whole, WHOLE),
            Check("sparse against filled in, times and losses", gap, AGREEMENT),
            Check("growth exponent in d at n = 200", in_d, EXPONENT),
            Check("import saddles over import numpy", shares["import saddles"], IMPORT),
            Check("closed form over convex program", shares["Theorem 3.1"], CLOSED_FORM),
        ),
    )


def _text(in_d: float, in_n: float) -> str:
    return (
        f"{_processor()}, {platform.system()}, Python {platform.python_version()}, numpy "
        f"{np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}, one "
        "thread. Medians of runs in turn, in CPU seconds (imports: seconds); `peer / ours` is the "
        "median of the ratios. Both go to the end: `left` is the share of the first loss that is "
        "left there, `knots` counts the lasso's, `penalty` is its last one over the first. AGF is "
        f"compared at log(alpha) = {LOG_ALPHA:g} with the same algorithm written out in numpy on "
        "moments, without ties or certificates (`reference/agf_diagonal.py`). `product` is the "
        "time of a jump over that of one product Xᵀr, `looks` the mean share of the columns that a "
        "jump looks at, `memory` the peak allocated beyond the data, over the data. Whole paths "
        f"grow like d^{in_d:.2f} at n = 200 and like n^{in_n:.2f} at d = 20,000."
    )


def _processor() -> str:
    """Return the machine, and how many of its cores may be used."""
    name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"


def _path(n: int, d: int) -> dict[str, Any]:
    X, y = gaussian(n, d)
    found: dict[str, Any] = {}
    cases: Cases = {"ours": lambda: saddles.pesme_flammarion(X, y)}
    if (n, d) in PEERS:
        cases["lars_path"] = lambda: found.update(lasso=whole_lars(X, y))
    row = _row("path", cases, PEERS.get((n, d), ROUNDS))
    product = np.median(in_turn({"product": lambda: y @ X}, 9)["product"])
    looks = looked_at(X, y)
    jumps, left = len(looks.path) - 1, float(looks.path.losses[-1] / looks.path.losses[0])
    if found:
        lasso = found["lasso"]
        row |= {"knots": len(lasso.penalties), "penalty": lasso.last}
        row |= {"peer left": lasso.left(X, y), "apart": abs(lasso.left(X, y) - left)}
    return row | {
        "n": n,
        "d": d,
        "jumps": jumps,
        "left": left,
        "product": row["seconds"] / jumps / product,
        "looks": looks.share,
        "memory": looks.peak / X.nbytes,
        "certificate": looks.path.certificates.worst,
    }


def _tall(n: int, d: int) -> dict[str, Any]:
    """Return the row of AGF where there are more samples than features."""
    X, y = gaussian(n, d)
    path, literal = saddles.agf.diagonal(X, y, log_alpha=LOG_ALPHA), agf_diagonal(X, y, LOG_ALPHA)
    cases: Cases = {
        "ours": lambda: saddles.agf.diagonal(X, y, log_alpha=LOG_ALPHA),
        "written out": lambda: agf_diagonal(X, y, LOG_ALPHA),
    }
    return _row("AGF", cases, TALL_ROUNDS) | {
        "n": n,
        "d": d,
        "jumps": len(path) - 1,
        "left": path.losses[-1] / path.losses[0],
        "peer left": literal.losses[-1] / literal.losses[0],
        "certificate": path.certificates.worst,
        "apart": worst(literal.times, path.times),
    }


def _sparse(n: int, max_jumps: int | None, centre: bool) -> dict[str, Any]:
    """Return the row of a sparse design and of the same one, filled in and centred by hand."""
    X, y = text_like(n, FEATURES)
    filled, targets = X.toarray(order="F"), y
    if centre:
        filled -= filled.mean(axis=0)
        targets = y - y.mean()
    found: dict[str, saddles.SaddlePath] = {}

    def sparse() -> None:
        problem = Regression(X, y, centre=centre)
        found["sparse"] = saddles.pesme_flammarion(problem, max_jumps=max_jumps)

    def dense() -> None:
        found["dense"] = saddles.pesme_flammarion(filled, targets, max_jumps=max_jumps)

    row = _row(f"sparse path{', centred' * centre}", {"ours": sparse, "filled in": dense}, ROUNDS)
    ours, theirs = found["sparse"], found["dense"]
    return row | {
        "n": n,
        "d": FEATURES,
        "jumps": len(ours) - 1,
        "certificate": ours.certificates.worst,
        "gap": _gap(ours, theirs),
    }


def _gap(path: saddles.SaddlePath, other: saddles.SaddlePath) -> float:
    """Return the largest difference of times and losses; infinite if other units are active."""
    pairs = zip(path.active, other.active, strict=False)
    if len(path) != len(other) or any(u.tolist() != v.tolist() for u, v in pairs):
        return float("inf")
    times = np.abs(path.times[1:] / other.times[1:] - 1).max()
    return float(max(times, np.abs(path.losses - other.losses).max() / other.losses[0]))


def _others() -> list[dict[str, Any]]:
    """Return the rows of everything else."""
    U, v = unaligned.data()
    X0, y0, beta0 = implicit_bias.data()

    def closed() -> None:
        for _ in range(CALLS):
            saddles.implicit_bias.single_neuron(X0, y0, beta0=beta0, delta=-1.0)

    def program() -> None:
        if not convex_program(X0, y0, beta0, -1.0).accurate:
            raise RuntimeError("the convex program was not solved to its tolerances")

    imports: Cases = {"saddles": lambda: _import("saddles"), "numpy": lambda: _import("numpy")}
    rows = []
    for scale in (-1e2, -1e6):
        case = f"flow, log(alpha) = {scale:.0e}"
        flow: Cases = {"ours": partial(saddles.flow.diagonal, U, v, log_alpha=scale)}
        rows.append(_row(case, flow, ROUNDS) | {"n": U.shape[0], "d": U.shape[1]})
    rows.append(_wide_flow())
    rows.append(_row("Theorem 3.1", {"ours": closed, "convex program": program}, 9, CALLS))
    rows.append(_row("import saddles", imports, 7, clock=time.perf_counter))
    return rows


def _wide_flow() -> dict[str, Any]:
    """Return the row of a flow with many features, until the path's jump number `WIDE_JUMPS`."""
    n, d = WIDE
    X, y = gaussian(n, d)
    until = float(saddles.pesme_flammarion(X, y, max_jumps=WIDE_JUMPS).times[-1])
    flow: Cases = {"ours": partial(saddles.flow.diagonal, X, y, log_alpha=-1e4, until=until)}
    sizes = {"n": n, "d": d, "jumps": WIDE_JUMPS}
    return _row("flow, log(alpha) = -1e+04", flow, ROUNDS) | sizes


def _row(case: str, cases: Cases, rounds: int, calls: int = 1, clock: Any = None) -> dict[str, Any]:
    """Return the medians of one case, measured over `calls` calls, and of its peer, over one.

    A first round warms up and is dropped.
    """
    spent = in_turn(cases, rounds + 1, clock or time.process_time)
    (_, ours), *peers = spent.items()
    row: dict[str, Any] = {"case": case, "n": None, "d": None, "jumps": None}
    row["seconds"] = float(np.median(ours[1:])) / calls
    for name, seconds in peers:
        row["peer"], row["peer seconds"] = name, float(np.median(seconds[1:]))
        row["peer / ours"] = calls * float(np.median(seconds[1:] / ours[1:]))
    return row


def _import(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)

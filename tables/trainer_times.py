"""Timings of the trainer and its peers (``python -m tables trainer_times``), printed, not kept.

All methods of a case run in turn, seed by seed, on one thread. Seconds are those of the processor.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd

from tables import trainer_cases as cases
from tables import trainer_races as races
from tables.table import Check, Table
from tables.trainer import DIGITS, REGRESSION, TEACHER, Case, test_error

#: Most that AGF may take of the time of the search by L-BFGS, and of Adam's at its best rate for a
#: million samples, in total over the seeds.
SHARE, MANY_SHARE = 0.4, 0.6
#: Seeds of the race.
SEEDS = 5

SEARCH: dict[str, cases.Method] = {name: TEACHER[name] for name in ("AGF", "L-BFGS over widths")}


def _wide(seed: int) -> cases.Split:
    return cases.teacher(seed, d=50, m=10, n=5000)


CASES = (
    Case("teacher", cases.teacher, 20, SEARCH),
    Case("teacher of ten", _wide, 5, SEARCH),
    Case("friedman1", cases.friedman1, 5, REGRESSION),
    Case("diabetes", cases.diabetes, 5, REGRESSION),
    Case("digits", cases.digits, 5, {**DIGITS, "AGF, softmax": cases.grown_softmax}, classes=True),
)


def build() -> Table:
    """Return the table."""
    with cases.quiet():
        frames = [*(timed(case) for case in CASES), raced()]
        frame = pd.concat(frames, ignore_index=True)
    rates = frame[(frame.data == "a million samples") & (frame.method != "AGF")]
    share = frame.loc[(frame.data == "teacher") & (frame.method == "AGF"), "share"].iloc[0]
    return Table(
        name="trainer_times",
        title="Timings of the trainer",
        text=(
            "The data and methods of the table `trainer`, with more seeds, and a teacher of ten "
            "neurons in 50 dimensions with 5000 samples. CPU seconds of one thread: the median "
            "over the seeds, and `share`, AGF's total over the method's (for AGF itself, over that "
            "of the case's second method). Errors are medians. A million samples: a teacher of "
            f"five neurons with noise of standard deviation {races.NOISE}, seconds until the loss "
            f"on test samples is within {races.NEAR:.0%} of the noise floor for AGF, and within "
            f"{races.ROUGH:.0%} for Adam in batches of {races.BATCH} (infinite if not after "
            f"{races.LIMIT:g} seconds)."
        ),
        frame=frame,
        checks=(
            Check("teacher: time of AGF over that of the search", float(share), SHARE),
            Check(
                "a million samples: time of AGF over that of Adam at its best rate",
                float(rates["share"].max()),
                MANY_SHARE,
            ),
        ),
    )


def timed(case: Case) -> pd.DataFrame:
    """Return one row for each method of a case."""
    runs: dict[str, list[tuple[float, float, int | None]]] = {name: [] for name in case.methods}
    for seed in range(case.seeds):
        split = case.data(seed)
        for name, method in case.methods.items():
            began = time.process_time()
            found = method(split.X, split.y, seed)
            seconds = time.process_time() - began
            runs[name].append((seconds, test_error(case, split, found), found.neurons))
    totals = [sum(run[0] for run in each) for each in runs.values()]
    rows: list[dict[str, Any]] = []
    for (name, each), total in zip(runs.items(), totals, strict=True):
        errors = [error for _, error, _ in each]
        widths = [width for _, _, width in each if width is not None]
        rows.append(
            {
                "data": case.name,
                "method": name,
                "seconds": float(np.median([spent for spent, _, _ in each])),
                "share": totals[0] / (total if rows else totals[1]),
                "error": float(np.median(errors)),
                "worst error": max(errors),
                "neurons": ", ".join(map(str, widths)),
            }
        )
    return pd.DataFrame(rows)


def raced() -> pd.DataFrame:
    """Return one row for each method of the race."""
    runs = [races.million(seed) for seed in range(SEEDS)]
    frame = pd.DataFrame(
        {
            "data": "a million samples",
            "method": name,
            "seconds": float(np.median([run[name].seconds for run in runs])),
            "share": sum(run[name].seconds for run in runs),
            "neurons": ", ".join(str(run[name].neurons) for run in runs),
        }
        for name in runs[0]
    )
    frame["share"] = frame["share"].iloc[0] / frame["share"]
    return frame

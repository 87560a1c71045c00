"""The talk's teacher and student: how lazy training is, over overall and relative scale."""

from __future__ import annotations

import math
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd

from saddles import sweep, teacher_student
from tables.table import Check, Table

SCALES = (0.1, 0.25, 0.6, 1.5)
DELTAS = (-1.0, -0.5, 0.0, 0.5, 1.0)
SEEDS = range(6)
WORKERS = 2
#: Training error at which training ends, and the step of the descent, a share of the longest that
#: keeps the loss falling; half of it must give the same.
FITTED, STEP = 1e-3, 1.0
#: Paired differences of two starts on the same data count from this number of standard errors on.
SIGNIFICANT = 3.0
#: What halving the step may change, in standard errors over seeds.
HALVED = 0.5
#: Shown of means and of standard errors.
DIGITS, ERROR_DIGITS = 3, 2
COLUMNS = {
    "test_error": "test error",
    "kernel_distance": "kernel distance",
    "parameter_distance": "parameter distance",
    "hamming_distance": "Hamming distance",
    "time": "time",
}


def build() -> Table:
    """Return the table."""
    points = _trained(SCALES, DELTAS, STEP)
    groups = points.groupby(["scale", "delta"], sort=True)
    means = groups[list(COLUMNS)].mean()
    errors = groups[list(COLUMNS)].sem()
    frame = means.index.to_frame(index=False)
    for name, label in COLUMNS.items():
        frame[label] = [_rounded(value, DIGITS) for value in means[name]]
        frame[f"± {label}"] = [_rounded(value, ERROR_DIGITS) for value in errors[name]]
    distance = means["kernel_distance"].unstack("delta")
    falls = sum(
        int((distance.loc[small] <= distance.loc[large]).sum()) for small, large in pairwise(SCALES)
    )
    checks = (
        Check("training error, largest", float(points["train_error"].max()), FITTED),
        Check("kernel distance not falling with scale, pairs", falls, 0),
        Check("kernel distance falling with delta at the smallest scale, pairs", _falls(points), 0),
        Check(
            f"{SIGNIFICANT:g} standard errors over upstream minus downstream kernel distance",
            max(_significance(points, scale) for scale in SCALES),
            1.0,
        ),
        Check("kernel distance with half the step, standard errors", _halved(points), HALVED),
    )
    return Table(
        name="lazy_rich",
        title="Lazy and rich: a ReLU student of a ReLU teacher",
        text=(
            "When does a ReLU student learn features? 50 student neurons learn 3 teacher "
            "neurons from 50 samples on the unit sphere of 10 dimensions, by small-step "
            "gradient descent from f = 0 to a training error of 1e-3. Every neuron starts with "
            "|a| |w| = scale^2 and a^2 - |w|^2 = delta (upstream delta > 0, downstream delta < "
            "0). Means and standard errors (±) over 6 seeds of teacher, data and start.\n\n"
            "Columns: test error relative to predicting zero, kernel distance on the training "
            "samples, Hamming distance as a share of activations, and time of the mean-loss "
            "flow. The kernel moves most from small scales and, in this nonlinear network, from "
            "upstream starts. It rises with delta at every step at the smallest scale only."
        ),
        frame=frame,
        checks=checks,
        figure=_figure(means, errors),
        caption=(
            "Kernel distance and test error over the relative scale delta, one curve for each "
            "initial scale. The kernel moves most from the smallest scale."
        ),
    )


def _trained(scales: tuple[float, ...], deltas: tuple[float, ...], step: float) -> pd.DataFrame:
    """Return what `teacher_student.point` measures, one row per scale, delta and seed."""
    train = partial(teacher_student.point, tolerance=FITTED, step=step)
    run = sweep(train, {"scale": scales, "delta": deltas, "seed": SEEDS}, workers=WORKERS)
    if not run.success:
        raise RuntimeError(next(error.traceback for error in run.errors if error))
    frame: pd.DataFrame = run.to_frame()
    return frame


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _paired(points: pd.DataFrame, scale: float, low: float, high: float) -> tuple[float, float]:
    """Return mean and standard error of the kernel distance at delta = high minus that at low."""
    rows = points[points["scale"] == scale].set_index(["delta", "seed"])["kernel_distance"]
    difference = rows.loc[high] - rows.loc[low]
    return float(difference.mean()), float(difference.sem())


def _falls(points: pd.DataFrame) -> int:
    """Count the neighbouring deltas between which it falls by more than one standard error."""
    steps = (_paired(points, SCALES[0], low, high) for low, high in pairwise(DELTAS))
    return sum(mean < -error for mean, error in steps)


def _significance(points: pd.DataFrame, scale: float) -> float:
    """Return `SIGNIFICANT` errors over the paired difference, infinite if that is negative."""
    mean, error = _paired(points, scale, DELTAS[0], DELTAS[-1])
    return SIGNIFICANT * error / mean if mean > 0 else math.inf


def _halved(points: pd.DataFrame) -> float:
    """Return what half the step changes where the steps disturb the flow most."""
    worst = points.loc[points["conservation"].idxmax()]
    rows = points[(points["scale"] == worst["scale"]) & (points["delta"] == worst["delta"])]
    finer = _trained((float(worst["scale"]),), (float(worst["delta"]),), STEP / 2)
    change = abs(float(finer["kernel_distance"].mean()) - float(rows["kernel_distance"].mean()))
    return change / float(rows["kernel_distance"].sem())


def _figure(means: Any, errors: Any) -> object:
    from matplotlib.figure import Figure

    from saddles._pictures.staircase import COLOURS, STYLES

    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, name in zip(axes, ("kernel_distance", "test_error"), strict=True):
        for k, scale in enumerate(SCALES):
            axis.errorbar(
                DELTAS,
                means.loc[scale][name],
                errors.loc[scale][name],
                color=COLOURS[k],
                linestyle=STYLES[k],
                marker="o",
                markersize=3,
                capsize=2,
                label=f"scale {scale:g}",
            )
        axis.set(xlabel="relative scale δ", ylabel=COLUMNS[name])
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_yscale("log")
    axes[1].set_ylim(bottom=0)
    axes[1].legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure

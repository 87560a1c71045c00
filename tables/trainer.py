"""AGF as a trainer, compared with usual ways to train or to fit: widths, errors, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from saddles.typing import Array
from tables import trainer_cases as cases
from tables.table import Check, Table

#: Error, over the variance of the targets, below which a teacher counts as found.
EXACT = 1e-6
#: Largest error of the teachers that AGF finds: that of rounding.
ROUNDING = 1e-20
#: Most that the trainer's median error may be, over that of the MLP; and by which share it may
#: exceed the least one of the peers.
FRIEDMAN, DIABETES = 0.9, 0.03
#: By how much errors, and gradients and widths, may differ on other machines, relative: those of
#: the peers depend on how sums are rounded.
ERRORS, COUNTS = 0.2, 0.5
#: Errors this small depend on when training ends, and differ by as much.
NEAR = 1e-4


class Case(NamedTuple):
    """Data for each of some seeds, and the methods that learn from them."""

    name: str
    data: Callable[[int], cases.Split]
    seeds: int
    methods: dict[str, cases.Method]
    classes: bool = False


TEACHER: dict[str, cases.Method] = {
    "AGF": cases.agf,
    "L-BFGS over widths": cases.lbfgs,
    "Adam, 5 neurons": cases.gradients("Adam", 5),
    "Adam, 10 neurons": cases.gradients("Adam", 10),
    "Adam, 10 neurons, small start": cases.gradients("Adam", 10, cases.SMALL),
    "SGD, 10 neurons": cases.gradients("SGD", 10),
    "SGD, 10 neurons, small start": cases.gradients("SGD", 10, cases.SMALL),
    "Frank–Wolfe": cases.frank_wolfe,
    "orthogonal greedy": cases.orthogonal_greedy,
    "random features": cases.random_features,
}
REGRESSION: dict[str, cases.Method] = {
    "AGF": cases.regressor,
    "MLP": cases.mlp,
    "boosted trees": cases.boosting,
    "random features": cases.random_features,
    "ridge regression": cases.ridge,
}
NOISY = ("AGF", "L-BFGS over widths", "random features")
DIGITS: dict[str, cases.Method] = {
    "AGF, late descent": cases.grown_late,
    "MLP": cases.mlp_classifier,
}
CASES = (
    Case("teacher", cases.teacher, 3, TEACHER),
    Case(
        "noisy teacher",
        lambda seed: cases.teacher(seed, noise=0.3),
        3,
        {name: TEACHER[name] for name in NOISY},
    ),
    Case("friedman1", cases.friedman1, 3, REGRESSION),
    Case("diabetes", cases.diabetes, 5, REGRESSION),
    Case("digits", cases.digits, 2, DIGITS, classes=True),
)


def build() -> Table:
    """Return the table."""
    with cases.quiet():
        frame = pd.DataFrame([row for case in CASES for row in rows(case)])
    errors = frame.set_index(["data", "method"])["error"]
    exact = frame[(frame.data == "teacher") & (frame.method == "AGF")].iloc[0]
    friedman = errors["friedman1", "AGF"] / errors["friedman1", "MLP"]
    peers = errors["diabetes"].drop(["AGF", "ridge regression"])
    largest = frame.pop("largest")
    return Table(
        name="trainer",
        title="AGF as a trainer, compared with other ways to train",
        text=_text(),
        frame=_shown(frame),
        checks=(
            Check("teacher: largest error of AGF", float(largest[exact.name]), ROUNDING),
            Check("teacher: widest network of AGF, over the teacher's width", exact.widest / 5, 1),
            Check("friedman1: error of AGF over that of the MLP", friedman, FRIEDMAN),
            Check(
                "diabetes: error of AGF over the best of MLP, trees and random features, less 1",
                errors["diabetes", "AGF"] / peers.min() - 1,
                DIABETES,
            ),
        ),
        known=_known(frame),
    )


def rows(case: Case) -> list[dict[str, Any]]:
    """Return one row for each method: medians over the seeds."""
    splits = [case.data(seed) for seed in range(case.seeds)]
    return [_row(case, name, method, splits) for name, method in case.methods.items()]


def _row(case: Case, name: str, method: cases.Method, splits: list[cases.Split]) -> dict[str, Any]:
    found = [method(split.X, split.y, seed) for seed, split in enumerate(splits)]
    errors = [test_error(case, split, one) for split, one in zip(splits, found, strict=True)]
    widths = [one.neurons for one in found if one.neurons is not None]
    gradients = [one.gradients for one in found if one.gradients is not None]
    recovered = sum(value < EXACT for value in errors)
    return {
        "data": case.name,
        "method": name,
        "seeds": case.seeds,
        "neurons": float(np.median(widths)) if widths else None,
        "widest": max(widths) if widths else None,
        "error": float(np.median(errors)),
        "largest": max(errors),
        "found": recovered if case.name == "teacher" else None,
        "gradients": float(np.median(gradients)) if gradients else None,
    }


def test_error(case: Case, split: cases.Split, found: cases.Found) -> float:
    """Return the test error: the share of wrong classes, or of the variance of the targets."""
    predicted: Array = found.predict(split.X_test)
    if case.classes:
        return float(np.mean(predicted != split.y_test))
    return float(np.mean((predicted - split.y_test) ** 2) / np.var(split.y_test))


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers with the digits that mean something; exact fits are zero."""
    shown = frame.copy()
    shown["error"] = [_digits(e, 3) if e > ROUNDING else 0.0 for e in frame["error"]]
    shown["gradients"] = [g if pd.isna(g) else _digits(g, 2) for g in frame["gradients"]]
    return shown


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _known(frame: pd.DataFrame) -> dict[str, Array]:
    """Return what other machines may find otherwise: nothing for AGF on a teacher without noise."""
    exact = ((frame.data == "teacher") & (frame.method == "AGF")).to_numpy()
    share = {"error": ERRORS, "gradients": COUNTS, "neurons": COUNTS, "widest": COUNTS}
    known = {name: part * frame[name].fillna(0).to_numpy(float) for name, part in share.items()}
    known["error"] = np.maximum(known["error"], NEAR)
    known["found"] = np.ones(len(frame))
    for name in ("error", "neurons", "widest", "found"):
        known[name][exact] = 0.0
    return known


def _text() -> str:
    return (
        "Does a network that grows by AGF learn as well as one of a chosen width, and how wide "
        "does it become?\n\n"
        f"`teacher`: {cases.TEACHER} samples in 20 dimensions of five ReLU neurons with output "
        "weights ±U[0.5, 1.5], the noisy one with noise of standard deviation 0.3 (the test "
        f"samples have none). `friedman1`: {cases.FRIEDMAN} samples of ten features, with noise of "
        "variance 1. `diabetes` and `digits`: random splits, a quarter of the samples to test on. "
        "AGF has its defaults, but for digits twenty neurons come per jump, only output weights "
        "are refitted while the network grows, a fifth of the samples chooses the width, growth "
        f"may go on for {cases.PATIENCE} jumps without a better score, and all weights of the "
        "chosen network descend once. L-BFGS tries "
        f"widths {', '.join(map(str, cases.WIDTHS))} from {cases.RESTARTS} random starts each, "
        "until a network fits or a wider one is no better on a fifth of the samples. Adam, and SGD "
        f"with momentum {cases.MOMENTUM}, take {cases.STEPS:,} steps on all samples at each of "
        f"{len(cases.RATES['Adam'])} learning rates, of which the best on the samples counts. A "
        f"small start has {cases.SMALL} times the usual random weights. Frank–Wolfe minimises the "
        "loss over neurons of norm 1 whose output weights' absolute values add up to at most a "
        f"bound. It takes {cases.FRANK_WOLFE} steps, each towards the neuron that pulls most at "
        "the residual, and the bound is chosen on a fifth of the samples. Orthogonal greedy "
        f"learning adds {cases.GREEDY} neurons and refits output weights alone. The MLP is "
        "scikit-learn's, of 100 neurons, with early stopping and standardised targets for "
        f"regression. Random features are {cases.FEATURES} ReLU neurons, with a penalty chosen by "
        "cross-validation.\n\n"
        "Columns: number of seeds or splits; median and largest width; median test error (mean "
        "square over the variance of the targets, or share of wrong digits; 0 is rounding); for "
        f"`teacher`, the number of seeds with an error below {EXACT:.0e}; median number of "
        "gradients of single neurons, each over all samples, where a method counts them.\n\n"
        "What to notice: AGF finds every teacher at its own width. Adam at this width finds it "
        "from some starts only, and at twice the width comes near in these steps. SGD at twice the "
        "width finds one of three. Frank–Wolfe never moves a neuron that it has added, and needs "
        "many. L-BFGS needs eight neurons and more gradients. On the diabetes data one neuron is "
        "enough, and ridge regression is as good. On digits AGF has fewer errors than the MLP."
    )

"""Conserved quantities of torch modules: along gradient flow, and along gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from saddles import conserved
from tables.table import Check, Table

#: The flow is integrated to 1e-12 per step; a kink of ReLU costs another digit or two.
FLOW = 1e-9
#: The order of the drift in the step, fitted over a factor of 4, and how far from 1 it may be.
STEPS, ORDER = (0.04, 0.02, 0.01), 0.1
#: Rounding of one step, and of as many steps as the smallest step takes.
STEP_LAW, LINEAR = 1e-12, 1e-12
UNTIL, POINTS = 1.0, 11


class Attention(nn.Module):  # type: ignore[misc]
    """One head of softmax attention; its scores see the product of queries and keys alone."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.query = nn.Linear(dimension, dimension, bias=False)
        self.key = nn.Linear(dimension, dimension, bias=False)
        self.value = nn.Linear(dimension, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map sequences (n, t, d) to numbers (n, 1)."""
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        return (torch.softmax(scores, dim=2) @ self.value(x)).mean(dim=1)


@dataclass(frozen=True)
class Case:
    """A network with its data, its loss, and a symmetry; `of` is what the symmetry leaves alone."""

    module: nn.Module
    symmetry: conserved.Symmetry
    inputs: torch.Tensor
    loss: Callable[[Any], Any]
    of: Callable[[Any], Any] | None = None


def cases() -> dict[str, Case]:
    """Return the networks, seeded."""
    with torch.random.fork_rng():
        torch.manual_seed(2025)
        x, sequences = torch.randn(9, 3), torch.randn(6, 4, 3)
        targets, numbers = torch.randn(9, 2).double(), torch.randn(6, 1).double()
        classes = torch.arange(9) % 3
        linear = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2))
        softmax = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 3))
        # The smallest eps that torch takes: what it adds to a variance breaks the symmetry.
        norm = nn.BatchNorm1d(5, eps=1e-30)
        normalised = nn.Sequential(nn.Linear(3, 5), norm, nn.Tanh(), nn.Linear(5, 2))
        attention = Attention(3)
        # Many small ReLU networks slide along a kink, where no integrator of smooth flows can
        # follow; this one crosses kinks.
        torch.manual_seed(7)
        kinked, wanted = torch.randn(9, 3), torch.randn(9, 2).double()
        relu = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))

    def square(outputs: torch.Tensor) -> torch.Tensor:
        return ((outputs - targets) ** 2).mean()

    def entropy(outputs: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(outputs, classes)

    def product(p: dict[str, Any], s: Any) -> dict[str, Any]:
        grown = p["query.weight"] * torch.exp(s)
        return {"query.weight": grown, "key.weight": p["key.weight"] * torch.exp(-s)}

    matrix = conserved.rescaling("0.weight", "1.weight", linear=True)
    neurons = conserved.rescaling("0.weight", "2.weight", bias="0.bias")
    logits = conserved.translation("2.weight", bias="2.bias")
    rows = conserved.scaling("0.weight", rows=True)
    heads = conserved.from_action(product, attention.state_dict(), name="query against key")
    return {
        "linear layers": Case(linear, matrix, x, square),
        "ReLU layers": Case(relu, neurons, kinked, lambda z: ((z - wanted) ** 2).mean()),
        "softmax": Case(softmax, logits, x, entropy, lambda z: torch.softmax(z, dim=1)),
        "batch normalisation": Case(normalised, rows, x, square),
        "attention": Case(attention, heads, sequences, lambda z: ((z - numbers) ** 2).mean()),
    }


def build() -> Table:
    """Return the table."""
    rows: list[dict[str, object]] = []
    checks: list[Check] = []
    for name, case in cases().items():
        verdict = conserved.check(case.module, case.symmetry, case.inputs, loss=case.of)
        flow, drifts, law = _flow_drift(case), _descent_drifts(case), _step_law(case)
        checks.append(Check(f"{name}: invariance", verdict.deviation, verdict.tolerance))
        checks.append(Check(f"{name}: drift along the flow", flow, FLOW))
        row: dict[str, object] = {"network": name, "symmetry": case.symmetry.name}
        row["drift, flow"] = f"<{FLOW:.0e}" if flow <= FLOW else f"{flow:.1e}"
        exact = case.symmetry.degree == 1
        for step, drift in zip(STEPS, drifts, strict=True):
            row[f"step {step}"] = f"<{LINEAR:.0e}" if exact else f"{drift:.4e}"
        if exact:
            checks.append(Check(f"{name}: drift along descent", float(max(drifts)), LINEAR))
            row["order"] = "none"
        else:
            order = float(np.polyfit(np.log(STEPS), np.log(drifts), 1)[0])
            checks.append(Check(f"{name}: order of the drift, from 1", abs(order - 1), ORDER))
            row["order"] = f"{order:.4f}"
        checks.append(Check(f"{name}: law of one step", law, STEP_LAW))
        rows.append(row)
    return Table(
        name="conserved",
        title="Conserved quantities along gradient flow and along gradient descent",
        text=(
            "Does training conserve what a symmetry of the weights promises? Small torch "
            "modules on random data, each with one symmetry. The drift is that of its invariant "
            "up to time 1, relative to the size of the invariant's terms.\n\n"
            "Along gradient flow (integrated to 1e-12 per step) there is no drift. One step of "
            "gradient descent with step eta moves an invariant Q of second degree by eta^2 "
            "Q(gradient), so over a fixed time the drift is proportional to eta. The order is "
            "fitted over the three steps. An invariant of first degree (translation) does not "
            "move at all."
        ),
        frame=pd.DataFrame(rows),
        checks=tuple(checks),
    )


def _flow_drift(case: Case) -> float:
    times = np.linspace(0, UNTIL, POINTS)
    run = conserved.checkpoints(case.module, case.inputs, case.loss, times)
    return case.symmetry.drift(run).largest


def _descent_drifts(case: Case) -> list[float]:
    times = [0.0, UNTIL]
    return [
        case.symmetry.drift(
            conserved.checkpoints(case.module, case.inputs, case.loss, times, step=step)
        ).final
        for step in STEPS
    ]


def _step_law(case: Case) -> float:
    """Return the gap of Q(θ − η∇L) and Q(θ) + η²Q(∇L), or Q(θ), relative to Q's terms."""
    eta = STEPS[0]
    run = conserved.checkpoints(case.module, case.inputs, case.loss, [0.0, eta], step=eta)
    gradient = {name: (run[0][name] - run[1][name]) / eta for name in run[0]}
    before, after = (case.symmetry.invariant(state) for state in run)
    growth = 0.0 if case.symmetry.degree == 1 else eta**2 * case.symmetry.invariant(gradient)
    return float(np.max(np.abs(after - before - growth) / case.symmetry.size(run[0])))

"""Modular addition: predicted levels against visited plateaus, every jump against gradient flow."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

import saddles
from saddles.agf import ModularAddition, NeuronPath
from saddles.typing import Array
from tables.table import Check, Table

#: The published example: p, its spectrum, its width and its initial scale.
PERIOD, SPECTRUM, WIDTH, ALPHA = 20, {1: 10.0, 3: 5.0, 5: 2.5}, 18, 1e-2
#: What may be left of the loss where neurons creep to infinity: extrapolated, and in the flow.
EXTRAPOLATED, CREEP = 5e-5, 5e-4
#: Levels that are attained, exactly or nearly at finite norms; phases of neurons at rest.
ATTAINED, PHASE = 1e-6, 1e-6
#: Phases of a neuron, in radians, that match.
MATCHED = 1e-3
#: How closely levels and times after a saddle to which neurons creep are the same elsewhere:
#: rounding grows where neurons pass saddles.
LEVEL, CREPT = 1e-4, 5e-3
#: Digits that are shown, and those of shares.
DIGITS, SHARE = 3, 2
#: The flow's last scaled time, after the last frequency has begun, and its tolerance.
UNTIL, RTOL = 17.0, 1e-6


def published() -> ModularAddition:
    """Return the network of the published example."""
    spectrum = np.zeros(PERIOD // 2 + 1)
    spectrum[list(SPECTRUM)] = list(SPECTRUM.values())
    return ModularAddition(np.fft.irfft(spectrum, PERIOD))


def initial() -> Array:
    """Return random neurons of norm 1, without the frequencies that the template does not have.

    Those never act on the rest, so that all jump times of the limit are the same with them.
    """
    rows = np.random.default_rng(0).standard_normal((WIDTH, 3 * PERIOD))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    waves = np.fft.rfft(rows.reshape(WIDTH, 3, PERIOD))
    kept = np.isin(np.arange(waves.shape[2]), list(SPECTRUM))
    return np.asarray(np.fft.irfft(waves * kept, PERIOD).reshape(WIDTH, -1))


def build() -> Table:
    """Return the table."""
    network, init = published(), initial()
    path = saddles.agf.modular_addition(network, init=init)
    flow = saddles.flow.neurons(network, init, log_alpha=math.log(ALPHA), until=UNTIL, rtol=RTOL)
    jumps = flow.jumps()
    middles = np.append((jumps.times[:-1] + jumps.times[1:]) / 2, flow.until)
    learnt, followed = _learnt(network, path.betas[1:]), _learnt(network, flow.at(middles))
    gaps = np.abs(path.losses[:, None] - network.plateaus).min(axis=0) / path.losses[0]
    levels = network.plateaus * 2 / PERIOD
    frame = _frame(network, path, learnt, jumps, followed)
    firsts = _firsts(network, path.times[1:], learnt, jumps.times, followed)
    return Table(
        name="modular_addition",
        title="Modular addition",
        text=_text(path, firsts),
        frame=frame,
        checks=(
            Check("levels 0.65625, 0.15625, 0.03125, 0, predicted", _published(levels), 1e-14),
            Check("first frequency learnt, its level", float(gaps[1]), ATTAINED),
            Check("all levels, visited against predicted", float(gaps.max()), EXTRAPOLATED),
            Check("first three levels, the flow's", _followed(network, jumps.losses), CREEP),
            Check("order of frequencies, AGF", _disorder(network, learnt), 0.0),
            Check("order of frequencies, flow", _disorder(network, followed), 0.0),
            Check("phases of the first neuron", float(_mismatch(network, path, 1)), PHASE),
            Check("first jump before its bound", _early(network, path), 0.0),
        ),
        figure=network.plot(path, flow=flow),
        caption=(
            "The loss should touch each predicted level (grey). AGF in the limit (dashed) and "
            "the flow (solid) agree in levels and in the first jump, not in later times."
        ),
        known=_known(frame, path),
    )


def _text(path: NeuronPath, firsts: str) -> str:
    """Say what is compared; `firsts` says when frequencies begin."""
    return (
        "In which order and when does a quadratic network learn the frequencies of modular "
        "addition? Neurons (u·x_a + v·x_b)² w learn a + b mod 20 from templates with spectrum "
        "10, 5, 2.5 at frequencies 1, 3, 5. There are 18 random neurons. Each row is a jump: "
        "of AGF in the limit of vanishing initialisation, and of the flow from the same "
        "neurons at α = 0.01.\n\n"
        "For AGF and for the flow, the columns are the frequency whose learnt share grows "
        "most, the mean squared error per output after the jump (2/p times the loss), and the "
        "scaled time t α. Phases are s_u + s_v − s_w − s_x of the new neuron of AGF, if one "
        "frequency has at least 99 % of this neuron. They are zero unless other neurons of "
        "its frequency have changed the residual. Shares are the shares of x̂_k that AGF has "
        "learnt after the jump. The table ends where the last frequency begins.\n\n"
        "Later jumps of AGF and of the flow need not agree. With two to five neurons of a "
        "frequency, norms creep to infinity. At this α they do not grow far before the next "
        "neuron activates, and the time at which it does depends on how far. AGF follows "
        f"them until at most {path.certificates.creep.max():.0e} of the first loss is still to "
        "fall. After such a saddle, the last digits of its times differ from the limit. The "
        "table modular_times compares the limit itself, and modular_scales AGF and the flow at "
        f"the same α. When frequencies begin: {firsts}"
    )


def _known(frame: pd.DataFrame, path: NeuronPath) -> dict[str, Array]:
    """Return by how much entries of AGF's columns may differ: a digit, or more after creeping."""
    crept = np.logical_or.accumulate(path.certificates.at_infinity)[: len(frame) + 1]
    errors, times = frame["error"].to_numpy(float), frame["time"].to_numpy(float)
    late = _digit(times) + CREPT * crept[:-1] * times
    shares = np.full(len(frame), 1.001 * 10.0**-SHARE)
    return {
        "error": _digit(errors) + LEVEL * crept[1:] * errors,
        "time": late,
        "flow - AGF": late + _digit(frame["flow - AGF"].to_numpy(float)),
        **dict.fromkeys((f"share {k}" for k in SPECTRUM), shares),
    }


def _digit(values: Array) -> Array:
    """Return the last digit that `_rounded` shows, and a little more."""
    return np.asarray(1.001 * 10.0 ** (np.floor(np.log10(np.abs(values))) + 1 - DIGITS))


def _learnt(network: ModularAddition, points: Array) -> Array:
    """Return the shares of x̂_k (m, 3) that templates (m, p) hold."""
    k = np.sort(network.frequencies)
    return np.asarray(np.real(np.fft.fft(points)[:, k] / network.spectrum[k]))


def _frequencies(network: ModularAddition, learnt: Array) -> Array:
    """Return the frequency (m,) whose share grows most at each jump."""
    weight = network.power[np.sort(network.frequencies)]
    grown = np.diff(learnt, axis=0, prepend=0.0) * weight
    return np.asarray(np.sort(network.frequencies)[grown.argmax(axis=1)])


def _frame(
    network: ModularAddition,
    path: NeuronPath,
    learnt: Array,
    jumps: saddles.flow.Jumps,
    followed: Array,
) -> pd.DataFrame:
    """Return one row per jump, to the first of the last frequency."""
    mine, its = (_frequencies(network, shares) for shares in (learnt, followed))
    count = 1 + int(np.argmax(mine == network.frequencies[-1]))
    rows = [
        {
            "jump": k + 1,
            "frequency": mine[k],
            "neuron": " ".join(map(str, path.rang[k + 1])),
            "phases": _phase(network, path, k + 1),
            "error": _rounded(path.losses[k + 1] * 2 / PERIOD),
            **_shares(learnt[k]),
            "time": _rounded(path.times[k + 1]),
            "flow: frequency": its[k] if k < len(jumps) else "",
            "flow: error": _rounded(jumps.losses[k + 1] * 2 / PERIOD) if k < len(jumps) else None,
            "flow: time": _rounded(jumps.times[k]) if k < len(jumps) else None,
            "flow - AGF": _rounded(jumps.times[k] - path.times[k + 1]) if k < len(jumps) else None,
        }
        for k in range(max(count, len(jumps)))
    ]
    return pd.DataFrame(rows)


def _shares(learnt: Array) -> dict[str, float]:
    """Return the columns of shares (3,) of x̂_k."""
    shares = zip(SPECTRUM, np.abs(learnt), strict=True)
    return {f"share {k}": round(share, SHARE) for k, share in shares}


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _mismatch(network: ModularAddition, path: NeuronPath, jump: int) -> float:
    """Return the phase mismatch of the first neuron of a jump, NaN if it mixes frequencies."""
    modes = network.modes(path.directions[jump][:1])
    return float(abs(modes.mismatch[0])) if modes.share[0] > 0.99 else math.nan


def _phase(network: ModularAddition, path: NeuronPath, jump: int) -> str:
    """Say whether the phases match; the mismatch depends on how far other neurons have crept."""
    gap = _mismatch(network, path, jump)
    return "" if math.isnan(gap) else f"<{MATCHED:.0e}" if gap < MATCHED else f">{MATCHED:.0e}"


def _firsts(
    network: ModularAddition, times: Array, learnt: Array, measured: Array, followed: Array
) -> str:
    """Say when each frequency begins."""
    parts = []
    bounds = network.time_bounds()[network.frequencies]
    for k, bound in zip(network.frequencies, bounds, strict=True):
        agf = times[np.argmax(_frequencies(network, learnt) == k)]
        flow = measured[np.argmax(_frequencies(network, followed) == k)]
        parts.append(f"{k} at {agf:.3g} by AGF and {flow:.3g} in the flow (1/(3U*) = {bound:.3g})")
    return "frequency " + ", ".join(parts) + "."


def _published(levels: Array) -> float:
    """Return how far the predicted levels are from the published ones."""
    return float(np.abs(levels - [0.65625, 0.15625, 0.03125, 0.0]).max())


def _followed(network: ModularAddition, losses: Array) -> float:
    """Return how far the flow's plateaus are from the first three levels, relative to the first."""
    gaps = np.abs(losses[:, None] - network.plateaus[:3]).min(axis=0)
    return float(gaps.max() / network.plateaus[0])


def _disorder(network: ModularAddition, learnt: Array) -> float:
    """Return how many frequencies begin before a stronger one has, 1 if any never does."""
    found = _frequencies(network, learnt)
    if not np.isin(network.frequencies, found).all():
        return 1.0
    firsts = [int(np.argmax(found == k)) for k in network.frequencies]
    return float(np.sum(np.diff(firsts) <= 0))


def _early(network: ModularAddition, path: NeuronPath) -> float:
    return max(0.0, float(network.time_bounds().min() - path.times[1]))

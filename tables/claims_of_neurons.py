"""Rows of agreement: networks of neurons that are not linear."""

from __future__ import annotations

from tables.claim import EXTRAPOLATED, SAME_DATA, Claim

__all__ = ["CLAIMS"]

CLAIMS = (
    # --- modular addition
    Claim(
        "modular_addition",
        "levels .*, predicted",
        "Predicted levels, with the published ones",
        "p = 20, frequencies 1, 3, 5",
    ),
    Claim(
        "modular_addition",
        "first frequency .*|all levels, .*",
        "Losses on AGF's plateaus, with the Fourier power not yet learnt; infima are extrapolated",
        "18 random neurons, α → 0",
    ),
    Claim(
        "modular_addition",
        "first three levels, .*",
        "Losses on the flow's first three plateaus, with the power not yet learnt",
        "18 random neurons, α = 1e-2",
    ),
    Claim(
        "modular_addition",
        "order of frequencies, .*|first jump .*",
        "Order of frequencies of AGF and of the flow; the first jump, with its bound",
        SAME_DATA,
        "no case differs",
    ),
    Claim(
        "modular_addition",
        "phases .*",
        "Phases of AGF's first neuron, with Theorem 6.2",
        SAME_DATA,
        "{} radians",
    ),
    Claim(
        "modular_times",
        "AGF's .*",
        "Jump times and levels of AGF, with a closed form",
        "18 neurons along the exact six-neuron solutions: a check of the code",
    ),
    Claim(
        "modular_times",
        "flow's times, .*",
        "Jump times of the flow, with AGF's",
        "these 18 neurons, and the first jump of a random start",
        EXTRAPOLATED,
    ),
    Claim(
        "modular_times",
        "flow's error .*",
        "Error of the flow's times over α, at two scales: constant",
        SAME_DATA,
    ),
    Claim(
        "modular_scales",
        "first frequency: .*",
        "Power of α at which the first frequency's time approaches its limit, with 1",
        "4 random starts, α = 1e-2, 1e-3, 1e-4",
        "{}",
    ),
    Claim(
        "modular_scales",
        "later frequencies at 0.01: median",
        "Begin of later frequencies, AGF with the flow at α = 1e-2",
        "4 random starts, 7 times",
        "median {}, relative",
        first=True,
    ),
    Claim(
        "modular_scales",
        "later frequencies at 0.001: median",
        "Begin of later frequencies, AGF with the flow at α = 1e-3",
        SAME_DATA,
        "median {}, relative",
        first=True,
    ),
    Claim(
        "modular_scales",
        "later frequencies at 0.0001: median|later frequencies at 0.0001, the limit: median",
        "The same at α = 1e-4, and AGF's limit with that flow",
        SAME_DATA,
        "median {}, relative",
        first=True,
    ),
    Claim(
        "modular_scales",
        "later frequencies at .*: worst",
        "Single times among these three rows",
        SAME_DATA,
        "**{}, relative**: single times are wrong by up to a factor of three",
        first=True,
    ),
    Claim(
        "modular_scales",
        "all jumps .*",
        "All jumps of AGF, with the flow",
        "one random start, α = 1e-4",
    ),
    Claim(
        "modular_ladder",
        "levels that are attained|attained by .*",
        "Least loss of 1 and 6 neurons on one frequency, with closed forms",
        "p = 5, numerical search",
        "{}, share of the power",
    ),
    Claim(
        "modular_ladder",
        "levels that are crept to",
        "Least loss of 2 to 5 neurons, an infimum at infinity, with closed forms",
        SAME_DATA,
        "{}, share of the power",
    ),
    Claim(
        "modular_ladder",
        "six explicit .*",
        "What the explicit six neurons leave of the frequency, with zero",
        SAME_DATA,
        "{}, share of the power",
    ),
    # --- attention, ReLU
    Claim(
        "attention",
        "levels against .*",
        "Levels, with the published five digits",
        "4 components, contexts of 32 pairs",
    ),
    Claim(
        "attention",
        "AGF's .*",
        "Levels and components of `agf.attention`, with the closed form",
        SAME_DATA,
        first=True,
    ),
    Claim(
        "attention",
        "the flow's plateaus",
        "Plateaus of the flow, with the closed form",
        "4 components, contexts of 32 pairs, log α = −8",
        first=True,
    ),
    Claim(
        "attention",
        "the flow's jump times .*|how far .*",
        "Jump times of the flow, with AGF's; none is earlier than its bound",
        "4 components, contexts of 32 pairs, log α = −8",
    ),
    Claim(
        "relu_directions",
        "share of neurons .*",
        "Neurons followed with the residual frozen, with the enumerated directions",
        "512 neurons, 2 to 20 samples in the plane; where nothing pulls, neurons rest",
        "at most {} of all still on their way; the others arrive within 1e-6",
    ),
    Claim(
        "relu_directions",
        "median angle .*",
        "Angle of whole networks' neurons to these directions at the smallest α, with zero",
        "networks of 24 neurons",
        "median {} radians",
    ),
    Claim(
        "relu_directions",
        "its fall .*",
        "How that angle falls from scale to scale",
        SAME_DATA,
        "to {} of it or less",
    ),
    Claim(
        "digits_networks",
        "ReLU, .*: flow, extrapolated, times",
        "Jump times of `agf.relu`, with gradient flow by short steps",
        "60 digits, 4 principal components; one and ten outputs",
        EXTRAPOLATED,
        first=True,
    ),
    Claim(
        "digits_networks",
        "ReLU, .*: plateaus",
        "Losses on the plateaus of `agf.relu`, with the same flow",
        "60 digits, 4 principal components, one output",
    ),
    Claim(
        "digits_networks",
        "ReLU, .*: stationarity",
        "Gradient of the active ReLU neurons, with zero",
        SAME_DATA,
    ),
    Claim(
        "digits_networks",
        "linear network: .*",
        "Jump times of `agf.linear`, with gradient flow",
        "1797 digits, ten classes",
        EXTRAPOLATED,
    ),
)

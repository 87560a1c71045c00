"""Rows of agreement: neurons on multi-index targets."""

from __future__ import annotations

from tables.claim import EXTRAPOLATED, SAME_DATA, Claim

__all__ = ["CLAIMS"]

CLAIMS = (
    Claim(
        "multi_index",
        "AGF's .*",
        "Jump times and levels of `agf.multi_index`, with closed forms",
        "six targets of two or three coordinates, ReLU and absolute values",
    ),
    Claim(
        "multi_index",
        "flow's times, .*",
        "Jump times and partings of `agf.multi_index`, with the flow",
        SAME_DATA,
        EXTRAPOLATED,
        first=True,
    ),
    Claim(
        "multi_index",
        "flow's excess .*",
        "Delay of the flow in units of t, at two scales: constant",
        SAME_DATA,
    ),
    Claim(
        "multi_index",
        "power of alpha .*",
        "Power of α that moves the parting of a cluster beside a second one, with the flow",
        "one target with teachers of both signs",
    ),
    Claim(
        "search",
        "AGF's .*",
        "`agf.search_time`, with `agf.multi_index` from the same overlap",
        "He_p of one of 10² to 10⁶ coordinates, p = 1 to 4",
    ),
    Claim(
        "search",
        "flow's .*",
        "How `agf.search_time` depends on d, with the flow",
        "He_p of one of 10² to 10⁴ coordinates, p = 1 to 4",
        first=True,
    ),
    Claim(
        "search",
        "growth .*",
        "Growth of `agf.search_time` with d, with the laws log d and d^(p/2−1)",
        "d = 10⁴ to 10⁶",
    ),
    Claim(
        "samples",
        "slope .*",
        "Power of n with which a sample's errors fall, with −1/2",
        "two ReLU teachers, 60 samples each of 250 to 64000",
        "{}",
    ),
    Claim(
        "samples",
        ".* from its law",
        "Standard deviation of a sample's first jump time and of the loss after it, with its law",
        "two ReLU teachers, 60 samples of 64000",
    ),
    Claim(
        "samples",
        "a sample's second jump .*",
        "Second jump of `agf.relu` on a sample, over the population's: limits do not commute",
        "two ReLU teachers, 100 and 1000 samples",
        "{} or less",
    ),
    Claim(
        "leaps",
        "flow's .*",
        "Jump times of `agf.multi_index`, with the flow",
        "three staircases of Hermite degrees 1 to 3, degree κ = 3 and 4",
        EXTRAPOLATED,
    ),
    Claim(
        "leaps",
        "AGF's .*",
        "Its levels, with an independent program's",
        SAME_DATA,
        "{}",
    ),
    Claim(
        "hermite_tensors",
        "jump times .*|levels|jumps .*",
        "Neurons, components, times and levels of `agf.multi_index`, with a closed form",
        "a tensor of degree 3 with three index vectors, twelve neurons",
    ),
    Claim(
        "hermite_tensors",
        "flow's .*",
        "Jump times of `agf.multi_index`, with the flow at α = e⁻⁶",
        SAME_DATA,
    ),
    Claim(
        "hermite_tensors",
        "critical .*",
        "Overlap above which index vectors merge, with (p−2)/(r+p−2)",
        "2, 3 and 5 index vectors of degrees 3, 4 and 6",
    ),
)

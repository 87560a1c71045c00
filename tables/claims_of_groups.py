"""Rows of agreement: neurons that learn products in finite groups."""

from __future__ import annotations

from tables.claim import SAME_DATA, Claim

__all__ = ["CLAIMS"]

CLAIMS = (
    Claim(
        "groups",
        "levels, .*",
        "Levels of `agf.group_composition`, with the power not yet learnt",
        "S_3, D_4, Q_8, A_4 and Z_2 × Z_3, 12 to 35 random neurons, α → 0",
        "{}, share of the first loss",
        first=True,
    ),
    Claim(
        "groups",
        "irreps out .*|first jumps before .*",
        "Order of irreps, with that of utilities; first jumps, with their bounds",
        "S_3, D_4, Q_8, A_4 and Z_2 × Z_3, 12 to 35 random neurons, α → 0",
        "no case differs",
    ),
    Claim(
        "groups",
        "first jumps of the flow, .*",
        "First jump times, with gradient flow's, extrapolated to α → 0",
        "nine templates of S_3, D_4, Q_8, A_4 and Z_2 × Z_3, two neurons",
    ),
    Claim(
        "groups",
        "losses of the flow .*",
        "Losses after the first jump, with gradient flow's at α = 1e-3",
        SAME_DATA,
        "{}, share of the first loss",
    ),
    Claim(
        "groups",
        "first irreps .*",
        "First irreps, with gradient flow's",
        SAME_DATA,
        "no case differs",
    ),
    Claim(
        "groups",
        "Z_6 .*",
        "Paths in Z_6, with those in Z_2 × Z_3 from the same neurons: a check of the code",
        "4 random neurons, two jumps",
    ),
    Claim(
        "group_published",
        "D_3, .*",
        "Errors on plateaus, with the published ones, and after one neuron",
        "the published template of D_3",
    ),
    Claim(
        "group_published",
        "plateaus of the runs",
        "Errors on predicted levels, with plateaus of the authors' saved runs",
        "Z_11, Z_5² and the octahedral group; runs with clipped gradients",
    ),
    Claim(
        "group_published",
        "templates with .*",
        "Order of irreps by utility, with that of the published levels and runs",
        "six published templates",
        "no case differs",
    ),
    Claim(
        "group_ladder",
        "shares that are attained|neurons that .*",
        "Least loss of N neurons on one irrep, at finite norms, with that of longer searches",
        "signs, and 2-dimensional irreps of D_3, D_4 and Q_8",
        "{}, share of the power",
    ),
    Claim(
        "group_ladder",
        "shares that are crept to",
        "The same where norms grow without bound",
        SAME_DATA,
        "{}, share of the power",
    ),
)

"""Graded coordinates: directions, and the logarithms of sizes, for factorised matrices.

Read `frame` first: the coordinates U = Q diag(eˡ) T. `commuting` is the simpler case of linear
networks whose modes do not mix. On plateaus the frame has a closed form, `leap`, about the
`saddle` at which the active columns rest. `march` integrates either, and its trajectory is the
flow's curve. The public functions are in `saddles.flow.graded`.
"""

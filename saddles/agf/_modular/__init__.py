"""Quadratic networks on modular addition.

Read `template` first: what follows from the encoding alone (spectrum, powers, bounds, losses of the
plateaus), then `network`, the losses and utilities in closed form, and `addition`, the public
function. `pairs` sums over pairs of neurons; `products` does the same in a small subspace, where it
keeps more digits. `modes` reads frequencies and phases off neurons; `report` and `picture` show
what a path has learnt.
"""

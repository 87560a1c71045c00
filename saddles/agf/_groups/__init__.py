"""Neurons that learn products in a finite group.

Read `template` first: what follows from the group and the encoding alone (powers, bounds, losses of
the plateaus), then `composition`, the losses and utilities in closed form, `network`, and `learn`,
the public function. `waves` has what neurons share with the target, by irreps; `pairs` and
`moments` sum over pairs of neurons; `products` does the same in a small subspace, where it keeps
more digits. `modes` reads irreps off neurons; `report` and `picture` show what a path has learnt.
`recurrent` makes a recurrent network, the torch module of `rnn`, for products of any length.
`saddles.agf._modular` is the cyclic group with two factors.
"""

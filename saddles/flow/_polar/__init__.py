"""Polar coordinates: log norms and directions, for homogeneous neurons.

Read `coordinates` first, then `march`, which integrates them over the length of their trajectory.
`rest` decides whether neurons are at rest, would leave, or only seem to rest. `trajectory` is the
curve that a flow evaluates. `space` finds the smaller space in which neurons move, if there is one.
The public function is in `saddles.flow.polar`.
"""

"""Two-layer (leaky) ReLU networks, whose gradients jump at hyperplanes.

Read `piecewise` first, the utility of one neuron, then `network`, the loss, and `relu`, the public
function. `kinked_steps` hands the engine two steps of this package:

- utility: `dormant` sets neurons against the clock. Their trajectories are exact: `broken_lines`
  for one output in the limit, with `lockstep` for its straight pieces, and `exponential_ways` for
  several outputs or a finite scale;
- cost: `descent` follows the active neurons from piece to piece. `piece` is the network within one,
  a polynomial from `moments` of the data, and `exponential_step` a step of its flow. `passengers`
  are the dormant neurons meanwhile.

`extremal` is the second public function: every direction to which dormant neurons turn, enumerated
in the plane (`plane` for one output, `plane_outputs` for several) and found by ascent elsewhere.
`picture` draws these directions on the circle.
"""

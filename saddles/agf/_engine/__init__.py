"""The engine of alternating gradient flow, for every network of homogeneous neurons.

Read `steps` first: the algorithm, one step after the other. `state` is what it goes on with,
`setting` what stays the same along a path, in the units of `natural_units`.

- Utility: `utility_step` decides what rings, and `activation` lets it in. `clock` maps norms to
  what a dormant neuron still has to gather. `dormant` follows all dormant neurons until the first
  one rings: all together by `sweep`, the stiff ones alone by `way`, which also finds the direction
  along which a neuron activates. `parting` says when neurons that activated together part.
- Cost: `cost` lets the active neurons descend, and `active` takes them to the next critical point.
  `coordinates` are the few coordinates in which they move, `active_flow` follows them, `arrival`
  recognises a critical point, and `creep` extrapolates a loss whose infimum lies at infinity.
  `leaving` goes on from a saddle that the flow leaves. `active_search` takes the place of the flow
  where there are too many coordinates for second derivatives.
- `error_bars` runs the rest of a path again, to see how far its times move. `levels` says how small
  is small, for all of them.

`subspace` serves families that tabulate their loss on those coordinates. A family may hand the
engine steps of its own (`setting.OwnSteps`), as ReLU networks do. The file ``TUNING.md`` in this
folder records every choice that a result depends on, with its reason.
"""

"""The engine of alternating gradient flow, for every network of homogeneous neurons.

Read `steps` first: the algorithm, one step after the other. `setting` holds what stays the same
along a path, in the units of `natural_units`.

- Utility: `clock` maps norms to what a dormant neuron still has to gather; `dormant` follows all
  dormant neurons until the first one rings; `way` finds the direction along which it activates.
- Cost: `active` takes the active neurons to the next critical point. `coordinates` are the few
  coordinates in which they move, `active_flow` follows them, `arrival` recognises a critical point,
  and `creep` extrapolates a loss whose infimum lies at infinity. `active_search` takes the place of
  the flow where there are too many coordinates for second derivatives.

`subspace` serves families that tabulate their loss on those coordinates. A family may hand the
engine steps of its own (`setting.OwnSteps`), as ReLU networks do. The file ``TUNING.md`` in this
folder records every choice that a result depends on, with its reason.
"""

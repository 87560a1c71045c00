"""Matrix factorisation W = UUᵀ and linear networks: greedy low-rank learning.

Read `losses` first, which says what is learnt, then `greedy_low_rank`, the algorithm and its
clocks; `full_matrix` is its closed form for a matrix that is seen in full. `handed_clocks` hands
the clocks of dormant directions over from one saddle to the next.

`descent` takes the active columns to the next critical point: few of them by `dense_descent`, in
the coordinates of `frames` and with the Newton steps of `polish`, many by `large_descent`. They see
a loss through `on_factors`, which takes what it declares (`declared`) once `loss_checks` has
compared its derivatives, and each of its `parts` that never interact by itself.

`agf_linear` is the linear network f(x) = AWx, whose saddles need no descent: `linear_blocks` takes
the data apart into parts that never interact, `linear_modes` solves an eigenproblem for each, and
`linear_descent` follows the flow only where maps explain the data equally well. `moments` checks
the second moments that such networks learn from.
"""

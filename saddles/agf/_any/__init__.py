"""Alternating gradient flow of any homogeneous neuron that is given as a torch function.

Read `network` first, the public function, then `torch_network`, which turns the function into
losses, utilities and their derivatives. `polynomial` replaces torch by a table of coefficients
where the neuron is a polynomial; `kink_test` finds out whether its gradient jumps. Neurons that are
quadratic forms may be mixed by any rotation: `quadratic_forms` follows their second moment instead.
All others take the steps of `saddles.agf._engine`.
"""

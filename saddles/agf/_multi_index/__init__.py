"""Multi-index targets y = g(Uᵀx) on Gaussian inputs: the population's flow, in any dimension.

Read `target` and `activation` first: what is learnt, and by which neurons. `kernels` has the
correlations of neurons with each other and with the target, `network` the loss that they make, and
`path` the public functions.
"""

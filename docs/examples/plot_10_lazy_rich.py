"""
Lazy and rich: when features are learnt
=======================================

When does a network learn features, and when does it only fit? A two-layer ReLU student learns a
narrow ReLU teacher from 50 samples. From a large initial scale it fits them while its neural
tangent kernel stays nearly constant. This is lazy training. From a small scale the kernel moves,
since features are learnt. This is rich training. The relative scale of the two layers matters too.
At the smallest overall scale, a start with larger input weights (δ = −1, downstream) hardly moves
the kernel. Points are means over three seeds, with standard errors.

Try it: add the scale 0.03 to the grid. It takes longer, and moves the kernel more.
"""

from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt

import saddles

grid = {"scale": [0.1, 0.3, 1.0], "delta": [-1.0, 0.0, 1.0], "seed": range(3)}
runs = saddles.sweep(saddles.teacher_student.point, grid, executor=ThreadPoolExecutor(2))
means = runs.mean_and_error("seed").to_frame()

figure, axis = plt.subplots(layout="constrained")
for delta, rows in means.groupby("delta"):
    axis.errorbar(
        rows.scale,
        rows.kernel_distance,
        rows.kernel_distance_error,
        label=f"δ = {delta:g}",
        marker="o",
        capsize=3,
    )
axis.set(xscale="log", xlabel="initial scale", ylabel="kernel distance from start to end")
axis.legend(frameon=False)

"""Captions of the figures in the gallery and the tutorials: what to see in each."""

from __future__ import annotations

from markup import restructured

__all__ = ["CAPTIONS", "captioned"]

#: Name of the script -> the caption of its figure.
CAPTIONS = {
    "plot_01_staircase": (
        "Loss (above) and coefficients (below) over scaled time. Gradient flow (colours) lies on "
        "the predicted staircase (dashed): every jump is where it was predicted."
    ),
    "plot_02_nonmonotone": (
        "Loss (above) and coefficients (below) over scaled time. Coefficient 0 rises at the first "
        "jump and returns to zero at the second. The flow (colours) lies on the prediction "
        "(dashed)."
    ),
    "plot_03_diabetes": (
        "Share of the variance explained, over the number of features used. With few features a "
        "saddle (circles) explains more than the lasso (squares), whose coefficients are shrunk. "
        "Both end in the same point."
    ),
    "plot_04_greedy_low_rank": (
        "Loss (above) and singular values of W (below) over scaled time. Each jump adds one "
        "singular value. The flow (colours) lies on the prediction (dashed)."
    ),
    "plot_05_linear_network": (
        "Loss (above) and singular values of the network's map (below) over scaled time. The mode "
        "that is learnt first leaves the loss at 2, so it is the mode that correlates most."
    ),
    "plot_06_single_neuron": (
        "Trajectories of the coefficients from one start, for three values of δ. Each curve ends "
        "on the line of solutions (grey), in the circle that Theorem 3.1 predicts."
    ),
    "plot_07_modular_addition": (
        "Loss (above) and power learnt per frequency (below) over scaled time. The loss touches "
        "each grey level, which is the power of the frequencies not yet learnt."
    ),
    "plot_08_attention": (
        "Loss (above) and function values (below) over scaled time. The loss touches each dotted "
        "level: one more principal component is learnt at each jump."
    ),
    "plot_09_relu_directions": (
        "Growth G of a neuron over the angle of its weights. Triangles mark the directions to "
        "which neurons turn: maxima of the curve if a > 0, minima if a < 0, some at a kink (grey)."
    ),
    "plot_10_lazy_rich": (
        "Distance between the kernels at the start and at the end, over the initial scale. Small "
        "scales move the kernel (rich), except with larger input weights (δ = −1). Large scales do "
        "not (lazy)."
    ),
    "plot_11_estimators": (
        "Coefficients of two sparse models, with the true ones (bars). The legend counts relevant "
        "features and others. The saddle path (circles) keeps fewer others and shrinks nothing."
    ),
    "plot_14_trainer": (
        "Left: cosines between five teacher neurons and the nearest trained one, jump by jump. "
        "Right: loss over gradients of single neurons, for AGF and for four starts of Adam."
    ),
    "plot_12_depth": (
        "Loss over scaled time for networks of depth 2, 3 and 4, all from α = 0.01. The deeper the "
        "network, the nearer its curve is to the limit (dashed). Depth 2 misses the last plateau."
    ),
    "plot_13_multi_index": (
        "Loss (above) and largest overlap of an active neuron with each coordinate (below) over "
        "scaled time. Each of three neurons learns one coordinate, and each makes one step."
    ),
    "plot_15_group_composition": (
        "Loss (above) and share of the power learnt per irrep (below) over scaled time, for A_4. "
        "The loss rests on the grey level while the second irrep is still dormant."
    ),
    "plot_1_my_data": (
        "Loss (above) and coefficients (below) of the diabetes data over scaled time. The flow "
        "(colours) lies on the prediction (dashed)."
    ),
    "plot_2_my_training_run": (
        "Loss (above) and coefficients (below) of the run (colours), with the prediction for α → 0 "
        "(dashed) and the gradient flow at the run's own α (dotted). The run jumps a little late, "
        "and so does the flow."
    ),
    "plot_3_my_algorithm": (
        "Losses of both solvers over scaled time. The first attempt (orange) keeps coefficient 0, "
        "so its loss falls too early. The second one (dashed) is right."
    ),
    "plot_4_modular_addition": (
        "Loss (above) and power learnt per frequency (below) over scaled time. The loss touches "
        "each grey level, the closed form, and takes smaller steps in between."
    ),
    "plot_5_my_own_network": (
        "Loss of 64 ReLU neurons on handwritten zeros and ones, from norms of 1e-4: the run, and "
        "the prediction from the same weights (dashed). The run makes both jumps early, by "
        "about a tenth."
    ),
    "plot_7_million_dimensions": (
        "First: time of the first jump against the dimension, for information exponents 1 to 4. "
        "Second: loss of two ReLU neurons on two teachers, by prediction (dashed) and by flow at "
        "α = e⁻¹⁰ (colours). They ring together and part later."
    ),
    "plot_9_grow_a_network": (
        "Training loss and score after each jump on Friedman's function, with the number of "
        "neurons. The training loss falls at every jump, and the score stops falling."
    ),
    "plot_8_any_group": (
        "Loss (above) and share learnt of each irrep (below) over scaled time, for S_3. The sign "
        "is learnt first, although the 2-dimensional irrep has more power."
    ),
    "plot_6_depth": (
        "Loss over time for diagonal networks of depth 2, 3 and 4, all from α = 0.01. Depth 4 lies "
        "on the limit (dashed), depth 3 is close to it, and depth 2 misses the last plateau."
    ),
}


def captioned(image: str, script: str) -> str:
    """Return a figure of the page of `script`, with its caption, in reStructuredText."""
    caption = CAPTIONS[script]
    options = f"   :alt: {caption}\n   :class: sphx-glr-single-img"
    return f"\n.. figure:: /{image}\n{options}\n\n   {restructured(caption)}\n"

"""Pictures: what they show, in numbers, and as images without their words.

The images in ``images`` hold no text and no automatic layout, so that neither fonts nor margins
matter. To draw them anew, after looking at what has changed: SADDLES_DRAW=1 pytest.
"""

import os
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from scipy.sparse import csr_array

import saddles
from saddles._pictures.staircase import MOST_LINES, _lines

IMAGES = Path(__file__).parent / "images"
DOTS = 40

#: Root mean square difference, of 255: antialiasing differs a little from version to version.
TOLERANCE = 4.0

X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
Y = np.array([1.0, 0.0])
LOSS = saddles.FullMatrix(np.diag([3.0, 2.0, 0.0]))


@pytest.fixture(scope="module")
def path():
    return saddles.pesme_flammarion(X, Y)


@pytest.fixture(scope="module")
def flow():
    return saddles.flow.diagonal(X, Y, log_alpha=-100)


def matrices():
    path, flow = saddles.greedy_low_rank(LOSS), saddles.flow.full(LOSS.M, log_alpha=-30)
    return saddles.compare(path, flow)


def wide():
    """More coefficients than lines, and jump times that span orders of magnitude."""
    rng = np.random.default_rng(0)
    features, beta = rng.standard_normal((30, 15)), np.zeros(15)
    beta[[1, 4, 7]] = 3, -2, 1
    targets = features @ beta + 0.3 * rng.standard_normal(30)
    return saddles.pesme_flammarion(features, targets).plot(features=features)


PICTURES = {
    "path": lambda path, flow: path.plot(features=X),
    "flow": lambda path, flow: flow.plot(),
    "comparison": lambda path, flow: saddles.compare(path, flow).plot(features=X),
    "matrices": lambda path, flow: matrices().plot(),
    "matrix_flow": lambda path, flow: matrices().other.plot(),
    "wide": lambda path, flow: wide(),
}


def pixels(figure):
    """Return a picture (height, width, 3) without words, each panel in its place."""
    figure.set_layout_engine("none")
    for k, axis in enumerate(axes := figure.axes):
        axis.set_position([0.02, 1 - (k + 1) / len(axes) + 0.02, 0.96, 1 / len(axes) - 0.04])
        if axis.get_legend():
            axis.get_legend().set_visible(False)
        axis.tick_params(which="both", length=0)
    for text in figure.findobj(Text):
        text.set_visible(False)
    figure.set_dpi(DOTS)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].astype(float)


def difference(figure, name):
    """Return the root mean square difference from an image."""
    drawn = pixels(figure)
    kept = matplotlib.image.imread(IMAGES / f"{name}.png")[:, :, :3] * 255.0
    assert kept.shape == drawn.shape
    return float(np.sqrt(np.mean((kept - drawn) ** 2)))


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_those_that_were_looked_at(name, path, flow):
    if os.environ.get("SADDLES_DRAW"):
        IMAGES.mkdir(exist_ok=True)
        drawn = pixels(PICTURES[name](path, flow))
        matplotlib.image.imsave(IMAGES / f"{name}.png", drawn.astype(np.uint8))
    assert difference(PICTURES[name](path, flow), name) < TOLERANCE


def test_another_picture_is_told_apart(path, flow):
    late = replace(path, times=path.times * [1, 1, 1.02, 1])
    assert difference(late.plot(features=X), "path") > 2 * TOLERANCE
    assert difference(path.plot(features=1.02 * X), "path") > TOLERANCE
    longer = saddles.flow.diagonal(X, Y, log_alpha=-80)
    assert difference(longer.plot(), "flow") > 2 * TOLERANCE


def test_the_picture_does_not_depend_on_the_unit_of_the_targets():
    scaled = saddles.pesme_flammarion(X, 2 * Y)
    assert difference(scaled.plot(features=X), "path") < TOLERANCE


# --- what they show -----------------------------------------------------------------------------


def test_clocks_of_a_flow_are_those_of_its_coefficients():
    flow = saddles.flow.diagonal(X, Y, log_alpha=-10)
    taus = np.linspace(0, flow.until, 50)
    expected = np.arcsinh(2 * flow.at(taus) * np.exp(20)) / 2 / 10
    np.testing.assert_allclose(flow.clocks(taus), expected, atol=1e-6)
    assert flow.clocks(1.0).shape == (4,)
    still = saddles.flow.diagonal([[1.0], [0.0]], [0.0, 1.0], log_alpha=-10)
    assert still.clocks(0.5).tolist() == [0.0]
    with pytest.raises(TypeError, match=r"has no clocks; flows of saddles\.flow\.diagonal"):
        saddles.flow.full(LOSS.M, log_alpha=-100).clocks(0.0)
    with pytest.raises(ValueError, match="is not in"):
        flow.clocks(-1.0)


def test_clocks_of_a_path_run_between_their_boundaries(path):
    clocks = path.plot(features=X).axes[2]
    assert clocks.get_ylabel() == "clocks S"
    a = next(line for line in clocks.get_lines() if line.get_linestyle() == "-" and
             line.get_color() == "#0072B2")  # fmt: skip
    at = np.interp([0, 1, 2, 8, path.times[3]], *a.get_data())
    np.testing.assert_allclose(at, [0, 0.5, 1, 1, 45 / 49], atol=1e-12)
    drawn = [line.get_ydata() for line in clocks.get_lines()]
    assert max(np.abs(heights).max(initial=0) for heights in drawn) <= 1 + 1e-12


def test_a_flow_alone_shows_loss_coefficients_and_clocks(flow):
    loss, betas, clocks = flow.plot(names=list("abcd")).axes
    labels = [text.get_text() for text in betas.get_legend().get_texts()]
    assert labels == ["a", "c", "d"]
    line = loss.lines[0]
    np.testing.assert_allclose(line.get_ydata(), flow.loss(line.get_xdata()))
    assert "log α = -100" in loss.get_legend().get_texts()[0].get_text()
    assert clocks.get_xlabel() == "scaled time t / log(1/α)"
    assert clocks.get_ylim()[0] < -1 < 1 < clocks.get_ylim()[1]


@pytest.mark.parametrize(
    "name",
    [
        "income_$ and spend_$",
        "$x",
        r"\frac{$",
        "_hidden",
        "<b>",
        "x^2",
        "two\nlines",
        "w" * 500,
        "",
    ],
)
def test_names_are_shown_as_they_were_written(name, path):
    figure = path.plot(names=[name, "b", "c", "d"])
    figure._repr_png_()
    (shown, *_) = (text.get_text() for text in figure.axes[1].get_legend().get_texts())
    assert shown == (" ".join(name.split()) if len(name) < 100 else "w" * 39 + "…")
    handles = figure.axes[1].get_legend().get_lines()
    assert len(handles) == 3


def test_names_of_a_table_are_taken_as_they_are(path):
    pd = pytest.importorskip("pandas")
    figure = path.plot(names=pd.Index(["a", "b", "c", 3]))
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert labels == ["a", "c", "3"]


def test_an_algorithm_may_be_called_anything(path, flow):
    named = replace(path, algorithm="_my $algorithm")
    legend = saddles.compare(named, flow).plot().axes[0].get_legend()
    assert legend.get_texts()[1].get_text() == "predicted (_my $algorithm)"


def test_notebooks_show_every_picture(path, flow):
    found = saddles.agf.extremal_directions([[1.0, 0.0], [1.0, 1.0]], [3.0, -2.0])
    for figure in (path.plot(), flow.plot(), saddles.compare(path, flow).plot(), found.plot()):
        assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_sparse_path_has_the_picture_of_a_dense_one(path):
    sparse = replace(path, betas=csr_array(path.betas))
    assert difference(sparse.plot(features=X), "path") < TOLERANCE


def test_a_flow_of_matrices_shows_singular_values():
    _loss, below = matrices().other.plot().axes
    assert below.get_ylabel() == "singular values"
    assert below.get_lines()[0].get_ydata()[-1] == pytest.approx(3.0, rel=1e-6)


def test_a_comparison_with_a_run_shows_the_predicted_clocks(path):
    log = {"time": [0.0, 300.0, 1000.0, 1200.0], "loss": [0.25, 0.05, 0.005, 0.0]}
    figure = saddles.compare_run(path, log, log_alpha=-100.0).plot(features=X)
    assert [axis.get_ylabel() for axis in figure.axes] == ["loss", "coefficients β", "clocks S"]


@pytest.mark.parametrize(("kappa", "words"), [(2, "t / log(1/α)"), (3, "t α"), (4, "t α^2")])
def test_the_axis_of_time_says_its_unit(kappa, words, path):
    figure = replace(path, kappa=kappa).plot()
    assert figure.axes[1].get_xlabel() == f"scaled time {words}"


def test_lines_differ_in_black_and_white_too():
    lines = _lines(np.eye(40) * np.arange(1.0, 41.0))
    assert len(lines) == MOST_LINES
    assert len({(line.marker, line.filled) for line in lines}) == MOST_LINES
    assert len({(line.colour, line.filled) for line in lines}) == MOST_LINES
    assert [line.index for line in lines] == list(range(40 - MOST_LINES, 40))


def test_no_word_is_cut_off():
    figure = wide()
    figure.draw_without_rendering()
    boxes = [axis.get_tightbbox() for axis in figure.axes]
    assert min(box.x0 for box in boxes) > 0
    assert max(box.x1 for box in boxes) < figure.bbox.x1


def test_nothing_to_learn_is_a_picture_too():
    data = [[1.0], [0.0]], [0.0, 1.0]
    path, flow = saddles.pesme_flammarion(*data), saddles.flow.diagonal(*data, log_alpha=-10)
    for figure in (path.plot(features=data[0]), flow.plot(), saddles.compare(path, flow).plot()):
        assert figure.axes[1].get_ylim() == (-1, 1)


@pytest.mark.parametrize(
    ("features", "words"),
    [(X.T, r"features has shape \(4, 2\)"), (X[0], "features"), ("X", "features")],
)
def test_features_of_another_problem_are_refused(features, words, path):
    with pytest.raises((TypeError, ValueError), match=words):
        path.plot(features=features)


def test_paths_without_dual_points_have_no_clocks():
    with pytest.raises(ValueError, match="paths with dual points"):
        saddles.greedy_low_rank(LOSS).plot(features=np.eye(3))


def test_nothing_global_is_touched(path):
    import matplotlib.pyplot as plt

    before = dict(plt.rcParams)
    path.plot(features=X)
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before

"""Notebooks show pictures without pyplot and without any magic: README's, and those of the gallery.

Their cells run in one kernel, since starting it takes longer than the notebooks.
"""

import base64
from pathlib import Path

import pytest

from tests.docs.pages import FENCE

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")
pytest.importorskip("sphinx_gallery")

ROOT = Path(__file__).parents[2]
ROOMS = [ROOT / "docs" / room for room in ("examples", "tutorials")]
EXAMPLES = sorted(file for room in ROOMS for file in room.glob("plot_*.py"))
QUICK = ("plot_02_nonmonotone", "plot_05_linear_network")

#: What every PNG file starts with.
PNG = b"\x89PNG\r\n\x1a\n"

#: Seconds until a cell must have ended; a first one imports everything.
LONGEST = 200

#: The last cell of README's notebook: what was imported, and from where.
LAST = "import sys\nassert 'matplotlib.pyplot' not in sys.modules\nsaddles.__file__"


def readme():
    """Return the code of a notebook's cells with README's example."""
    text = (ROOT / "README.md").read_text("utf-8")
    example = next(block for kind, block in FENCE.findall(text) if kind == "python")
    return [example, "path.plot()", "path", LAST]


def gallery(file):
    """Return the code of the cells of the notebook that the gallery offers for download."""
    from sphinx_gallery.gen_gallery import DEFAULT_GALLERY_CONF
    from sphinx_gallery.notebook import jupyter_notebook
    from sphinx_gallery.py_source_parser import split_code_and_text_blocks

    _, blocks = split_code_and_text_blocks(str(file))
    made = jupyter_notebook(blocks, dict(DEFAULT_GALLERY_CONF), str(file.parent))
    codes = [cell["source"] for cell in made["cells"] if cell["cell_type"] == "code"]
    return ["".join(code) for code in codes]


def run(parts):
    """Run code, given by part and cell; return what each part shows, by MIME type."""
    cells = [nbformat.v4.new_code_cell(code) for codes in parts.values() for code in codes]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=LONGEST, kernel_name="python3").execute()
    ran = iter(notebook.cells)
    return {
        name: [out.data for _ in codes for out in next(ran).outputs if "data" in out]
        for name, codes in parts.items()
    }


def pictures(shown):
    """Return the PNG images among what is shown."""
    return [base64.b64decode(data["image/png"]) for data in shown if "image/png" in data]


@pytest.fixture(scope="module")
def shown():
    examples = {file.stem: gallery(file) for file in EXAMPLES if file.stem in QUICK}
    return run({"README": readme()} | examples)


def test_the_readmes_example_shows_its_path(shown):
    figure, path, home = shown["README"]
    assert pictures([figure])[0].startswith(PNG)
    assert path["text/html"].count("<tr>") == 5
    assert "data:image/png;base64," in path["text/html"]
    assert "SaddlePath of Pesme-Flammarion" in path["text/plain"]
    assert str(ROOT) in home["text/plain"]


@pytest.mark.parametrize("name", QUICK)
def test_the_gallerys_notebooks_show_their_pictures(shown, name):
    (picture,) = pictures(shown[name])
    assert picture.startswith(PNG)


@pytest.mark.slow
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_notebook_of_the_gallery_shows_a_picture(file):
    assert pictures(run({"": gallery(file)})[""])

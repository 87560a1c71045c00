"""Settings of the documentation; `make docs` builds it, and warnings are errors."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import building
import landing

import saddles

# Packages that the gallery uses set up logging; what the examples log would hide warnings.
logging.getLogger("saddles").setLevel(logging.WARNING)

HERE = Path(__file__).parent
logging.getLogger("saddles").setLevel(logging.WARNING)  # Sphinx shows what is logged
building.write_api_pages(HERE / "api")
building.write_table_pages(HERE / "tables")
landing.write_animation(HERE / "api" / "staircase.html")
building.forget_pictures(HERE / "examples", HERE / "gallery")
building.forget_pictures(HERE / "tutorials", HERE / "lessons")

project = "saddles"
author = "The saddles developers"
copyright = author  # noqa: A001 (Sphinx reads this name)
version = release = saddles.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "sphinxcontrib.bibtex",
    "building",
]
exclude_patterns = [
    "sg_execution_times.rst",
    "*/sg_execution_times.rst",
    "_build",
    "_templates",
    "examples",
    "tutorials",
]
templates_path = ["_templates"]
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions

html_theme = "furo"
html_title = "saddles"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
smartquotes = False

autodoc_typehints = "none"  # the docstrings say types, shapes and units
autodoc_member_order = "bysource"
nitpick_ignore_regex = [("py:.*", r"(numpy|scipy|sklearn|torch|matplotlib|pandas)\..*")]
#: A section of scikit-learn's guide, to which the `score` of its classifiers refers.
nitpick_ignore = [("std:ref", "accuracy_score")]
autosummary_generate = True
# `sweep` and `Sweep` are one file where the case of names does not count.
autosummary_filename_map = building.file_names()
numpydoc_show_class_members = False

mathjax_path = building.MATHJAX  # a file of the site: formulas need no network
math_numfig = False
math_number_all = False
math_eqref_format = "({number})"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": ["examples", "tutorials"],
    "gallery_dirs": ["gallery", "lessons"],
    "filename_pattern": r"\.py$",
    "image_scrapers": (building.scrape_figures,),
    # The scraper saves pictures; what else matplotlib returns tells a reader nothing.
    "ignore_repr_types": r"Picture|matplotlib\.",
    "reset_modules": (),
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "show_signature": False,
    "min_reported_time": 5,
    "abort_on_example_error": True,
}

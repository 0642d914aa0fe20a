"""Sphinx configuration: `make docs`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

import botorch_cll

DOCS = Path(__file__).parent
TUTORIALS = DOCS.parent / "tutorials"
_LATER = ("ax", "bench")

project = "botorch_cll"
author = "The botorch_cll authors"
copyright = author
version = release = botorch_cll.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
html_theme = "furo"
# MathML, which browsers draw themselves: MathJax would be loaded from the network.
html_math_renderer = "mathml"
html_title = f"botorch_cll {release}"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
# Tutorials are stored with their outputs; the tests execute them.
nb_execution_mode = "off"

# Docstrings mark code by single backticks, as BoTorch's do.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

nitpicky = True
# Names of other projects, which are not linked: building needs no network.
nitpick_ignore_regex = [
    ("py:.*", r"(torch|botorch|gpytorch|ax|matplotlib|pandas|numpy|sklearn|nn|collections)\..*"),
    ("py:class", r"(Module|Enum|StrEnum|NamedTuple|ABC|abc\.ABC|Tensor|optional)"),
    ("py:exc", r"[A-Za-z]+(Error|Exit)"),
    ("py:class", r"botorch_cll\.testing\.subject\.Subject"),
]
_CARD = """:::{{grid-item-card}} {title}
:link: {name}
:link-type: doc
{image}
{question}
:::
"""


def _collect_tutorials() -> None:
    """Copy the tutorials into the source tree of the site and write the page that shows them."""
    target = DOCS / "tutorials"
    shutil.rmtree(target, ignore_errors=True)
    (target / "images").mkdir(parents=True)
    cards, names = [], []
    for path in sorted(TUTORIALS.glob("*.ipynb")):
        shutil.copy(path, target)
        opening = nbformat.read(path, as_version=4).cells[0].source
        title = opening.splitlines()[0].lstrip("# ")
        question = re.search(r"\*\*Question\.\*\*\s+(.*?)\n\n", opening, re.DOTALL)
        picture = re.search(r"\]\((images/[^)]+)\)", opening)
        cards.append(
            _CARD.format(
                title=title,
                name=path.stem,
                image=f":img-bottom: {picture[1]}\n" if picture else "",
                question=" ".join(question[1].split()) if question else "",
            )
        )
        names.append(path.stem)
    for picture_file in (TUTORIALS / "images").glob("*.png"):
        shutil.copy(picture_file, target / "images")
    (target / "index.md").write_text(
        "# Tutorials\n\nNotebooks with their outputs, from `tutorials/` in the repository. Each "
        "opens with a question and a\npicture of the answer; `make tutorials` executes them "
        "again.\n\n"
        "::::{grid} 1 2 2 2\n:gutter: 3\n\n" + "\n".join(cards) + "::::\n\n"
        "```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```\n"
    )


def _without_absent_pages(app: Sphinx, name: str, source: list[str]) -> None:
    """Drop entries of the front page's tables of contents whose pages have not been written yet."""
    if name == "index":
        absent = [page for page in _LATER if not (DOCS / f"{page}.md").exists()]
        source[0] = "".join(
            line for line in source[0].splitlines(keepends=True) if line.strip() not in absent
        )


def _visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _visit_displayed_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    formula = convert(node.astext(), display="block")
    translator.body.append(f'<div class="math" style="overflow-x: auto">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    app.connect("source-read", _without_absent_pages)
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_displayed_math, None))


_collect_tutorials()

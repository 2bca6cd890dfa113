"""Links to the documentation of Keras, Lasagne and numpy, made without a network.

``inventories/PROJECT.txt`` lists the names that may be linked to: type and name of an object of
Python's, and its page. Sphinx's intersphinx reads inventories in a format of its own, which this
writes. A name in ``literals`` that is listed, or is lasport's, becomes a link by itself; a role
(``:class:`keras.Model```) whose name is not listed fails the build.
"""

import re
import zlib
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

HERE = Path(__file__).parent
ROOTS = {
    "keras": "https://keras.io/api/",
    "lasagne": "https://lasagne.readthedocs.io/en/latest/",
    "numpy": "https://numpy.org/doc/stable/reference/",
}
HEADER = "# Sphinx inventory version 2\n# Project: {}\n# Version: \n# zlib\n"
LINKED = re.compile(rf"(?:lasport|{'|'.join(ROOTS)})\.[\w.]+")


def entries(project: str) -> list[tuple[str, str, str]]:
    """Return type, name and page of each object that a project's list has."""
    lines = (HERE / "inventories" / f"{project}.txt").read_text("utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [(kind, name, page.replace("$", name)) for kind, name, page in rows]


def mapping(folder: Path) -> dict[str, tuple[str, str]]:
    """Write all inventories into a folder; return what ``intersphinx_mapping`` is to be."""
    folder.mkdir(parents=True, exist_ok=True)
    for project in ROOTS:
        lines = [f"{name} py:{kind} 1 {page} -\n" for kind, name, page in entries(project)]
        packed = zlib.compress("".join(lines).encode())
        (folder / f"{project}.inv").write_bytes(HEADER.format(project).encode() + packed)
    return {project: (root, str(folder / f"{project}.inv")) for project, root in ROOTS.items()}


class LinkNames(SphinxTransform):
    """Let a name in a literal refer to what it names, where there is such a thing."""

    default_priority = 500

    def apply(self, **kwargs: object) -> None:
        for literal in list(self.document.findall(nodes.literal)):
            if isinstance(literal.parent, (nodes.reference, addnodes.pending_xref)):
                continue
            name = literal.astext().removesuffix("()")
            if LINKED.fullmatch(name):
                target = {"refdomain": "py", "reftype": "obj", "reftarget": name}
                reference = addnodes.pending_xref("", refdoc=self.env.docname, **target)
                literal.replace_self(reference)
                reference += literal


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The way of a net through lasport, as boxes and arrows: what draw.py makes pipeline.svg of."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import NamedTuple

from lasport.compare.html.markup import Element, element

WIDTH, HEIGHT = 984, 370
TITLE = "From a Lasagne file to a Keras model, and the evidence"
LINE, LETTER = 15, 7.2  # how high and wide a wide font is
ORACLES = "the real Lasagne, here or in another Python; its records; the numpy reference"
COMPARED = "both modes, every layer, averages, gradients; structure in float64, rounding in float32"


class Box(NamedTuple):
    """What is held (data), done (step) or judged (evidence): its place, a heading, a text."""

    style: str
    x: float
    y: float
    width: float
    height: float
    heading: str
    text: str


BOXES = (
    Box("data", 16, 20, 186, 54, "pickled net", "Lasagne or nolearn"),
    Box("data", 16, 84, 186, 54, "script + parameters", "npz, HDF5, pickles"),
    Box("data", 16, 148, 186, 54, "live layers", "where Lasagne runs"),
    Box("step", 236, 68, 112, 86, "readers", "import and call nothing that a pickle names"),
    Box("data", 376, 68, 120, 86, "Network", "layers, shapes, parameters as in Lasagne"),
    Box("step", 524, 68, 116, 86, "translate", "refuses by name what it cannot"),
    Box("data", 668, 68, 132, 86, "Plan", "operations with their weights, laid out by passes"),
    Box("data", 838, 20, 130, 54, "Keras 3 model", "stock or exact"),
    Box("data", 838, 84, 130, 54, "Keras script", "or a TF 1 graph"),
    Box("data", 838, 148, 130, 54, "export", "SavedModel, ONNX"),
    Box("evidence", 346, 234, 200, 116, "oracles say what is right", ORACLES),
    Box("evidence", 590, 234, 200, 116, "comparison", COMPARED),
    Box(
        "evidence",
        838,
        234,
        130,
        116,
        "report",
        "text, JSON, HTML; diagnosis of somebody's own port",
    ),
)
# Where each arrow turns, from the edge of one box to the edge of another.
ARROWS = (
    ((202, 47), (219, 47), (219, 111), (236, 111)),
    ((202, 111), (236, 111)),
    ((202, 175), (219, 175), (219, 111), (236, 111)),
    ((348, 111), (376, 111)),
    ((496, 111), (524, 111)),
    ((640, 111), (668, 111)),
    ((800, 111), (819, 111), (819, 47), (838, 47)),
    ((800, 111), (838, 111)),
    ((800, 111), (819, 111), (819, 175), (838, 175)),
    ((436, 154), (436, 234)),
    ((546, 292), (590, 292)),
    ((968, 47), (976, 47), (976, 218), (690, 218), (690, 234)),
    ((790, 292), (838, 292)),
)


def pipeline() -> tuple[str, float, float, Element]:
    """Return title, width, height and content of the drawing."""
    return TITLE, WIDTH, HEIGHT, element("g", *map(_arrow, ARROWS), *_boxes())


def _boxes() -> Iterator[Element]:
    for box in BOXES:
        size = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
        yield element("rect", **size, rx=6, class_=f"box {box.style}")
        middle = box.x + box.width / 2
        lines = wrap(box.text, int(box.width / LETTER))
        top = box.y + (box.height - LINE * len(lines)) / 2 + 5
        yield element("text", box.heading, x=middle, y=top, text_anchor="middle", class_="heading")
        for k, line in enumerate(lines, 1):
            yield element("text", line, x=middle, y=top + 2 + LINE * k, text_anchor="middle")


def _arrow(corners: tuple[tuple[float, float], ...]) -> Element:
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in corners)
    (before_x, _), (x, y) = corners[-2:]
    head = f"M{x - 7:g} {y - 4:g}L{x:g} {y:g}L{x - 7:g} {y + 4:g}"
    if before_x == x:
        head = f"M{x - 4:g} {y - 7:g}L{x:g} {y:g}L{x + 4:g} {y - 7:g}"
    return element("path", d=path + head, class_="arrow")

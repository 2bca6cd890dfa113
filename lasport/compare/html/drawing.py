"""What all drawings have in common: labels, and the SVG around them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from lasport.compare.html.markup import Element, element

__all__ = ["drawing_of", "label"]


def label(
    text: str,
    x: float,
    y: float,
    anchor: str,
    transform: str | None = None,
    class_: str | None = None,
) -> Element:
    """Return a text that starts, ends or has its middle at a place: its anchor."""
    return element("text", text, x=x, y=y, text_anchor=anchor, transform=transform, class_=class_)


def drawing_of(
    title: str, width: float, height: float, drawing: Iterable[Element], size: str
) -> Element:
    """Return a drawing; its title is read out where it cannot be seen, its size is a style."""
    view = f"0 0 {width:.6g} {math.ceil(height)}"
    return element("svg", *drawing, viewBox=view, role="img", aria_label=title, class_=size)

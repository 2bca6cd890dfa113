"""Elements of an HTML page, and of drawings in it: every text is escaped where it becomes one."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from lasport.terminal import harmless

__all__ = ["Child", "Element", "document", "element"]

Element = ET.Element
Child = ET.Element | str | None

# The page may load nothing and run nothing, whatever somebody manages to smuggle into a name.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def element(tag: str, /, *children: Child, **attributes: str | float | None) -> Element:
    """Make an element.

    Parameters
    ----------
    tag : str
    *children : Element, str or None
        What is in it; None is left out.
    **attributes : str, float or None
        ``class_`` stands for ``class``, any other underscore for a hyphen, so that
        ``text_anchor="end"`` is ``text-anchor="end"``. None is left out.

    Returns
    -------
    Element
        Characters that cannot be seen are written as escapes.

    Examples
    --------
    >>> ET.tostring(element("p", "a < b", element("br"), "c", class_="note"), method="html")
    b'<p class="note">a &lt; b<br>c</p>'
    """
    texts = {
        key.rstrip("_").replace("_", "-"): _text(value)
        for key, value in attributes.items()
        if value is not None
    }
    made = ET.Element(tag, texts)
    for child in children:
        if isinstance(child, str):
            _append_text(made, harmless(child))
        elif child is not None:
            made.append(child)
    return made


def document(title: str, style: str, *body: Child) -> str:
    """Return a whole page that needs no other file.

    Parameters
    ----------
    title : str
        What the window is called.
    style : str
        The style sheet.
    *body : Element, str or None
        What the page shows.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
    )
    sheet = ET.SubElement(head, "style")
    sheet.text = style  # as it is: a style sheet is not escaped
    page = element("html", head, element("body", *body), lang="en")
    return f"<!doctype html>\n{ET.tostring(page, encoding='unicode', method='html')}\n"


def _append_text(parent: Element, text: str) -> None:
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text


def _text(value: str | float) -> str:
    return harmless(value) if isinstance(value, str) else f"{value:.6g}"

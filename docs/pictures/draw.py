"""Draw the pictures of the documentation again, from nets and records of this checkout.

    PYTHONPATH=. python docs/pictures/draw.py [DIRECTORY]

``layer-errors.svg`` is of two reports on ``tests/golden/net_digits``, which the real Lasagne
recorded; ``running-statistics.svg`` of what Lasagne (``record_statistics.py``) and Keras make of an
average in the same steps; ``pipeline.svg`` of nothing but boxes; ``report.png``, where there is a
Chromium, a photograph of ``docs/digits-report.html``. The colours are those of the reports' pages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from pipeline import pipeline

import lasport
from lasport.compare.html.error_chart import Series, error_chart
from lasport.compare.html.errors import marks_of
from lasport.compare.html.markup import Element, element
from lasport.compare.html.small_charts import statistic_chart
from lasport.compare.report import Comparison, Report
from lasport.oracles.record import read_record

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GOLDEN = ROOT / "tests" / "golden"
# What a page would have besides drawings.css, and what its drawings have not.
STYLE = """
svg { font-family: system-ui, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", sans-serif; }
svg .ground { fill: var(--paper); stroke: var(--line); }
svg .heading { fill: var(--ink); font-weight: 600; font-size: 13px; }
svg .box { stroke-width: 1.5; fill: var(--paper); stroke: var(--quiet); }
svg .step { fill: var(--panel); stroke: var(--inference); }
svg .evidence { fill: var(--panel); stroke: var(--training); }
svg .arrow { fill: none; stroke: var(--quiet); stroke-width: 1.5; }
"""
MARGIN = 12
STEPS, BATCH = 30, 8  # as in record_statistics.py
PHOTOGRAPH = (1000, 900)  # as much as shows what a page is like


def write(path: Path, title: str, width: float, height: float, *parts: Element) -> None:
    """Write a drawing that needs no other file, on a ground of its own."""
    svg = element("svg", element("title", title), xmlns="http://www.w3.org/2000/svg", role="img")
    svg.attrib.update(width=f"{width:g}", height=f"{height:g}", viewBox=f"0 0 {width:g} {height:g}")
    style = ET.SubElement(svg, "style")
    style.text = (files("lasport") / "data" / "drawings.css").read_text("utf-8") + STYLE
    frame = {"width": width - 1, "height": height - 1}
    svg.append(element("rect", x=0.5, y=0.5, **frame, rx=8, class_="ground"))
    svg.extend(parts)
    ET.indent(svg)
    path.write_text(ET.tostring(svg, encoding="unicode") + "\n", encoding="utf-8")


def placed(drawing: Element, x: float, y: float) -> Element:
    """Put a drawing, as the reports have them, at a place in another one."""
    _, _, width, height = drawing.attrib["viewBox"].split()
    for name, value in (("x", f"{x:g}"), ("y", f"{y:g}"), ("width", width), ("height", height)):
        drawing.set(name, value)
    return drawing


# --- errors of layers


def draw_layer_errors(path: Path) -> None:
    """Draw lasport's port of the digits net, and the same with Keras' default epsilon."""
    net = lasport.load(GOLDEN / "net_digits.pkl.bz2")
    model = lasport.to_keras(net)
    record = read_record(GOLDEN / "net_digits.npz.bz2")
    ports = {"lasport": model, "epsilon forgotten": careless(model)}
    reports = {port: lasport.verify(net, each, record) for port, each in ports.items()}
    names = [layer.name for layer in net.layers if layer.incoming]
    series = [
        Series(
            f"{port}: {mode}",
            mode,
            port != "lasport",
            marks_of(layers_of(report, mode), names),
        )
        for port, report in reports.items()
        for mode in ("inference", "training")
    ]
    title = "How far every layer is from the real Lasagne's, in units of rounding"
    chart = error_chart(title, "units in the last place of float64", names, series)
    _, _, width, height = map(float, chart.attrib["viewBox"].split())
    parts = [heading(title, width / 2), placed(chart, MARGIN, 2 * MARGIN + 8)]
    write(path, title, width + 2 * MARGIN, height + 3 * MARGIN, *parts)


def heading(title: str, x: float) -> Element:
    return element("text", title, x=x + MARGIN, y=24, text_anchor="middle", class_="heading")


def layers_of(report: Report, mode: str) -> list[Comparison]:
    place = f"{mode}/layers"
    return [row for row in report.comparisons if (row.place, row.dtype) == (place, "float64")]


def careless(model: keras.Model) -> keras.Model:
    """Return the model as somebody writes it who does not look epsilon up."""

    def again(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        if "epsilon" in config:
            config["epsilon"] = 1e-3
        return type(layer).from_config(config)

    changed = keras.models.clone_model(model, clone_function=again)
    changed.set_weights(model.get_weights())
    return changed


# --- running statistics


def draw_running_statistics(path: Path) -> None:
    """Draw an average over thirty steps of training: Lasagne's as a line, Keras' as rings.

    Of its entries the one that parts most under the stock profile is shown.
    """
    with np.load(HERE / "running_statistics.npz") as archive:
        expected = archive["inv_std"]
    actual = {profile: further_training(profile) for profile in ("exact", "stock")}
    entry = np.abs(actual["stock"][-1] / expected[-1] - 1).argmax()
    parts = [heading("A running inv_std in further training", 310)]
    for k, (profile, values) in enumerate(actual.items()):
        apart = np.abs(values[-1] / expected[-1] - 1)
        title = f"{profile}: {np.median(apart):.1g} apart (largest {apart.max():.1g})"
        shown = [each[:, [entry]].tolist() for each in (expected, values)]
        chart = statistic_chart(title, range(len(expected)), *shown)
        parts.append(placed(chart, MARGIN + 320 * k, 40))
    parts.append(legend())
    write(path, "Running inv_std in further training, Lasagne and Keras", 644, 264, *parts)


def legend() -> Element:
    return element(
        "g",
        element("polyline", points="190,246 220,246", class_="expected"),
        element("text", "Lasagne", x=228, y=250),
        element("circle", cx=300, cy=246, r=3.2, class_="port"),
        element("text", "Keras, after each of 30 steps of Adam", x=310, y=250),
    )


def further_training(profile: str) -> np.ndarray:
    """Return fc_bn's inv_std before and after each of the steps that were recorded."""
    sys.path.insert(0, str(ROOT / "examples" / "digits"))
    import keras_net

    digits, labels, held_out, _ = keras_net.load_data()
    model = keras_net.convert(profile)
    model.get_layer("dropout").rate = 0
    keras_net.prepare(model)
    norm = model.get_layer("fc_bn")

    def inv_std() -> np.ndarray:
        if profile == "exact":
            return norm.moving_inv_std.numpy()
        return 1 / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)

    found = [inv_std()]
    for start in range(0, STEPS * BATCH, BATCH):
        batch = slice(start, start + BATCH)
        model.train_on_batch(digits[~held_out][batch], labels[~held_out][batch])
        found.append(inv_std())
    return np.array(found)


# --- the page


def photograph(path: Path) -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if chromium is None:
        print(f"no Chromium here: {path.name} stays as it is")
        return
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    size = "--window-size={},{}".format(*PHOTOGRAPH)
    page = (ROOT / "docs" / "digits-report.html").as_uri()
    command = [chromium, *options, size, f"--screenshot={path}", page]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    write(directory / "pipeline.svg", *pipeline())
    draw_layer_errors(directory / "layer-errors.svg")
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    draw_running_statistics(directory / "running-statistics.svg")
    photograph(directory / "report.png")


if __name__ == "__main__":
    main()

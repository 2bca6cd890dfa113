"""Recurrent layers around nets, which are drawn as well."""

from __future__ import annotations

from collections.abc import Mapping

from lasport.inert import Global
from lasport.random_nets.draw import Draw
from lasport.random_nets.recipes.images import FUNCTIONS
from lasport.random_nets.recipes.options import nonlinearity, space
from lasport.random_nets.recipes.sequences import example, is_sequence, loop, mask_for
from lasport.random_nets.soil import Planting, Recipe, Soil, shape_of
from lasport.spec import Layer, Network, Shape


def images_or_vectors(draw: Draw) -> Shape:
    """Draw a number of steps, and what each of them has."""
    return (draw.between(3, 4), *space(2)(draw)) if draw.chance(3) else example(draw)


def custom(soil: Soil) -> Planting | None:
    """Feed it a sequence; its nets are convolutions of images, or dense layers."""
    draw, source = soil.draw, soil.pick(is_sequence, images_or_vectors)
    if source is None:
        return None
    taken = shape_of(source)[2:]
    size = draw.size(shape_of(source), 2, 5)
    state = (size, *taken[1:]) if len(taken) == 3 else (size,)
    incoming, indices = [source], {"mask_incoming_index": -1, "hid_init_incoming_index": -1}
    mask = mask_for(soil, source) if len(state) == 1 else None
    start = None
    if draw.chance(4):
        start = soil.pick(lambda shape: shape[1:] == state, lambda draw: state)
    for name, layer in (("mask", mask), ("hid_init", start)):
        if layer is not None:
            indices[f"{name}_incoming_index"] = len(incoming)
            incoming.append(layer)
    chosen = loop(draw, source)
    in_advance, unrolls = bool(chosen["precompute_input"]), bool(chosen["unroll_scan"])
    options = {
        **chosen,
        **indices,
        "nonlinearity": nonlinearity(draw, (None, *state)),
        "input_to_hidden": net(
            draw, taken, state, averages=in_advance, draws=in_advance or unrolls
        ),
        "hidden_to_hidden": net(draw, state, state, draws=unrolls),
    }
    return Planting(incoming=incoming, options=options, without=["hid_init"] if start else [])


def net(
    draw: Draw, taken: Shape, state: Shape, *, averages: bool = False, draws: bool = False
) -> Network:
    """Draw a net from one shape to another, with batch norm and dropout where they can be."""
    soil = Soil(draw, open_sizes=False)
    layer = soil.add_source((None, *taken))
    if draws and draw.chance(3):
        rate = {"p": 0.25, "rescale": not draw.chance(), "shared_axes": ()}
        planting = Planting(incoming=[layer], options=rate)
        layer = soil.add("lasagne.layers.noise.DropoutLayer", planting)
    if draw.chance():
        layer = step(soil, layer, (draw.size(taken, 2, 5), *state[1:]))
    layer = step(soil, layer, state)
    if averages and draw.chance():
        axes = tuple(axis for axis in range(len(state) + 1) if axis != 1)
        norm = {"axes": axes, "epsilon": 1e-4, "alpha": 0.1}
        planting = Planting(incoming=[layer], options=norm)
        layer = soil.add("lasagne.layers.normalization.BatchNormLayer", planting)
    return Network(tuple(soil.layers), (layer.name,))


def step(soil: Soil, source: Layer, made: Shape) -> Layer:
    """Add a layer that makes a shape: a convolution of images, or a dense one."""
    draw = soil.draw
    without = draw.some(["b"])
    options: dict[str, object] = {"nonlinearity": nonlinearity(draw)}
    if len(made) == 1:
        options |= {"num_units": made[0], "num_leading_axes": 1}
        planting = Planting(incoming=[source], options=options, without=without)
        return soil.add("lasagne.layers.dense.DenseLayer", planting)
    options |= {
        "num_filters": made[0],
        "filter_size": draw.among(((1, 1), (3, 1), (1, 3))),
        "stride": (1, 1),
        "pad": "same",
        "untie_biases": False,
        "flip_filters": not draw.chance(),
        "convolution": Global(*FUNCTIONS[2]),
    }
    planting = Planting(incoming=[source], options=options, without=without)
    return soil.add("lasagne.layers.conv.Conv2DLayer", planting)


RECIPES: Mapping[str, Recipe] = {"recurrent.CustomRecurrentLayer": custom}

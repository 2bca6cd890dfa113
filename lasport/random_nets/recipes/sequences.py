"""Recurrent layers, with masks and initial states that are parameters or layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lasport.inert import Global
from lasport.random_nets.draw import Draw
from lasport.random_nets.recipes.options import nonlinearity
from lasport.random_nets.soil import INPUT, Planting, Recipe, Soil, shape_of
from lasport.registry import Family, family_of
from lasport.spec import Layer, Network, Shape

PEEPHOLES = ("W_cell_to_ingate", "W_cell_to_forgetgate", "W_cell_to_outgate")


def is_sequence(shape: Shape) -> bool:
    """Whether there are features of a known number for each step."""
    return len(shape) >= 3 and None not in shape[2:]


def example(draw: Draw) -> Shape:
    """Draw numbers of steps and features."""
    return (draw.between(3, 5), draw.size((3, 4, 5)))


def loop(draw: Draw, source: Layer) -> dict[str, object]:
    """Draw what all recurrent layers hold; Lasagne unrolls known numbers of steps only."""
    unrolls = shape_of(source)[1] is not None and draw.chance(4)
    return {
        "backwards": draw.chance(3),
        "only_return_final": draw.chance(4),
        "unroll_scan": unrolls,
        "gradient_steps": 2 if not unrolls and draw.chance(6) else -1,
        "grad_clipping": draw.among((0, 0.5)),
        "precompute_input": not draw.chance(3),
    }


def mask_for(soil: Soil, source: Layer) -> Layer | None:
    """Return a mask for a sequence, new or not; None where it needs none, or cannot have one."""
    # How many steps an open number becomes is known of inputs only.
    if not soil.draw.chance(3) or (shape_of(source)[1] is None and source.kind != INPUT):
        return None
    steps = shape_of(source)[1:2]
    return soil.pick(lambda shape: shape[1:] == steps, lambda draw: steps, "mask")


def recurrent(states: tuple[str, ...], options: Callable[[Draw, int], dict[str, object]]) -> Recipe:
    """Return the recipe of a layer with some states.

    Parameters
    ----------
    states : tuple of str
        "hid", "cell": which of them may be layers.
    options : callable
        ``(draw, units) -> {name: value}``: what is the class's own.
    """

    def plant(soil: Soil) -> Planting | None:
        """Feed it a sequence, perhaps a mask, and layers as wide as it is for its states."""
        draw, source = soil.draw, soil.pick(is_sequence, example)
        if source is None:
            return None
        incoming, without = [source], []
        mask = mask_for(soil, source)
        indices = {"mask_incoming_index": -1 if mask is None else 1}
        incoming += [] if mask is None else [mask]
        units = draw.size(shape_of(source))
        given = [state for state in states if draw.chance(4)]
        for state in states:
            indices[f"{state}_init_incoming_index"] = -1
        matrix = soil.pick(lambda shape: len(shape) == 2, lambda draw: (units,)) if given else None
        if matrix is not None and shape_of(matrix)[1] is not None:
            units = shape_of(matrix)[1] or units
            for state in given:
                indices[f"{state}_init_incoming_index"] = len(incoming)
                incoming.append(draw.among(soil.find(lambda shape: shape[1:] == (units,))))
                without.append(f"{state}_init")
        chosen = {**loop(draw, source), **indices, **options(draw, units)}
        if not chosen.get("peepholes", True):
            without += PEEPHOLES
        if "input_to_hidden" in chosen:
            without += draw.some(["b"])
        return Planting(incoming=incoming, options=chosen, without=without)

    return plant


def gate(draw: Draw) -> object:
    """Draw the nonlinearity of a gate: mostly the usual one."""
    return nonlinearity(draw) if draw.chance(4) else Global("lasagne.nonlinearities", "sigmoid")


def plain(draw: Draw, units: int) -> dict[str, object]:
    """Build two nets, of an input and a linear dense layer each."""
    net = dense_net(units)
    return {"nonlinearity": nonlinearity(draw), "input_to_hidden": net, "hidden_to_hidden": net}


def dense_net(units: int) -> Network:
    """Return the net that a RecurrentLayer holds, of which only the number of units counts."""
    dense = "lasagne.layers.dense.DenseLayer"
    attributes = _family(dense).read(
        {"num_units": units, "nonlinearity": None, "num_leading_axes": 1}
    )
    source = Layer("input", INPUT, (), None, {}, (), (None, units))
    layer = Layer("dense", dense, ("input",), attributes, {}, ((None, units),), (None, units))
    return Network((source, layer), ("dense",))


def _family(kind: str) -> Family:
    family = family_of(kind)
    if family is None:
        raise ValueError(f"no family is registered for {kind}")
    return family


def lstm(draw: Draw, units: int) -> dict[str, object]:
    """Draw four gates, with peepholes or without."""
    return {
        "num_units": units,
        "peepholes": draw.chance(),
        "nonlinearity_ingate": gate(draw),
        "nonlinearity_forgetgate": gate(draw),
        "nonlinearity_cell": nonlinearity(draw),
        "nonlinearity_outgate": gate(draw),
        "nonlinearity": nonlinearity(draw),
    }


def gru(draw: Draw, units: int) -> dict[str, object]:
    """Draw three gates."""
    return {
        "num_units": units,
        "nonlinearity_resetgate": gate(draw),
        "nonlinearity_updategate": gate(draw),
        "nonlinearity_hid": nonlinearity(draw),
    }


RECIPES: Mapping[str, Recipe] = {
    "recurrent.RecurrentLayer": recurrent(("hid",), plain),
    "recurrent.GRULayer": recurrent(("hid",), gru),
    "recurrent.LSTMLayer": recurrent(("hid", "cell"), lstm),
}

"""A net for inference alone: fewer layers that compute the same.

Rules in one visible list, each of which rewrites one layer with a neighbour or takes it out:
noise goes, normalization is folded into the product before or behind it, and zeros around an image
become the convolution's own. Weights are multiplied in float64 and stay so, in a net that computes
in the float type it had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lasport.layers.conv import REVERSING, Conv1DAttributes, Conv3DAttributes, ConvAttributes
from lasport.layers.dense import DenseAttributes
from lasport.layers.dilated_conv import DilatedConvAttributes
from lasport.layers.filters import widths
from lasport.layers.inverse import InverseAttributes
from lasport.layers.nin import NINAttributes
from lasport.layers.noise import DropoutAttributes, GaussianNoiseAttributes
from lasport.layers.nonlinearities import Nonlinearity, NonlinearityAttributes
from lasport.layers.normalization import BatchNormAttributes
from lasport.layers.shape import PadAttributes
from lasport.layers.transposed_conv import TransposedConv3DAttributes, TransposedConvAttributes
from lasport.spec import Array, Layer, Network, Param

__all__ = ["simplified"]

NOISE = (DropoutAttributes, GaussianNoiseAttributes)
LINEAR = Nonlinearity("linear")

# Which axis of W counts the outputs, and which the inputs. Subclasses hold their axes otherwise.
OUTPUT_AXIS: Mapping[type, int] = {
    DenseAttributes: 1,
    NINAttributes: 1,
    Conv1DAttributes: 0,
    ConvAttributes: 0,
    Conv3DAttributes: 0,
    DilatedConvAttributes: 1,
    TransposedConvAttributes: 1,
    TransposedConv3DAttributes: 1,
}
INPUT_AXIS: Mapping[type, int] = {
    DenseAttributes: 0,
    NINAttributes: 0,
    Conv1DAttributes: 1,
    ConvAttributes: 1,
    Conv3DAttributes: 1,
}


@dataclass(frozen=True)
class _View:
    """A net, and what a rule may look at besides one layer.

    Attributes
    ----------
    consumers : mapping of str to list of Layer
        By the name of the layer that feeds them.
    uses : mapping of int to int
        In how many parameters a variable is found.
    """

    network: Network
    consumers: Mapping[str, list[Layer]]
    uses: Mapping[int, int]

    @classmethod
    def of(cls, network: Network) -> _View:
        consumers: dict[str, list[Layer]] = {layer.name: [] for layer in network.layers}
        for layer in network.layers:
            for name in layer.incoming:
                consumers[name].append(layer)
        params = [param for layer in network.layers for param in layer.params.values()]
        return cls(network, consumers, Counter(id(v) for p in params for v in p.variables))

    def before(self, layer: Layer) -> Layer | None:
        """Return the one layer that feeds this one and nothing else; None if there is none."""
        if len(layer.incoming) != 1:
            return None
        source = self.network[layer.incoming[0]]
        free = source.name not in self.network.outputs and len(self.consumers[source.name]) == 1
        return source if free else None

    def owns(self, layer: Layer) -> bool:
        """Return whether all parameters of a layer are variables of its own."""
        params = layer.params.values()
        return all(p.formula is None and self.uses[id(p.value)] == 1 for p in params)


@dataclass(frozen=True)
class Rewrite:
    """One layer less.

    Attributes
    ----------
    without : str
        The layer that goes.
    instead : str
        What takes its place for the layers that it feeds.
    changed : Layer or None
        A layer that computes its part from now on, under the name that it has.
    """

    without: str
    instead: str
    changed: Layer | None = None


Rule = Callable[[_View, Layer], Rewrite | None]


def drop_noise(view: _View, layer: Layer) -> Rewrite | None:
    """Take out what does nothing in inference mode."""
    if not isinstance(layer.attributes, NOISE) or layer.name in view.network.outputs:
        return None
    return Rewrite(layer.name, layer.incoming[0])


def fold_norm_into_product_before(view: _View, layer: Layer) -> Rewrite | None:
    """``(x W + b) s + t`` is ``x (W s) + (b s + t)``."""
    source = view.before(layer)
    if source is None or not view.owns(source) or not _is_linear(source):
        return None
    if not _normalizes(layer, _feature_axis(source)):
        return None
    scale, shift = _scale_and_shift(layer)
    weights, bias = _exact(source.params["W"]), _bias(source, scale.size)
    spread = (-1, *(1 for _ in bias.shape[1:]))  # of biases per place the first axis are filters
    bias = bias * scale.reshape(spread) + shift.reshape(spread)
    weights = weights * _along(OUTPUT_AXIS[type(source.attributes)], scale, weights.ndim)
    return Rewrite(layer.name, source.name, _with_product(source, weights, bias))


def fold_norm_into_product_behind(view: _View, layer: Layer) -> Rewrite | None:
    """``(x s + t) W + b`` is ``x (s W) + (t W + b)``, unless zeros come between."""
    norm, axis = view.before(layer), INPUT_AXIS.get(type(layer.attributes))
    if norm is None or axis is None or not view.owns(layer) or not _normalizes(norm, 1):
        return None
    if not _takes_every_place_alike(layer):
        return None
    scale, shift = _scale_and_shift(norm)
    weights = _exact(layer.params["W"])
    places = weights.shape[axis] // scale.size  # a dense layer has a row for each of a channel's
    scale, shift = np.repeat(scale, places), np.repeat(shift, places)
    outputs = OUTPUT_AXIS[type(layer.attributes)]
    summed = tuple(each for each in range(weights.ndim) if each != outputs)
    added = (weights * _along(axis, shift, weights.ndim)).sum(axis=summed)
    bias = _bias(layer, added.size)
    bias = bias + added.reshape(-1, *(1 for _ in bias.shape[1:]))
    changed = _with_product(layer, weights * _along(axis, scale, weights.ndim), bias)
    return Rewrite(norm.name, norm.incoming[0], changed)


def merge_zeros_into_convolution(view: _View, layer: Layer) -> Rewrite | None:
    """Let a convolution add the zeros that a layer before it adds, where it can."""
    source, a = view.before(layer), layer.attributes
    if source is None or not isinstance(a, ConvAttributes) or type(a) not in OUTPUT_AXIS:
        return None
    pad = source.attributes
    if not isinstance(pad, PadAttributes) or pad.val != 0:
        return None
    own = widths(a.pad, a.filter_size)
    added = pad.widths(2 + len(own))
    total = [(b + x, e + y) for (b, e), (x, y) in zip(own, added[2:], strict=True)]
    if added[:2] != ((0, 0), (0, 0)) or any(before != behind for before, behind in total):
        return None
    changed = _with_attributes(layer, pad=tuple(before for before, _ in total))
    changed = replace(changed, input_shapes=source.input_shapes)
    return Rewrite(source.name, source.incoming[0], changed)


def absorb_nonlinearity(view: _View, layer: Layer) -> Rewrite | None:
    """Let a product apply the function that the layer behind it applies."""
    source = view.before(layer)
    if source is None or not isinstance(layer.attributes, NonlinearityAttributes):
        return None
    if not _is_linear(source):
        return None
    changed = _with_attributes(source, nonlinearity=layer.attributes.nonlinearity)
    return Rewrite(layer.name, source.name, changed)


RULES: tuple[Rule, ...] = (
    drop_noise,
    fold_norm_into_product_before,
    fold_norm_into_product_behind,
    merge_zeros_into_convolution,
    absorb_nonlinearity,
)


def simplified(network: Network) -> tuple[Network, dict[str, str]]:
    """Apply each rule as often as it applies.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Network
        With the same outputs in inference mode. Layers keep their names; where an output went,
        the layer that computes it now is the output.
    dict of str to str
        For each layer that is left, the one that gave what it gives now.
    """
    stands_for = {layer.name: layer.name for layer in network.layers}
    if any(isinstance(layer.attributes, InverseAttributes) for layer in network.layers):
        return network, stands_for  # they go back through layers as these are
    network = replace(network, floats=network.dtype.name)
    for rule in RULES:
        while (rewrite := _first(network, rule)) is not None:
            network = _rewritten(network, rewrite)
            gone = stands_for.pop(rewrite.without)
            if rewrite.changed is not None and rewrite.changed.name == rewrite.instead:
                stands_for[rewrite.instead] = gone
    return network, stands_for


def _first(network: Network, rule: Rule) -> Rewrite | None:
    view = _View.of(network)
    found = (rule(view, layer) for layer in network.layers)
    return next((rewrite for rewrite in found if rewrite is not None), None)


def _rewritten(network: Network, rewrite: Rewrite) -> Network:
    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(rewrite.instead if name == rewrite.without else name for name in names)

    layers = []
    for layer in network.layers:
        changed = rewrite.changed
        kept = changed if changed is not None and changed.name == layer.name else layer
        if layer.name != rewrite.without:
            layers.append(replace(kept, incoming=renamed(kept.incoming)))
    return replace(network, layers=tuple(layers), outputs=renamed(network.outputs))


# --- what the rules ask


def _is_linear(layer: Layer) -> bool:
    """Return whether a layer is a product and nothing more."""
    a = layer.attributes
    return type(a) in OUTPUT_AXIS and getattr(a, "nonlinearity", None) == LINEAR


def _feature_axis(layer: Layer) -> int:
    """Return the axis of a product's output that its filters or units are on."""
    return len(layer.output_shape or ()) - 1 if isinstance(layer.attributes, DenseAttributes) else 1


def _normalizes(layer: Layer, axis: int) -> bool:
    """Return whether a layer is a batch norm with statistics along one axis alone."""
    a, rank = layer.attributes, len(layer.output_shape or ())
    others = tuple(each for each in range(rank) if each != axis)
    return isinstance(a, BatchNormAttributes) and tuple(sorted(a.axes)) == others


def _takes_every_place_alike(layer: Layer) -> bool:
    """Return whether each output is a sum over whole channels, with nothing added at the border."""
    a = layer.attributes
    if isinstance(a, ConvAttributes):
        padded = any(pair != (0, 0) for pair in widths(a.pad, a.filter_size))
        return not padded and a.num_groups == 1 and a.convolution not in REVERSING
    if isinstance(a, DenseAttributes):
        return a.leading(len(layer.input_shapes[0] or ())) == 1
    return True


def _scale_and_shift(norm: Layer) -> tuple[Array, Array]:
    """Return s and t of a batch norm that computes ``x s + t`` in inference mode."""
    values = {name: _exact(param) for name, param in norm.params.items()}
    scale = values["inv_std"] * values.get("gamma", 1.0)
    return scale, values.get("beta", 0.0) - values["mean"] * scale


def _bias(layer: Layer, size: int) -> Array:
    return _exact(layer.params["b"]) if "b" in layer.params else np.zeros(size)


def _along(axis: int, values: Array, rank: int) -> Array:
    return values.reshape([-1 if each == axis else 1 for each in range(rank)])


def _exact(param: Param) -> Array:
    return param.value.astype(np.float64)


def _with_product(layer: Layer, weights: Array, bias: Array) -> Layer:
    """Return a layer with other weights, and a bias even if it had none."""
    for array in (weights, bias):
        array.flags.writeable = False
    W = replace(layer.params["W"], value=weights)
    b = replace(layer.params.get("b", W), name="b", value=bias)
    if "b" not in layer.params and hasattr(layer.attributes, "untie_biases"):
        layer = _with_attributes(layer, untie_biases=False)
    return replace(layer, params={**layer.params, "W": W, "b": b})


def _with_attributes(layer: Layer, **changes: object) -> Layer:
    attributes: Any = layer.attributes
    return replace(layer, attributes=replace(attributes, **changes))

"""Growing a net: one layer after the other, each behind any of those before it."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from lasport import layers as _families_are_registered  # noqa: F401 - importing registers
from lasport.errors import ComparisonError, UsageError
from lasport.layers.feature_pool import FeatureWTAAttributes
from lasport.oracles.reference import draw_inputs, run_reference
from lasport.random_nets.draw import Below, Draw
from lasport.random_nets.recipes import RECIPES
from lasport.random_nets.soil import Soil
from lasport.spec import Array, Layer, Network

__all__ = ["random_network"]

# Values outside of this range say more about rounding than about the port.
SMALLEST, LARGEST = 1e-3, 1e4
WINNER = "lasagne.layers.pool.FeatureWTALayer"
TRIALS_PER_LAYER = 20
MOST_TRIALS = 100


def random_network(
    seed: int | Below,
    *,
    depth: tuple[int, int] = (3, 12),
    kinds: Collection[str] | None = None,
) -> Network:
    """Return a net of layers, options and parameters drawn at random.

    It is what a reader would give: a graph of layers of any class that lasport
    translates, with branches and merges, several inputs and outputs, and sizes
    that differ from axis to axis. All parameters are float64.

    Parameters
    ----------
    seed : int or callable
        The same seed gives the same net. A callable is asked in its place:
        ``seed(n)`` returns an int from 0 to n - 1, and the smaller they are the
        simpler is the net, so that a property-based test can look for the
        simplest one that fails.
    depth : (int, int)
        How many layers to grow: from the first to the second. Inputs are not
        counted, nor is what a class needs before it, such as a localization
        network; what cannot be compared is taken out again.
    kinds : collection of str, optional
        Class paths to choose from, such as ``"lasagne.layers.dense.DenseLayer"``;
        all by default.

    Returns
    -------
    Network
        In the order of Lasagne's ``get_all_layers``.

    Raises
    ------
    UsageError
        If there is no recipe for one of ``kinds``.

    Examples
    --------
    >>> net = random_network(7, kinds=["lasagne.layers.dense.DenseLayer"])
    >>> {layer.kind.rpartition(".")[2] for layer in net.layers}
    {'InputLayer', 'DenseLayer'}
    """
    chosen = list(RECIPES) if kinds is None else [kind for kind in RECIPES if kind in kinds]
    missing = set(kinds or ()) - RECIPES.keys()
    if missing or not chosen:
        named = ", ".join(sorted(missing)) or "no class at all"
        raise UsageError(f"there is no recipe for {named}")
    draw = Draw(seed if callable(seed) else _numbers(seed))
    for _ in range(MOST_TRIALS):
        net = _harvest(draw, _grow(draw, draw.between(*depth), chosen))
        if net is not None:
            return net
    raise UsageError(f"nothing grows of {', '.join(chosen)} alone")


def _numbers(seed: int) -> Below:
    rng = np.random.RandomState(seed)
    return lambda n: int(rng.randint(n))


def _grow(draw: Draw, count: int, kinds: Sequence[str]) -> list[Layer]:
    soil = Soil(draw, open_sizes=not draw.chance(4))
    grown = 0
    for _ in range(TRIALS_PER_LAYER * count):
        kind = draw.among(kinds)
        # An option that does not fit the place is no more than that.
        with contextlib.suppress(ValueError):
            planting = RECIPES[kind](soil)
            if planting is not None:
                soil.add(kind, planting)
                grown += 1
        if grown == count:
            break
    return soil.layers


def _harvest(draw: Draw, layers: Sequence[Layer]) -> Network | None:
    """Return the net of those layers whose values can be compared, if there are any."""
    while True:
        outputs = _outputs(draw, layers)
        if not outputs:
            return None
        net = Network(tuple(_in_order(layers, outputs)), tuple(outputs))
        try:
            spoilt = _spoilt(net)
        except ComparisonError:
            return None  # the sizes that were left open are too small for it
        if not spoilt:
            return net
        layers = [layer for layer in net.layers if layer.name not in spoilt]


def _outputs(draw: Draw, layers: Sequence[Layer]) -> list[str]:
    """Return the layers that feed no other, and some that do."""
    fed = {name for layer in layers for name in layer.incoming}
    grown = [layer.name for layer in layers if layer.incoming]
    return draw.shuffled([name for name in grown if name not in fed or draw.chance(8)])


def _in_order(layers: Sequence[Layer], outputs: Sequence[str]) -> list[Layer]:
    """Return the layers below the outputs: depth first, inputs from left to right."""
    named = {layer.name: layer for layer in layers}
    ordered: dict[str, Layer] = {}

    def visit(name: str) -> None:
        for source in named[name].incoming:
            if source not in ordered:
                visit(source)
        ordered.setdefault(name, named[name])

    for name in outputs:
        visit(name)
    return list(ordered.values())


def _spoilt(net: Network) -> set[str]:
    """Return the layers whose values are no numbers, or too large or small, and all behind them."""
    (inputs,) = draw_inputs(net, seed=0)
    spoilt: set[str] = set()
    for training in (False, True):
        with np.errstate(all="ignore"):
            values = run_reference(net, inputs, training=training).layers
        outputs = {layer.name: value for layer, value in zip(net.layers, values, strict=True)}
        for layer, value in zip(net.layers, values, strict=True):
            largest = np.abs(value).max(initial=0)
            fine = layer.incoming == () or SMALLEST < largest < LARGEST  # not for NaN
            if not fine or spoilt.intersection(layer.incoming) or _tied(layer, outputs):
                spoilt.add(layer.name)
    return spoilt


def _tied(layer: Layer, outputs: Mapping[str, Array]) -> bool:
    """Whether a layer lets one of several take all where rounding decides which one."""
    a = layer.attributes
    if layer.kind != WINNER or not isinstance(a, FeatureWTAAttributes) or a.pool_size == 1:
        return False
    ranked = np.sort(a.split(outputs[layer.incoming[0]]), axis=a.axis + 1)
    gaps = np.diff(ranked, axis=a.axis + 1)
    return bool(gaps.take(-1, axis=a.axis + 1).min() < SMALLEST**2)

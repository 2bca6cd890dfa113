"""The layers that a growing net has, and what a recipe may ask of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import numpy as np

from lasport.inert import Global, Instance
from lasport.random_nets.draw import Draw
from lasport.registry import family_of
from lasport.spec import Array, Layer, Param, Shape, params_of_nets

__all__ = ["Fits", "Options", "Planting", "Recipe", "Soil", "behind", "shape_of"]

INPUT = "lasagne.layers.input.InputLayer"
MOST_INPUTS = 4
# Of one example, so that a net runs in no time.
MOST_ENTRIES = 500

# Tags that Lasagne gives, by parameter; states are trained only if somebody asks for it.
TAGS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("beta", "alpha", "scales"), frozenset({"trainable"})),
    **dict.fromkeys(("mean", "inv_std"), frozenset({"batch_norm_stat"})),
}
LEARNT = frozenset({"trainable", "regularizable"})

Fits = Callable[[Shape], bool]
Options = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Planting:
    """Where a layer shall grow.

    Attributes
    ----------
    incoming : sequence of Layer
        What feeds it.
    options : mapping of str to object
        What an instance of the class holds, as a reader would find it.
    without : collection of str
        Parameters that it lacks.
    holds : str
        What it gives, if that is not what most layers take: see :class:`Soil`.
    """

    incoming: Sequence[Layer]
    options: Options
    without: Collection[str] = ()
    holds: str = ""


# Returns None where the class cannot grow.
Recipe = Callable[["Soil"], Planting | None]


class Soil:
    """The layers so far.

    Parameters
    ----------
    draw : Draw
        Decides everything.
    open_sizes : bool
        Whether batches and numbers of steps may be left open.

    Attributes
    ----------
    layers : list of Layer
        In the order in which they grew.
    apart : dict of str to str
        What some layers hold that most others cannot take, by name: "indices",
        "mask", "places", or "c01b" for images with the batch last.
    """

    def __init__(self, draw: Draw, *, open_sizes: bool) -> None:
        self.draw = draw
        self.layers: list[Layer] = []
        self.apart: dict[str, str] = {}
        self.open_sizes = open_sizes
        self.batch = draw.size(low=3)
        self.values = np.random.RandomState(draw.below(2**16))

    def find(self, fits: Fits, holds: str = "") -> list[Layer]:
        """Return the layers whose output fits, the latest first."""
        return [
            layer
            for layer in reversed(self.layers)
            if self.apart.get(layer.name, "") == holds and fits(shape_of(layer))
        ]

    def pick(self, fits: Fits, example: Callable[[Draw], Shape], holds: str = "") -> Layer | None:
        """Return a layer whose output fits, or a new input; None if there are inputs enough.

        ``example`` gives a shape that fits, without the batch axis.
        """
        found = self.find(fits, holds)
        inputs = sum(not layer.incoming for layer in self.layers)
        # Seldom where there is something already: nets shall be deep, and hang together.
        wanted = self.draw.chance(12) if found else inputs == 0 or self.draw.chance(3)
        if inputs < MOST_INPUTS and wanted:
            return self.add_input(example(self.draw), holds)
        return found[min(self.draw.below(len(found)) for _ in range(2))] if found else None

    def add_input(self, shape: Shape, holds: str = "") -> Layer:
        """Add an input layer for data of a shape behind the batch axis."""
        batch = None if self.open_sizes and self.draw.chance() else self.batch
        if self.open_sizes and not holds and len(shape) > 1 and self.draw.chance(8):
            # Space behind the channels, or the steps of a sequence.
            shape = (shape[0], *[None] * (len(shape) - 1)) if len(shape) > 2 else (None, shape[1])
        dtype = self.draw.among(("int32", "int64")) if holds == "indices" else "float64"
        return self.add_source((batch, *shape), dtype, holds)

    def add_source(self, shape: Shape, dtype: str = "float64", holds: str = "") -> Layer:
        """Add an input layer of just that shape."""
        kind = Instance(Global("theano.tensor.type", "TensorType"), state={"dtype": dtype})
        variable = Instance(Global("theano.tensor.var", "TensorVariable"), state={"type": kind})
        options = {"shape": shape, "input_var": variable}
        return self.add(INPUT, Planting(incoming=(), options=options, holds=holds))

    def add(self, kind: str, planting: Planting) -> Layer:
        """Add a layer.

        Raises
        ------
        ValueError
            If options and inputs contradict each other, or leave nothing, or too much.
        """
        family = family_of(kind)
        if family is None or family.params is None:
            raise ValueError(f"no family of Lasagne's is registered for {kind}")
        attributes = family.read(planting.options)
        shapes = tuple(map(shape_of, planting.incoming))
        shape = family.output_shape(attributes, shapes)
        known = [self.batch if size is None else size for size in shape]
        if min(known) < 1 or np.prod(known) > MOST_ENTRIES * self.batch:
            raise ValueError(f"an output of {shape} is empty or large")
        param_shapes = family.param_shapes(attributes, shapes)
        names = [name for name in family.params if name not in planting.without]
        params = self._params({name: param_shapes[name] for name in names})
        layer = Layer(
            name=f"{kind.rpartition('.')[2].lower()}_{len(self.layers)}",
            kind=kind,
            incoming=tuple(source.name for source in planting.incoming),
            attributes=attributes,
            params=MappingProxyType(params | params_of_nets(family.held(attributes))),
            input_shapes=shapes,
            output_shape=shape,
        )
        self.layers.append(layer)
        if planting.holds:
            self.apart[layer.name] = planting.holds
        return layer

    def _params(self, shapes: Mapping[str, Shape]) -> dict[str, Param]:
        if any(size is None for shape in shapes.values() for size in shape):
            raise ValueError("a parameter of an open size cannot be made")
        learnt, frozen = self.draw.chance(), self.draw.chance(16)
        params = {}
        for name, shape in shapes.items():
            tags = TAGS.get(name, LEARNT)
            if name == "b" or name.startswith("b_"):
                tags = frozenset({"trainable"})
            if name.endswith("_init"):
                tags = frozenset({"trainable"} if learnt else ())
            value = self._value(name, tuple(size or 0 for size in shape))
            params[name] = Param(name, value, tags - {"trainable"} if frozen else tags)
        return params

    def _value(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return values that are no mirror image of themselves, and keep sums near 1."""
        if name in ("inv_std", "gamma", "scales"):
            value = self.values.uniform(0.5, 1.5, shape)
        else:
            terms = prod(shape) / max(shape[:2]) if len(shape) > 1 else 4
            value = self.values.normal(0.1, max(terms, 1) ** -0.5, shape)
        value.setflags(write=False)
        return value


def behind(
    fits: Fits,
    example: Callable[[Draw], Shape],
    options: Callable[[Draw, Shape], Options] = lambda draw, shape: {},
    *,
    lacks: Sequence[str] = (),
    takes: str = "",
    gives: str = "",
) -> Recipe:
    """Return the recipe of a layer with one input.

    Parameters
    ----------
    fits : callable
        Whether it takes an input of a shape.
    example : callable
        ``(draw) -> Shape``: such a shape, without the batch axis.
    options : callable
        ``(draw, input shape) -> {name: value}``; a ValueError where there are
        none means that the class cannot grow there.
    lacks : sequence of str
        Parameters that it may lack.
    takes, gives : str
        What it takes and gives, if not what most layers do.
    """

    def plant(soil: Soil) -> Planting | None:
        source = soil.pick(fits, example, takes)
        if source is None:
            return None
        chosen = options(soil.draw, shape_of(source))
        without = soil.draw.some(lacks)
        return Planting(incoming=(source,), options=chosen, without=without, holds=gives)

    return plant


def shape_of(layer: Layer) -> Shape:
    """Return the shape of a layer's output, which is known of all that grew."""
    return layer.output_shape or ()

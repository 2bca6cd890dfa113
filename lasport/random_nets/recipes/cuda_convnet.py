"""The layers of cuda-convnet, and what leads to their order of axes and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from lasport.inert import Global
from lasport.layers.cuda_convnet import batch_first
from lasport.random_nets.draw import Draw
from lasport.random_nets.recipes.images import filters, padding
from lasport.random_nets.recipes.options import channels_of, of_rank, space
from lasport.random_nets.recipes.vectors import over_channels
from lasport.random_nets.soil import Options, Planting, Recipe, Soil, behind, shape_of
from lasport.spec import Layer, Shape

TO_C01B = "lasagne.layers.cuda_convnet.ShuffleBC01ToC01BLayer"


def conv(draw: Draw, shape: Shape) -> Options:
    """Draw one stride, one filter size and one pad for both axes."""
    channels_of(shape)
    size = (draw.between(1, 3),) * 2
    pad = padding(draw, size)
    return {
        **filters(draw, shape, 2),
        "filter_size": size,
        "stride": (draw.between(1, 2),) * 2,
        "pad": pad if isinstance(pad, str) else (draw.between(0, 2),) * 2,
        "flip_filters": draw.chance(),
        "convolution": Global("theano.tensor.nnet", "conv2d"),
    }


def pool(draw: Draw, shape: Shape) -> Options:
    """Draw square windows."""
    size = draw.between(2, 3)
    return {"pool_size": (size,) * 2, "stride": (draw.between(1, size),) * 2}


def in_either_order(options: Callable[[Draw, Shape], Options], *lacks: str) -> Recipe:
    """Return the recipe of a class that takes c01b where it does not shuffle axes itself."""

    def plant(soil: Soil) -> Planting | None:
        """Choose an order first."""
        shuffles = not soil.draw.chance()
        in_bc01 = behind(of_rank(4), space(2), options, lacks=lacks)
        planting = (in_bc01 if shuffles else in_c01b(options, *lacks))(soil)
        if planting is None:
            return None
        return replace(planting, options={**planting.options, "dimshuffle": shuffles})

    return plant


def in_c01b(options: Callable[[Draw, Shape], Options], *lacks: str) -> Recipe:
    """Return the recipe of a class that takes c01b only."""

    def plant(soil: Soil) -> Planting | None:
        """Draw options for the same image in Lasagne's order."""
        source = image_in_c01b(soil)
        if source is None:
            return None
        chosen = options(soil.draw, batch_first(shape_of(source)))
        without = soil.draw.some(lacks)
        return Planting(incoming=(source,), options=chosen, without=without, holds="c01b")

    return plant


to_c01b = behind(of_rank(4), space(2), gives="c01b")


def image_in_c01b(soil: Soil) -> Layer | None:
    """Return an image in c01b, from a shuffling layer that is there or added."""
    sources = soil.find(lambda shape: True, "c01b")
    if sources:
        return soil.draw.among(sources)
    planting = to_c01b(soil)
    return None if planting is None else soil.add(TO_C01B, planting)


RECIPES: Mapping[str, Recipe] = {
    "cuda_convnet.ShuffleBC01ToC01BLayer": to_c01b,
    "cuda_convnet.ShuffleC01BToBC01Layer": in_c01b(lambda draw, shape: {}),
    "cuda_convnet.Conv2DCCLayer": in_either_order(conv, "b"),
    "cuda_convnet.MaxPool2DCCLayer": in_either_order(pool),
    "cuda_convnet.NINLayer_c01b": in_c01b(over_channels, "b"),
}

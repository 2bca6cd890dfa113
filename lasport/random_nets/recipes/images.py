"""Layers over one to three spatial axes: filters and pools."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lasport.inert import Global
from lasport.random_nets.draw import Draw
from lasport.random_nets.recipes.options import channels_of, distinct, nonlinearity, of_rank, space
from lasport.random_nets.soil import Options, Recipe, behind
from lasport.spec import Shape

FUNCTIONS = {
    1: ("lasagne.theano_extensions.conv", "conv1d_mc0"),
    2: ("theano.tensor.nnet", "conv2d"),
    3: ("theano.tensor.nnet.abstract_conv", "conv3d"),
}
MODES = ("max", "average_inc_pad", "average_exc_pad", "sum")
REDUCTIONS = ("mean", "max", "min", "sum", "prod", "var", "std")


def padding(draw: Draw, filter_size: tuple[int, ...]) -> object:
    """Draw zeros around the data, in all the ways that Lasagne has."""
    odd = all(size % 2 for size in filter_size)
    widths = tuple(draw.between(0, 2) for _ in filter_size)
    return draw.among(((0,) * len(filter_size), widths, "full", *(["same"] if odd else [])))


def filters(draw: Draw, shape: Shape, axes: int) -> dict[str, object]:
    """Draw what all layers with filters have."""
    return {
        "num_filters": draw.size(shape, 2, 5),
        "filter_size": distinct(draw, axes, 1, 4),
        "untie_biases": draw.chance(4),
        "nonlinearity": nonlinearity(draw),
    }


def conv(axes: int) -> Recipe:
    """Convolutions and correlations, in groups or not."""

    def options(draw: Draw, shape: Shape) -> Options:
        """Draw strides, zeros and groups that divide the channels."""
        chosen = filters(draw, shape, axes)
        size = chosen["filter_size"]
        channels = channels_of(shape)
        if draw.chance(3):
            groups = draw.among([n for n in range(1, channels + 1) if channels % n == 0])
            chosen |= {"num_groups": groups, "num_filters": groups * draw.between(1, 3)}
        return {
            **chosen,
            "stride": tuple(draw.between(1, 3) for _ in range(axes)),
            "pad": padding(draw, size if isinstance(size, tuple) else ()),
            "flip_filters": not draw.chance(),
            "convolution": Global(*FUNCTIONS[axes]),
        }

    return behind(of_rank(axes + 2), space(axes), options, lacks=["b"])


def transposed(axes: int) -> Recipe:
    """Transposed convolutions, with all output sizes that strides allow."""

    def options(draw: Draw, shape: Shape) -> Options:
        """Draw a crop, and what the stride leaves open of the output's size."""
        size = distinct(draw, axes, 1, 4)
        stride = tuple(draw.between(1, 3) for _ in range(axes))
        crop = tuple(draw.between(0, n // 2) for n in size)
        odd = all(n % 2 for n in size)
        output_size = None
        if draw.chance() and None not in shape:
            output_size = tuple(
                ((n or 0) - 1) * s + k - 2 * c + draw.between(0, s - 1)
                for n, s, k, c in zip(shape[2:], stride, size, crop, strict=True)
            )
        return {
            **filters(draw, shape, axes),
            "filter_size": size,
            "stride": stride,
            "crop": "same" if odd and output_size is None and draw.chance(4) else crop,
            "output_size": output_size,
            "flip_filters": draw.chance(),
        }

    return behind(of_rank(axes + 2), space(axes), options, lacks=["b"])


def dilated(draw: Draw, shape: Shape) -> Options:
    """Draw filters with holes."""
    dilation = (draw.between(1, 3), draw.between(1, 2))
    return {**filters(draw, shape, 2), "flip_filters": False, "dilation": dilation}


def local(draw: Draw, shape: Shape) -> Options:
    """Draw filters for each place, of all channels or of one each."""
    channelwise = draw.chance(3)
    return {
        **filters(draw, shape, 2),
        "num_filters": channels_of(shape) if channelwise else draw.size(shape),
        "filter_size": draw.among(((1, 3), (3, 1), (3, 3), (5, 3))),
        "flip_filters": not draw.chance(),
        "channelwise": channelwise,
    }


def pool(axes: int, modes: tuple[str, ...] = MODES, *, borders: bool = True) -> Recipe:
    """Pools of any mode; a class that does not store what it does with borders ignores them."""

    def options(draw: Draw, shape: Shape) -> Options:
        """Draw windows that overlap, touch or leave gaps; Theano pads whole windows only."""
        size = distinct(draw, axes, 1, 3)
        ignores = not borders or not draw.chance()
        widths = tuple(draw.between(0, n - 1) for n in size)
        return {
            "pool_size": size,
            "stride": tuple(draw.between(1, 3) for _ in range(axes)),
            "pad": widths if ignores and draw.chance() else (0,) * axes,
            "mode": draw.among(modes),
            **({"ignore_border": ignores} if borders else {}),
        }

    return behind(of_rank(axes + 2), space(axes), options)


def reduction(draw: Draw) -> Global:
    """Draw one of Theano's."""
    return Global("theano.tensor", draw.among(REDUCTIONS))


def global_pool(draw: Draw, shape: Shape) -> Options:
    """Reduce all of space."""
    return {"pool_function": reduction(draw)}


def feature_pool(draw: Draw, shape: Shape) -> Options:
    """Draw neighbours along any axis but the first."""
    return {**winners(draw, shape), "pool_function": reduction(draw)}


def winners(draw: Draw, shape: Shape) -> Options:
    """Draw pools that divide any axis but the first."""
    axis = draw.between(1, len(shape) - 1)
    size = shape[axis] or 1
    return {
        "pool_size": draw.among([n for n in range(size, 0, -1) if size % n == 0]),
        "axis": axis,
    }


def pyramid(implementations: tuple[str, ...]) -> Callable[[Draw, Shape], Options]:
    """Return a drawer of grids."""

    def options(draw: Draw, shape: Shape) -> Options:
        """Draw one grid or two."""
        kind = {"implementation": draw.among(implementations)} if implementations else {}
        grids = list(distinct(draw, draw.between(1, 2), 1, 4))
        return {"pool_dims": grids, "mode": draw.among(MODES), **kind}

    return options


def local_response(draw: Draw, shape: Shape) -> Options:
    """Draw an odd number of channels, and constants that can be seen in the result."""
    return {
        "alpha": draw.among((1e-4, 0.3)),
        "k": draw.among((2, 1)),
        "beta": draw.among((0.75, 0.5)),
        "n": draw.among((5, 3)),
    }


RECIPES: Mapping[str, Recipe] = {
    **{f"conv.Conv{axes}DLayer": conv(axes) for axes in (1, 2, 3)},
    "dnn.Conv2DDNNLayer": conv(2),
    "dnn.Conv3DDNNLayer": conv(3),
    "corrmm.Conv2DMMLayer": conv(2),
    **{f"conv.TransposedConv{axes}DLayer": transposed(axes) for axes in (2, 3)},
    "conv.DilatedConv2DLayer": behind(of_rank(4), space(2), dilated, lacks=["b"]),
    "local.LocallyConnected2DLayer": behind(of_rank(4), space(2), local, lacks=["b"]),
    **{f"pool.Pool{axes}DLayer": pool(axes) for axes in (1, 2, 3)},
    **{f"pool.MaxPool{axes}DLayer": pool(axes, ("max",)) for axes in (1, 2, 3)},
    **{f"dnn.Pool{axes}DDNNLayer": pool(axes, borders=False) for axes in (2, 3)},
    **{f"dnn.MaxPool{axes}DDNNLayer": pool(axes, ("max",), borders=False) for axes in (2, 3)},
    "normalization.LocalResponseNormalization2DLayer": behind(of_rank(4), space(2), local_response),
    "pool.GlobalPoolLayer": behind(lambda shape: len(shape) >= 3, space(2), global_pool),
    "pool.FeaturePoolLayer": behind(lambda shape: len(shape) >= 2, space(2), feature_pool),
    "pool.FeatureWTALayer": behind(lambda shape: len(shape) >= 2, space(2), winners),
    "pool.SpatialPyramidPoolingLayer": behind(of_rank(4), space(2), pyramid(("fast", "kaiming"))),
    "dnn.SpatialPyramidPoolingDNNLayer": behind(of_rank(4), space(2), pyramid(())),
}

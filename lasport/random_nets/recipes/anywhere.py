"""Layers that stand behind any other and leave its shape as it is."""

from __future__ import annotations

from collections.abc import Mapping

from lasport.inert import Global, Instance
from lasport.random_nets.draw import Draw
from lasport.random_nets.recipes.options import any_shape, nonlinearity
from lasport.random_nets.soil import Fits, Options, Recipe, behind
from lasport.spec import Shape


def activation(draw: Draw, shape: Shape) -> Options:
    """Draw any function; softmax of matrices."""
    return {"nonlinearity": nonlinearity(draw, shape)}


def dropout(draw: Draw, shape: Shape) -> Options:
    """Share the mask along some axes, which may count from the end."""
    axes = draw.some(range(1, len(shape))) if draw.chance(3) else []
    return {
        "p": draw.among((0.5, 0.2, 0.75, 0.0)),
        "rescale": not draw.chance(3),
        "shared_axes": tuple(axis - len(shape) if draw.chance(4) else axis for axis in axes),
    }


def gaussian(draw: Draw, shape: Shape) -> Options:
    """Add noise, more than Keras' own layer adds, or none."""
    return {"sigma": draw.among((0.1, 1.0, 2.5, 0.0))}


def randomized(draw: Draw, shape: Shape) -> Options:
    """Draw a slope per channel, or share it along any axes, which may count from the end."""
    rank = len(shape)
    axes = draw.some(range(rank)) if draw.chance(3) else (0, *range(2, rank))
    lower, upper = draw.among(((0.3, 0.8), (-0.5, 0.5), (0.25, 0.25)))
    return {
        "lower": lower,
        "upper": upper,
        "shared_axes": tuple(axis - rank if draw.chance(4) else axis for axis in axes),
    }


def batch_norm(draw: Draw, shape: Shape) -> Options:
    """Take statistics per channel, or over any axes."""
    usual = (0, *range(2, len(shape)))
    axes = (0, *draw.some(range(1, len(shape)))) if draw.chance(3) else usual
    return {
        "axes": axes,
        "epsilon": draw.among((1e-4, 1e-3, 1e-2)),
        "alpha": draw.among((0.1, 0.5, 0.9)),
    }


def broadcast(draw: Draw, shape: Shape) -> Options:
    """Keep one value per channel, or per place along any axes but the first."""
    usual = (0, *range(2, len(shape)))
    axes = (0, *draw.some(range(1, len(shape)))) if draw.chance(3) else usual
    return {"shared_axes": axes}


def standardize(draw: Draw, shape: Shape) -> Options:
    """Take statistics of each example, or over any axes, which may count from the end."""
    rank = len(shape)
    axes = draw.some(range(rank), least=1) if draw.chance(3) else range(1, rank)
    written = tuple(axis - rank if draw.chance(4) else axis for axis in axes)
    return {
        "axes": None if draw.chance(6) else written,
        "epsilon": draw.among((1e-4, 1e-2)),
    }


def elementwise(draw: Draw, shape: Shape) -> Global | Instance:
    """Draw a function of Lasagne's, or one of Theano's that keeps numbers small."""
    if draw.chance():
        return nonlinearity(draw, shape)
    operation = Instance(Global("theano.scalar.basic", draw.among(("Abs", "Cos", "Sin", "Tanh"))))
    return Instance(Global("theano.tensor.elemwise", "Elemwise"), state={"scalar_op": operation})


def expression(draw: Draw, shape: Shape) -> Options:
    """Apply a function, or reduce an axis, and say what that gives or leave it to Lasagne."""
    rank = len(shape)
    if draw.chance():
        return {
            "function": elementwise(draw, shape),
            "_output_shape": draw.among((None, "auto", shape)),
        }
    axis = draw.between(1, rank - 1)
    # Not var and std: nothing but rounding is left of them where data are constant.
    reduce = Global("theano.tensor.basic", draw.among(("mean", "max", "min", "sum")))
    kept = draw.chance()
    options = {"axis": axis - rank if draw.chance(4) else axis, "keepdims": kept}
    given = (*shape[:axis], *((1,) if kept else ()), *shape[axis + 1 :])
    return {
        "function": Instance(Global("functools", "partial"), state=(reduce, (), options, None)),
        "_output_shape": draw.among(("auto", given)),
    }


MATRIX: Fits = lambda shape: len(shape) >= 2  # noqa: E731

RECIPES: Mapping[str, Recipe] = {
    "special.NonlinearityLayer": behind(MATRIX, any_shape(), activation),
    "dense.NonlinearityLayer": behind(MATRIX, any_shape(), activation),
    "noise.DropoutLayer": behind(MATRIX, any_shape(), dropout),
    "noise.GaussianNoiseLayer": behind(MATRIX, any_shape(), gaussian),
    "special.RandomizedRectifierLayer": behind(MATRIX, any_shape(), randomized),
    "special.BiasLayer": behind(MATRIX, any_shape(), broadcast, lacks=["b"]),
    "special.ScaleLayer": behind(MATRIX, any_shape(), broadcast),
    "special.ParametricRectifierLayer": behind(MATRIX, any_shape(), broadcast),
    "special.ExpressionLayer": behind(MATRIX, any_shape(), expression),
    "normalization.StandardizationLayer": behind(MATRIX, any_shape(), standardize),
    "normalization.BatchNormLayer": behind(
        MATRIX, any_shape(), batch_norm, lacks=["beta", "gamma"]
    ),
    "dnn.BatchNormDNNLayer": behind(MATRIX, any_shape(), batch_norm, lacks=["beta", "gamma"]),
}

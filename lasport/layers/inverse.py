"""InverseLayer, mirroring ``lasagne.layers.InverseLayer``: the gradient through another layer.

For a layer ``y = f(x)`` and what feeds the inverse in the place of ``dE / dy``, it computes
``dE / dx`` at the x of this very pass: the transposed product of a dense layer, the transposed
convolution of a convolution, unpooling for a max pool, each behind the derivative of the layer's
nonlinearity. Its weights are those of the layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lasport.layers.nonlinearities import PULL_BACKS
from lasport.layers.theano_functions import REDUCTION_ADJOINTS
from lasport.operations import (
    Activation,
    AddNoise,
    Adjoint,
    BatchNorm,
    Combine,
    Conv,
    ConvTranspose,
    Dense,
    Dimshuffle,
    Dropout,
    Flatten,
    GlobalReduce,
    Operation,
    Pad,
    PassOn,
    Permute,
    Pool,
    PoolFeatures,
    Rescale,
    Reshape,
    Scale,
    Shift,
    Slice,
    Upscale,
    WinnerTakesAll,
)
from lasport.plan import PlanBuilder, Step, Value
from lasport.registry import Family, Run, register
from lasport.spec import Array, Layer, Shape

# Operations whose adjoint targets have to know.
ADJOINTS: tuple[type[Operation], ...] = (
    Activation,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Dimshuffle,
    Flatten,
    GlobalReduce,
    Pool,
    PoolFeatures,
    Reshape,
    Scale,
    Slice,
    WinnerTakesAll,
)


@dataclass(frozen=True, kw_only=True)
class InverseAttributes:
    """An InverseLayer has no attributes of its own: it knows the layer as what feeds it."""


def output_shape(a: InverseAttributes, inputs: Sequence[Shape]) -> Shape:
    """Return the shape of the layer's input."""
    if len(inputs) != 3:
        raise ValueError(
            f"what it inverts for, the layer and that one's input should feed it, not "
            f"{len(inputs)} layers"
        )
    return inputs[2]


def reference(
    a: InverseAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Ask the layer's family."""
    cotangent, output, source = inputs
    if cotangent.shape != output.shape:
        raise ValueError(
            f"a gradient of {cotangent.shape} does not fit an output of {output.shape}"
        )
    return np.asarray(run.pull_back(1, [source], cotangent))


def translate(
    a: InverseAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """Go back through the steps of the layer, the last one first."""
    cotangent, output, source = inputs
    inverted = layer.incoming[1]
    if not _fit(cotangent.shape, output.shape):
        raise ValueError(
            f"what it takes for a gradient has shape {cotangent.shape}, the output of {inverted} "
            f"{output.shape}"
        )
    steps = _steps_between(source, output, inverted, builder)
    if not _depends(cotangent, output, builder):
        suffix = "cotangent" if steps else ""
        cotangent = builder.add(PassOn(), (output, cotangent), cotangent.shape, suffix)
    for number, step in enumerate(steps, 1):
        suffix = "" if number == len(steps) else type(step.operation).__name__.lower()
        cotangent = _pull_back(step, cotangent, builder, suffix)
    return cotangent


def _fit(left: Shape, right: Shape) -> bool:
    return len(left) == len(right) and all(
        None in pair or pair[0] == pair[1] for pair in zip(left, right, strict=True)
    )


def _depends(value: Value, other: Value, builder: PlanBuilder) -> bool:
    """Whether one value is computed from another."""
    needed = {value.id}
    for step in reversed(builder.steps):
        if step.output.id in needed:
            needed.update(x.id for x in step.inputs)
    return other.id in needed


def _steps_between(source: Value, output: Value, layer: str, builder: PlanBuilder) -> list[Step]:
    """Return the steps from the layer's output back to its input, without those that add."""
    steps: list[Step] = []
    while output.id != source.id:
        step = next(step for step in builder.steps if step.output.id == output.id)
        if step.layer != layer or not step.inputs:
            raise ValueError(f"it inverts {layer}, but with another layer's input")
        (output, *_) = step.inputs
        # A gamma that is frozen apart from beta becomes a step of its own, on the way back too.
        parts = builder.separate(step) if isinstance(step.operation, BatchNorm) else [step]
        steps += reversed(parts)
    return [step for step in steps if not isinstance(step.operation, (AddNoise, Shift))]


def _pull_back(step: Step, cotangent: Value, builder: PlanBuilder, suffix: str) -> Value:
    """Append what one step makes of a gradient of its output."""
    operation, x = step.operation, step.inputs[0]
    if isinstance(operation, Dropout):
        step = _show_mask(step, operation, builder)
        operation = step.operation
    match operation:
        case Rescale():
            return builder.add(operation, (cotangent,), x.shape, suffix)
        case Combine(function="multiply"):
            return builder.add(operation, (cotangent, *step.inputs[1:]), x.shape, suffix)
        case Permute():
            back = Permute(axes=tuple(map(int, np.argsort(operation.axes))))
            return builder.add(back, (cotangent,), x.shape, suffix)
        case Pad():
            return _unpad(operation, cotangent, builder, suffix)
        case Upscale():
            return _downscale(operation, cotangent, x.shape, builder, suffix)
    _check(step)
    adjoint = Adjoint(operation=operation, of=step.name)
    return builder.add(adjoint, (x, cotangent), x.shape, suffix)


def _check(step: Step) -> None:
    operation = step.operation
    inverses = "InverseLayer(DenseLayer), convolutions, pools and what only moves entries"
    if not isinstance(operation, ADJOINTS):
        raise ValueError(
            f"the inverse of {step.layer} is not translated (no adjoint of "
            f"{type(operation).__name__}); {inverses} are"
        )
    function = getattr(operation, "function", None)
    known = PULL_BACKS if isinstance(operation, Activation) else REDUCTION_ADJOINTS
    if function is not None and function not in known:
        raise ValueError(
            f"the derivative of {function}, which {step.layer} applies, is not translated"
        )


def _show_mask(step: Step, dropout: Dropout, builder: PlanBuilder) -> Step:
    """Let dropout be a product with a mask that the inverse can take too."""
    mask = replace(dropout, of_ones=True)
    return builder.split(step, mask, Combine(function="multiply"), "mask")


def _unpad(pad: Pad, y: Value, builder: PlanBuilder, suffix: str) -> Value:
    """Cut the padding off, one axis after the other."""
    padded = [axis for axis, widths in enumerate(pad.widths) if any(widths)]
    for axis in padded:
        before, behind = pad.widths[axis]
        size = y.shape[axis]
        left = None if size is None else size - before - behind
        shape = (*y.shape[:axis], left, *y.shape[axis + 1 :])
        cut = Slice(indices=(before, -behind or None, None), axis=axis)
        last = axis == padded[-1]
        y = builder.add(cut, (y,), shape, suffix if last else f"axis_{axis}")
    return y


def _downscale(
    upscale: Upscale, y: Value, shape: Shape, builder: PlanBuilder, suffix: str
) -> Value:
    """Sum the copies of each entry, or leave the zeros between them out."""
    ignored = upscale.mode == "dilate"
    pool = Pool(
        mode="sum",
        pool_size=(1,) * len(upscale.factors) if ignored else upscale.factors,
        strides=upscale.factors,
        padding=(0,) * len(upscale.factors),
        ignore_border=True,
    )
    return builder.add(pool, (y,), shape, suffix)


register(
    Family(
        attributes=InverseAttributes,
        params=(),
        output_shape=output_shape,
        reference=reference,
        translate=translate,
        note="of layers with one input, except recurrent ones",
    ),
    kinds=["lasagne.layers.special.InverseLayer"],
)

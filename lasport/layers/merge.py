"""ConcatLayer, ElemwiseMergeLayer and ElemwiseSumLayer, mirroring ``lasagne.layers.merge``.

Inputs may be cropped to a common size first: per axis None (as is), 'lower'
(keep the front), 'upper' (keep the end) or 'center'.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lasport.layers.theano_functions import scalar_op
from lasport.layers.values import describe, integer, number
from lasport.operations import Autocrop, Combine, Concat, Crop, Rescale
from lasport.plan import PlanBuilder, Value
from lasport.registry import Family, Run, attribute, register
from lasport.spec import Array, Layer, Shape

Cropping = tuple[str | None, ...]

# --- cropping

OFFSETS: Mapping[str, Callable[[int], int]] = {
    "lower": lambda surplus: 0,
    "center": lambda surplus: surplus // 2,
    "upper": lambda surplus: surplus,
}


def read_cropping(value: object) -> Cropping:
    """Read ``cropping``: None, or one mode per axis, axes left out as None."""
    if value is None:
        return ()
    if not isinstance(value, (tuple, list)):
        raise ValueError(f"a list of cropping modes was expected, not {describe(value)}")
    for mode in value:
        if mode is not None and mode not in OFFSETS:
            raise ValueError(f"None, {', '.join(OFFSETS)} were expected, not {describe(mode)}")
    return tuple(value)


def modes(cropping: Cropping, rank: int) -> Cropping:
    """Return one mode for each of ``rank`` axes."""
    return (*cropping[:rank], *(None for _ in range(rank - len(cropping))))


def cropped_shapes(cropping: Cropping, shapes: Sequence[Shape]) -> list[Shape]:
    """Return the shapes after cropping."""
    if len({len(shape) for shape in shapes}) > 1:
        raise ValueError(f"inputs of {', '.join(map(str, shapes))} have different numbers of axes")
    columns: list[list[int | None]] = []
    for mode, sizes in zip(modes(cropping, len(shapes[0])), zip(*shapes, strict=True), strict=True):
        known = [size for size in sizes if size is not None]
        smallest = min(known) if len(known) == len(sizes) else None
        columns.append(list(sizes) if mode is None else [smallest] * len(sizes))
    return [tuple(row) for row in zip(*columns, strict=True)]


def cut(modes: Cropping, shape: Shape, result: Shape) -> tuple[tuple[int, int], ...] | None:
    """Return what is cut off before and behind each axis, ``None`` if a size is open."""
    cuts = []
    for mode, size, kept in zip(modes, shape, result, strict=True):
        if mode is None:
            cuts.append((0, 0))
        elif size is None or kept is None:
            return None
        else:
            before = OFFSETS[mode](size - kept)
            cuts.append((before, size - kept - before))
    return tuple(cuts)


def crop_arrays(cropping: Cropping, inputs: Sequence[Array]) -> list[Array]:
    """Crop numpy arrays to their common size."""
    shapes: list[Shape] = [x.shape for x in inputs]
    results = cropped_shapes(cropping, shapes)
    cropped = []
    for x, result in zip(inputs, results, strict=True):
        cuts = cut(modes(cropping, x.ndim), x.shape, result) or ()
        places = zip(cuts, x.shape, strict=True)
        cropped.append(x[tuple(slice(before, size - behind) for (before, behind), size in places)])
    return cropped


def crop_values(
    cropping: Cropping, inputs: Sequence[Value], builder: PlanBuilder
) -> tuple[Value, ...]:
    """Append a cropping step for each input that loses something."""
    results = cropped_shapes(cropping, [x.shape for x in inputs])
    cropped = []
    for index, (x, result) in enumerate(zip(inputs, results, strict=True)):
        per_axis = modes(cropping, len(x.shape))
        cuts = cut(per_axis, x.shape, result)
        if cuts is not None and not any(map(any, cuts)):
            cropped.append(x)
            continue
        # Images and volumes have croppings that every target knows.
        spatial = 3 <= len(x.shape) <= 5
        if cuts is not None and spatial and not any(map(any, cuts[:2])):
            cropped.append(builder.add(Crop(cuts=cuts[2:]), (x,), result, suffix="crop"))
        else:
            crop = Autocrop(modes=per_axis, index=index)
            cropped.append(builder.add(crop, tuple(inputs), result, suffix="crop"))
    return tuple(cropped)


def common_shape(shapes: Sequence[Shape], joined: int | None = None) -> Shape:
    """Return the first known size of each axis; all must agree but for axis ``joined``."""
    result: list[int | None] = []
    for axis, sizes in enumerate(zip(*shapes, strict=True)):
        known = {size for size in sizes if size is not None}
        if len(known) > 1 and axis != joined:
            raise ValueError(f"inputs of {', '.join(map(str, shapes))} do not fit together")
        result.append(next((size for size in sizes if size is not None), None))
    return tuple(result)


# --- ConcatLayer


@dataclass(frozen=True, kw_only=True)
class ConcatAttributes:
    """Instance attributes of a ConcatLayer."""

    axis: int = attribute(integer)
    cropping: Cropping = attribute(read_cropping, absent=())


def concat_shape(a: ConcatAttributes, inputs: Sequence[Shape]) -> Shape:
    """Add the sizes along the joined axis."""
    shapes = cropped_shapes(a.cropping, inputs)
    rank = len(shapes[0])
    if not -rank <= a.axis < rank:
        raise ValueError(f"axis={a.axis} does not fit inputs of {rank} axes")
    axis = a.axis % rank
    sizes = [shape[axis] for shape in shapes]
    known = [size for size in sizes if size is not None]
    result = list(common_shape(shapes, joined=axis))
    result[axis] = sum(known) if len(known) == len(sizes) else None
    return tuple(result)


def concat_reference(
    a: ConcatAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Crop, then join."""
    return np.concatenate(crop_arrays(a.cropping, inputs), axis=a.axis)


def translate_concat(
    a: ConcatAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """Croppings, then one concatenation."""
    shape = concat_shape(a, [x.shape for x in inputs])
    cropped = crop_values(a.cropping, inputs, builder)
    return builder.add(Concat(axis=a.axis), cropped, shape)


register(
    Family(
        attributes=ConcatAttributes,
        params=(),
        output_shape=concat_shape,
        reference=concat_reference,
        translate=translate_concat,
    ),
    kinds=["lasagne.layers.merge.ConcatLayer"],
)

# --- ElemwiseMergeLayer and ElemwiseSumLayer

# Theano's elementwise functions are Elemwise instances around a scalar operation.
SCALAR_OPS = {
    "theano.scalar.basic.Add": "add",
    "theano.scalar.basic.Sub": "subtract",
    "theano.scalar.basic.Mul": "multiply",
    "theano.scalar.basic.TrueDiv": "divide",
    "theano.scalar.basic.Maximum": "maximum",
    "theano.scalar.basic.Minimum": "minimum",
    # Theano-PyMC's names
    "theano.scalar.basic.ScalarMaximum": "maximum",
    "theano.scalar.basic.ScalarMinimum": "minimum",
}
FUNCTIONS: Mapping[str, Callable[[Array, Array], Array]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def read_merge_function(value: object) -> str:
    """Read ``merge_function``: one of Theano's elementwise functions of two arguments."""
    operation = scalar_op(value)
    if operation is not None and operation in SCALAR_OPS:
        return SCALAR_OPS[operation]
    raise ValueError(
        f"{describe(value)} is none of theano.tensor's add, sub, mul, true_div, maximum, minimum; "
        "rebuild the layer with one of those"
    )


def read_coeffs(value: object) -> tuple[float, ...]:
    """Read ``coeffs``: one number per input."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return tuple(number(item) for item in value)
    raise ValueError(f"a list of numbers was expected, not {describe(value)}")


@dataclass(frozen=True, kw_only=True)
class ElemwiseAttributes:
    """Instance attributes of the elementwise merges; without ``coeffs`` nothing is scaled."""

    merge_function: str = attribute(read_merge_function)
    coeffs: tuple[float, ...] = attribute(read_coeffs, absent=())
    cropping: Cropping = attribute(read_cropping, absent=())


def elemwise_shape(a: ElemwiseAttributes, inputs: Sequence[Shape]) -> Shape:
    """Return the common shape."""
    if a.coeffs and len(a.coeffs) != len(inputs):
        raise ValueError(f"{len(a.coeffs)} coefficients for {len(inputs)} inputs")
    return common_shape(cropped_shapes(a.cropping, inputs))


def elemwise_reference(
    a: ElemwiseAttributes, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
) -> Array:
    """Scale, crop, then fold from the left."""
    scaled = [x * c if c != 1 else x for x, c in zip(inputs, coefficients(a, inputs), strict=True)]
    first, *rest = crop_arrays(a.cropping, scaled)
    for other in rest:
        first = FUNCTIONS[a.merge_function](first, other)
    return first


def coefficients(a: ElemwiseAttributes, inputs: Sequence[object]) -> tuple[float, ...]:
    """Return one factor per input."""
    return a.coeffs or (1.0,) * len(inputs)


def translate_elemwise(
    a: ElemwiseAttributes, layer: Layer, inputs: Sequence[Value], builder: PlanBuilder
) -> Value:
    """Scalings and croppings, then one merge; none of one input."""
    shape = elemwise_shape(a, [x.shape for x in inputs])
    scaled = [
        x if factor == 1 else builder.add(Rescale(factor=factor), (x,), x.shape, suffix="coeff")
        for x, factor in zip(inputs, coefficients(a, inputs), strict=True)
    ]
    cropped = crop_values(a.cropping, scaled, builder)
    if len(cropped) == 1:
        return cropped[0]
    return builder.add(Combine(function=a.merge_function), cropped, shape)


ELEMWISE = Family(
    attributes=ElemwiseAttributes,
    params=(),
    output_shape=elemwise_shape,
    reference=elemwise_reference,
    translate=translate_elemwise,
)

register(ELEMWISE, kinds=["lasagne.layers.merge.ElemwiseMergeLayer"])
# A sum from before June 2015 has no merge function.
register(
    dataclasses.replace(ELEMWISE, absent={"merge_function": "add"}),
    kinds=["lasagne.layers.merge.ElemwiseSumLayer"],
)

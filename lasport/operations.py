"""The closed set of operations that a plan is made of.

Each is a frozen record of constants and weights. ``arranged`` returns the same
operation for inputs that a target holds in another order of axes: before the
layout pass axes are Lasagne's, behind it they are the target's. An operation
says in ``layout`` what order it can work in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import numpy as np

from lasport.layout import Layout
from lasport.spec import Shape
from lasport.weights import Rows, Transpose, Weight

__all__ = [
    "Activation",
    "Autocrop",
    "BatchNorm",
    "Combine",
    "Concat",
    "Conv",
    "Crop",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalReduce",
    "Input",
    "Operation",
    "Pad",
    "Pool",
    "Rescale",
    "Reshape",
    "Scale",
    "Shift",
    "TransposeAxes",
]

Wanted = Literal["any", "lasagne", "channels_last"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Operation:
    """Base of all operations.

    Attributes
    ----------
    wants : {"any", "lasagne", "channels_last"}
        The order of axes that the operation can work in.
    """

    wants: Wanted = field(default="any", init=False)

    def weights(self) -> Mapping[str, Weight]:
        """Return the weights by name, those that are absent left out."""
        return {}

    def arranged(self, layout: Layout) -> Operation:
        """Return the operation for inputs and output held in ``layout``."""
        return self

    @property
    def needs_batch_size(self) -> bool:
        """Whether the operation is tied to the batch size it was built with."""
        return False


@dataclass(frozen=True, eq=False, kw_only=True)
class Input(Operation):
    """Where data enters.

    Attributes
    ----------
    shape : Shape
        With ``None`` for sizes left open.
    dtype : str or None
        An integer type where the net declared one; ``None`` for the net's float type.
    """

    shape: Shape
    dtype: str | None = None

    def arranged(self, layout: Layout) -> Operation:
        """Return the input with its shape in physical order."""
        return replace(self, shape=layout.shape(self.shape))


@dataclass(frozen=True, eq=False, kw_only=True)
class TransposeAxes(Operation):
    """Reorder axes; only the layout pass makes these.

    ``axes``: physical axis ``i`` of the output is physical axis ``axes[i]`` of
    the input.
    """

    axes: tuple[int, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Dense(Operation):
    """Matrix product over the last physical axis.

    Attributes
    ----------
    kernel : Weight
        (inputs, units).
    bias : Weight or None
        (units,).
    axis : int
        The axis summed over: -1, or 1 for a product over channels.
    """

    kernel: Weight
    bias: Weight | None
    units: int
    axis: int = -1

    def __post_init__(self) -> None:
        object.__setattr__(self, "wants", "channels_last" if self.axis == 1 else "any")

    def weights(self) -> Mapping[str, Weight]:
        """Return kernel and bias."""
        return _present(kernel=self.kernel, bias=self.bias)

    def arranged(self, layout: Layout) -> Operation:
        """Return the product with its rows in the order of a flattened input."""
        kernel = self.kernel if layout.rows is None else self.kernel.then(layout.rows)
        return replace(self, kernel=kernel, axis=-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv(Operation):
    """Correlation over space, zero padded, channels last.

    Attributes
    ----------
    kernel : Weight
        (*filter size, input channels / groups, filters), not to be flipped.
    bias : Weight or None
        (filters,).
    padding : tuple of (int, int)
        Zeros before and behind each spatial axis.
    """

    wants: Wanted = field(default="channels_last", init=False)
    kernel: Weight
    bias: Weight | None
    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    groups: int = 1

    def weights(self) -> Mapping[str, Weight]:
        """Return kernel and bias."""
        return _present(kernel=self.kernel, bias=self.bias)


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(Operation):
    """Pooling over space, channels last; modes are Theano's.

    Attributes
    ----------
    mode : {"max", "average_inc_pad", "average_exc_pad", "sum"}
        What becomes of a window.
    padding : tuple of int
        Before and behind each spatial axis; minus infinity or zeros.
    ignore_border : bool
        ``False``: windows that reach beyond the input count too.
    """

    wants: Wanted = field(default="channels_last", init=False)
    mode: str
    pool_size: tuple[int, ...]
    strides: tuple[int, ...]
    padding: tuple[int, ...]
    ignore_border: bool
    complete: bool
    """Whether every window lies within the input as far as sizes are known."""


@dataclass(frozen=True, eq=False, kw_only=True)
class GlobalReduce(Operation):
    """Reduce all spatial axes: (batch, *space, channels) to (batch, channels)."""

    wants: Wanted = field(default="channels_last", init=False)
    function: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation(Operation):
    """An elementwise function, or softmax over the last axis of a matrix."""

    function: str
    constants: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, kw_only=True)
class Dropout(Operation):
    """Multiply by a random mask in training mode.

    Attributes
    ----------
    rate : float
        Probability of a zero.
    rescale : bool
        Divide what is kept by ``1 - rate``.
    shared_axes : tuple of int
        Axes along which the mask has size 1.
    """

    rate: float
    rescale: bool
    shared_axes: tuple[int, ...]

    def arranged(self, layout: Layout) -> Operation:
        """Return the dropout with physical shared axes."""
        return replace(self, shared_axes=_axes(layout, self.shared_axes))


@dataclass(frozen=True, eq=False, kw_only=True)
class BatchNorm(Operation):
    """Batch normalization with Lasagne's running averages.

    Attributes
    ----------
    axes : tuple of int
        Axes that are averaged over.
    epsilon : float
        Added to the variance inside the root.
    alpha : float
        Share of the new batch in the running averages; Keras' momentum is 1 - alpha.
    gamma, beta : Weight or None
        Scale and offset, of the input's shape without ``axes``.
    mean, inv_std : Weight
        Running averages of the mean and of 1 / sqrt(variance + epsilon).
    """

    axes: tuple[int, ...]
    epsilon: float
    alpha: float
    gamma: Weight | None
    beta: Weight | None
    mean: Weight
    inv_std: Weight

    def weights(self) -> Mapping[str, Weight]:
        """Return the two to four weights."""
        return _present(gamma=self.gamma, beta=self.beta, mean=self.mean, inv_std=self.inv_std)

    def arranged(self, layout: Layout) -> Operation:
        """Return the layer with physical axes and weights to match."""
        arranged = {
            name: _spread(weight, self.axes, layout) for name, weight in self.weights().items()
        }
        return replace(
            self,
            axes=_axes(layout, self.axes),
            gamma=arranged.get("gamma"),
            beta=arranged.get("beta"),
            mean=arranged["mean"],
            inv_std=arranged["inv_std"],
        )

    @property
    def needs_batch_size(self) -> bool:
        """Whether there is one weight per example."""
        return 0 not in self.axes


@dataclass(frozen=True, eq=False, kw_only=True)
class _Broadcast(Operation):
    """A weight spread over ``shared_axes``."""

    weight: Weight
    shared_axes: tuple[int, ...]

    def arranged(self, layout: Layout) -> Operation:
        """Return the operation with physical axes and a weight to match."""
        weight = _spread(self.weight, self.shared_axes, layout)
        return replace(self, weight=weight, shared_axes=_axes(layout, self.shared_axes))

    @property
    def needs_batch_size(self) -> bool:
        """Whether there is one weight per example."""
        return 0 not in self.shared_axes


@dataclass(frozen=True, eq=False, kw_only=True)
class Shift(_Broadcast):
    """Add a weight of the input's shape without ``shared_axes``."""

    def weights(self) -> Mapping[str, Weight]:
        """Return the bias."""
        return {"bias": self.weight}


@dataclass(frozen=True, eq=False, kw_only=True)
class Scale(_Broadcast):
    """Multiply by a weight of the input's shape without ``shared_axes``."""

    def weights(self) -> Mapping[str, Weight]:
        """Return the scale."""
        return {"scale": self.weight}


@dataclass(frozen=True, eq=False, kw_only=True)
class Rescale(Operation):
    """Multiply by a constant."""

    factor: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Flatten(Operation):
    """Collapse trailing axes into one, leaving ``ndim`` axes.

    ``shape`` is the input's shape in Lasagne's order.
    """

    wants: Wanted = field(default="lasagne", init=False)
    ndim: int
    shape: Shape

    @property
    def needs_batch_size(self) -> bool:
        """Whether the batch axis is flattened too."""
        return self.ndim == 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(Operation):
    """Reshape in Lasagne's order of axes.

    Attributes
    ----------
    target : tuple of int or (int,)
        Sizes; -1 for the one that follows from the rest; ``(i,)`` for the size
        of the input's axis ``i``.
    keeps_batch : bool
        Whether the first axis stays what it is.
    """

    wants: Wanted = field(default="lasagne", init=False)
    target: tuple[int | tuple[int], ...]
    keeps_batch: bool

    @property
    def needs_batch_size(self) -> bool:
        """Whether sizes depend on the batch."""
        return not self.keeps_batch


@dataclass(frozen=True, eq=False, kw_only=True)
class Pad(Operation):
    """Surround with a constant; ``widths`` gives (before, behind) for every axis."""

    widths: tuple[tuple[int, int], ...]
    value: float

    def arranged(self, layout: Layout) -> Operation:
        """Return the padding with its widths in physical order."""
        widths = cast("tuple[tuple[int, int], ...]", layout.arrange(self.widths))
        return replace(self, widths=widths)

    @property
    def needs_batch_size(self) -> bool:
        """Whether examples are added."""
        return self.widths[0] != (0, 0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Concat(Operation):
    """Join several inputs along one axis."""

    axis: int

    def arranged(self, layout: Layout) -> Operation:
        """Return the concatenation along the physical axis."""
        return replace(self, axis=layout.physical(self.axis))


@dataclass(frozen=True, eq=False, kw_only=True)
class Crop(Operation):
    """Cut known amounts off spatial axes; ``cuts`` gives (before, behind) for each of them."""

    wants: Wanted = field(default="channels_last", init=False)
    cuts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Autocrop(Operation):
    """Crop input number ``index`` to the smallest size that any input has.

    ``modes`` says which part is kept, per axis: None (all), "lower", "center"
    or "upper".
    """

    modes: tuple[str | None, ...]
    index: int

    def arranged(self, layout: Layout) -> Operation:
        """Return the cropping with one entry per physical axis."""
        modes = cast("tuple[str | None, ...]", layout.arrange(self.modes))
        return replace(self, modes=modes)


@dataclass(frozen=True, eq=False, kw_only=True)
class Combine(Operation):
    """Fold several inputs of one shape: ``f(f(x0, x1), x2) ...``.

    ``function`` is "add", "subtract", "multiply", "divide", "maximum" or "minimum".
    """

    function: str


def _present(**weights: Weight | None) -> dict[str, Weight]:
    return {name: weight for name, weight in weights.items() if weight is not None}


def _axes(layout: Layout, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(layout.physical(axis) for axis in axes))


def _spread(weight: Weight, shared_axes: tuple[int, ...], layout: Layout) -> Weight:
    """Arrange a weight that has one axis for every axis not in ``shared_axes``."""
    rank = len(layout.axes)
    shared = {axis % rank for axis in shared_axes}
    kept = [axis for axis in range(rank) if axis not in shared]
    order = tuple(kept.index(axis) for axis in layout.axes if axis not in shared)
    if order != tuple(range(len(order))):
        weight = weight.then(Transpose(order))
    if layout.rows is not None and rank - 1 not in shared:
        weight = weight.then(Rows(layout.rows.source, layout.rows.axes, axis=len(kept) - 1))
    return weight


def product(shape: Shape) -> int | None:
    """Return the number of entries, or ``None`` if a size is open."""
    if any(size is None for size in shape):
        return None
    return int(np.prod([size for size in shape if size is not None], dtype=np.int64))

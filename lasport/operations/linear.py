"""Matrix products and convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lasport.layout import Layout
from lasport.operations.base import Operation, Wanted, present
from lasport.operations.elementwise import Shift
from lasport.weights import Weight

__all__ = ["Conv", "ConvTranspose", "Dense", "Embed", "LocallyConnected"]


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
        return present(kernel=self.kernel, bias=self.bias)

    def separated(self, rank: int) -> list[Operation]:
        """Move a bias that is trained otherwise than the kernel into a step of its own."""
        if self.bias is None or self.bias.param.trainable == self.kernel.param.trainable:
            return [self]
        axis = self.axis % rank
        shared = tuple(other for other in range(rank) if other != axis)
        return [replace(self, bias=None), Shift(weight=self.bias, shared_axes=shared)]

    def arranged(self, layout: Layout) -> Operation:
        """Return the product with its rows in the order of a flattened input."""
        kernel = self.kernel if layout.rows is None else self.kernel.then(layout.rows)
        return replace(self, kernel=kernel, axis=-1)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Filters(Operation):
    """What convolutions have in common: a kernel and perhaps a bias, channels last.

    Attributes
    ----------
    bias : Weight or None
        (filters,).
    """

    wants: Wanted = field(default="channels_last", init=False)
    kernel: Weight
    bias: Weight | None
    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]

    def weights(self) -> Mapping[str, Weight]:
        """Return kernel and bias."""
        return present(kernel=self.kernel, bias=self.bias)

    def separated(self, rank: int) -> list[Operation]:
        """Move a bias that is trained otherwise than the kernel into a step of its own."""
        if self.bias is None or self.bias.param.trainable == self.kernel.param.trainable:
            return [self]
        shared = (0, *range(2, rank))
        return [replace(self, bias=None), Shift(weight=self.bias, shared_axes=shared)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv(_Filters):
    """Correlation over space, zero padded.

    Attributes
    ----------
    kernel : Weight
        (*filter size, input channels / groups, filters), not to be flipped.
    padding : tuple of (int, int)
        Zeros before and behind each spatial axis.
    dilation : tuple of int
        Distance between the places that a filter looks at; 1 where left out.
    """

    padding: tuple[tuple[int, int], ...]
    groups: int = 1
    dilation: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class ConvTranspose(_Filters):
    """Each entry adds its multiple of the kernel to the output, at ``strides`` times its place.

    Attributes
    ----------
    kernel : Weight
        (*filter size, filters, input channels).
    cuts : tuple of (int, int)
        What is then cut off before and behind each spatial axis; zeros are put there if negative.
    """

    cuts: tuple[tuple[int, int], ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class LocallyConnected(Operation):
    """Correlation whose filters differ from place to place, with an output of the input's size.

    Attributes
    ----------
    kernel : Weight
        (*space, *filter size, input channels, filters); without filters if channelwise.
    channelwise : bool
        Whether each filter sees only the channel of its own number.
    """

    wants: Wanted = field(default="channels_last", init=False)
    kernel: Weight
    filters: int
    kernel_size: tuple[int, ...]
    channelwise: bool

    def weights(self) -> Mapping[str, Weight]:
        """Return the kernel."""
        return {"kernel": self.kernel}


@dataclass(frozen=True, eq=False, kw_only=True)
class Embed(Operation):
    """Put rows of a matrix in the place of their numbers, along a new last axis.

    Attributes
    ----------
    embeddings : Weight
        (rows, units).
    """

    wants: Wanted = field(default="lasagne", init=False)
    embeddings: Weight
    rows: int
    units: int

    def weights(self) -> Mapping[str, Weight]:
        """Return the matrix."""
        return {"embeddings": self.embeddings}

"""Operations that keep the shape of their input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lasport.layout import Layout
from lasport.operations.base import Operation, physical_axes, present, spread
from lasport.weights import Weight

__all__ = [
    "Activation",
    "BatchNorm",
    "NormalizeResponse",
    "ParametricRectifier",
    "Rescale",
    "Scale",
    "Shift",
    "Standardize",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class Activation(Operation):
    """An elementwise function, or softmax over the last axis of a matrix."""

    function: str
    constants: Mapping[str, float] = field(default_factory=dict)


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
        return present(gamma=self.gamma, beta=self.beta, mean=self.mean, inv_std=self.inv_std)

    def separated(self, rank: int) -> list[Operation]:
        """Move gamma and beta into steps of their own if one of them is not trained."""
        if all(weight.param.trainable for weight in (self.gamma, self.beta) if weight is not None):
            return [self]
        steps: list[Operation] = [replace(self, gamma=None, beta=None)]
        if self.gamma is not None:
            steps.append(Scale(weight=self.gamma, shared_axes=self.axes))
        if self.beta is not None:
            steps.append(Shift(weight=self.beta, shared_axes=self.axes))
        return steps

    @property
    def frozen(self) -> bool:
        """Never: freezing a target's batch norm would stop its averages."""
        return False

    def arranged(self, layout: Layout) -> Operation:
        """Return the layer with physical axes and weights to match."""
        arranged = {
            name: spread(weight, self.axes, layout) for name, weight in self.weights().items()
        }
        return replace(
            self,
            axes=physical_axes(layout, self.axes),
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
        weight = spread(self.weight, self.shared_axes, layout)
        return replace(self, weight=weight, shared_axes=physical_axes(layout, self.shared_axes))

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
class ParametricRectifier(_Broadcast):
    """Multiply what is negative by a weight of the input's shape without ``shared_axes``."""

    def weights(self) -> Mapping[str, Weight]:
        """Return the slope."""
        return {"alpha": self.weight}


@dataclass(frozen=True, eq=False, kw_only=True)
class Rescale(Operation):
    """Multiply by a constant."""

    factor: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Standardize(Operation):
    """Subtract the mean over some axes, and divide by the root of variance and ``epsilon``."""

    axes: tuple[int, ...]
    epsilon: float

    def arranged(self, layout: Layout) -> Operation:
        """Return the operation with physical axes."""
        return replace(self, axes=physical_axes(layout, self.axes))


@dataclass(frozen=True, eq=False, kw_only=True)
class NormalizeResponse(Operation):
    """Divide by ``(k + alpha * s) ** beta``, s the squares of ``size`` neighbours along an axis."""

    axis: int
    size: int
    k: float
    alpha: float
    beta: float

    def arranged(self, layout: Layout) -> Operation:
        """Return the operation along the physical axis."""
        return replace(self, axis=layout.physical(self.axis))

"""What the layers' arguments must look like, and the error for those that do not."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lasport.errors import UsageError
from lasport.spec import Shape

__all__ = ["LayerArgumentError", "canonical_axes", "one_of", "weight_shape"]


class LayerArgumentError(UsageError, ValueError):
    """A layer was made with an argument it does not know, or met an input that does not fit.

    A ``ValueError`` too, since that is what stock Keras layers raise.
    """


def one_of(known: Collection[str], value: str, what: str) -> str:
    """Return ``value`` if it is one of the known names.

    Raises
    ------
    LayerArgumentError
        Otherwise, with all the known names.
    """
    if value not in known:
        names = ", ".join(map(repr, known))
        raise LayerArgumentError(f"{what} must be one of {names}; got {value!r}.")
    return value


def canonical_axes(axes: Sequence[int], rank: int) -> tuple[int, ...]:
    """Return the axes counted from the front, in ascending order.

    Parameters
    ----------
    axes : sequence of int
        Negative ones count from the end.
    rank : int
        How many axes there are.

    Raises
    ------
    LayerArgumentError
        For an axis that does not exist or is named twice.

    Examples
    --------
    >>> canonical_axes([-1, 0], 4)
    (0, 3)
    """
    outside = [axis for axis in axes if not -rank <= axis < rank]
    if outside:
        raise LayerArgumentError(f"Axes {outside} do not exist in an input with {rank} axes.")
    counted = sorted(axis % rank for axis in axes)
    if len(set(counted)) != len(counted):
        raise LayerArgumentError(f"Axes {list(axes)} of {rank} name an axis twice.")
    return tuple(counted)


def weight_shape(input_shape: Shape, shared: Collection[int]) -> tuple[int, ...]:
    """Return the shape of a weight that is spread over the ``shared`` axes of an input.

    Raises
    ------
    LayerArgumentError
        If the size of another axis is unknown.

    Examples
    --------
    >>> weight_shape((None, 5, 7, 3), shared=(0, 2))
    (5, 3)
    """
    sizes = []
    for axis, size in enumerate(input_shape):
        if axis in shared:
            continue
        if size is None:
            raise LayerArgumentError(
                f"Axis {axis} of the input shape {tuple(input_shape)} has no fixed size, and one "
                f"weight per entry is wanted there. Fix the size, or share the weight along it."
            )
        sizes.append(size)
    return tuple(sizes)

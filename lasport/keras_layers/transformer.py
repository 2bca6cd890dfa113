"""Spatial transformers: images sampled where another part of the net says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError, one_of
from lasport.layers.sampling import spaced
from lasport.layers.thin_plate_spline import source_points, spline_inverse
from lasport.spec import Shape

__all__ = ["AffineTransformer", "ThinPlateSplineTransformer"]

Tensor: TypeAlias = keras.KerasTensor
# A number where the size of an axis is known beforehand, else a scalar tensor.
Size: TypeAlias = Any


def _mirrored(place: Tensor, size: Tensor) -> Tensor:
    period = ops.maximum(2 * size - 2, 1)
    return ops.minimum(ops.mod(place, period), ops.mod(-place, period))


# Where a row or column of any number is found in an image that has ``size`` of them.
_BORDERS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "nearest": lambda place, size: ops.clip(place, 0, size - 1),
    "mirror": _mirrored,
    "wrap": ops.mod,
}


class _Transformer(keras.layers.Layer):
    """What both layers have in common: all but the places."""

    def __init__(self, downsampling: Sequence[float], border: str, **kwargs: Any) -> None:
        # Places take single precision, whatever the images are held in.
        super().__init__(autocast=False, **kwargs)
        self.downsampling = tuple(map(float, downsampling))
        self.border = one_of(_BORDERS, border, "border")
        if len(self.downsampling) != 2 or min(self.downsampling) <= 0:
            raise LayerArgumentError(
                f"downsampling must be two positive numbers; got {downsampling}."
            )

    def _places(self, numbers: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return where to sample, along each row and down each column."""
        raise NotImplementedError

    def _count(self) -> int:
        """Return how many numbers per image there are."""
        raise NotImplementedError

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Refuse inputs that do not fit."""
        images, numbers = input_shape
        if len(images) != 4 or len(numbers) != 2 or numbers[1] != self._count():
            raise LayerArgumentError(
                f"{type(self).__name__} takes (batch, rows, columns, channels) and (batch, "
                f"{self._count()}); got {tuple(images)} and {tuple(numbers)}."
            )

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """Find the places, then sample."""
        dtype = keras.backend.result_type(self.compute_dtype, "float32")
        images, numbers = (ops.cast(x, dtype) for x in inputs)
        rows, columns = map(_divided, ops.shape(images)[1:3], self.downsampling)
        x, y = _spaced(columns, dtype), ops.expand_dims(_spaced(rows, dtype), 1)
        across, down = self._places(numbers, x, y)
        return ops.cast(_interpolate(images, across, down, self.border), self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the images' shape with rows and columns divided."""
        batch, *space, channels = input_shape[0]
        sizes = (
            None if size is None else _divided(size, factor)
            for size, factor in zip(space, self.downsampling, strict=True)
        )
        return (batch, *sizes, channels)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "downsampling": list(self.downsampling),
            "border": self.border,
        }


@keras.saving.register_keras_serializable(package="lasport")
class AffineTransformer(_Transformer):
    """Sample images where an affine map sends the pixels of the output.

    Takes images (batch, rows, columns, channels) and t (batch, 6). The output's
    pixel at (x, y), both from -1 (the middle of the first one) to 1 (that of the
    last), is taken from ::

        (t0 x + t1 y + t2, t3 x + t4 y + t5)

    of the image, and mixed from the four pixels around.

    Parameters
    ----------
    downsampling : (float, float)
        The output has ``rows // downsampling[0]`` rows and
        ``columns // downsampling[1]`` columns.
    border : {"nearest", "mirror", "wrap"}
        What lies beyond the image: its border, its mirror image, or the image once more.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For an unknown border, factors that are not positive, and inputs of other shapes.

    Notes
    -----
    ``lasagne.layers.TransformerLayer``, after Jaderberg et al., "Spatial
    Transformer Networks" (2015). The gradient with respect to a place is that of
    the four pixels around it; exactly on a pixel, of those to its right and below.
    Under half precision places are computed in float32.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(6.0).reshape(1, 2, 3, 1)
    >>> mirrored = AffineTransformer()([image, np.array([[-1.0, 0, 0, 0, 1, 0]])])
    >>> mirrored.numpy().ravel().tolist()
    [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]
    """

    def __init__(
        self,
        downsampling: Sequence[float] = (1, 1),
        border: str = "nearest",
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(downsampling, border, **kwargs)

    def _count(self) -> int:
        return 6

    def _places(self, numbers: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        # Not as a matrix product, for which GPUs have less than single precision.
        t = ops.reshape(numbers, (-1, 6, 1, 1))
        across, down = (t[:, i] * x + t[:, i + 1] * y + t[:, i + 2] for i in (0, 3))
        return across, down


@keras.saving.register_keras_serializable(package="lasport")
class ThinPlateSplineTransformer(_Transformer):
    """Sample images where a thin plate is bent to by moving some of its points.

    Takes images (batch, rows, columns, channels) and offsets (batch, 2 * points):
    how far each control point's place in the image is from its place in the
    output, all x first. The control points form a square over the output, row
    by row; both axes run from -1 to 1.

    Parameters
    ----------
    points : int
        How many control points there are: a square number, at least 4.
    downsampling : (float, float)
        As for :class:`AffineTransformer`.
    border : {"nearest", "mirror", "wrap"}
        As there.
    bends : bool
        If False the plate is moved, turned, stretched and sheared as it would
        be, and not bent: Lasagne's ``precompute_grid=False``.
    inverse : nested sequence of float, optional
        (points, points + 3), which makes the plate's coefficients of where the
        points go; computed unless it is given. Lasagne keeps it, transposed, as
        ``L_inv[:, 3:]``, in the net's precision.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Raises
    ------
    LayerArgumentError
        For another number of points, an inverse of another shape, an unknown border,
        factors that are not positive, and inputs of other shapes.

    Notes
    -----
    ``lasagne.layers.TPSTransformerLayer``, after F. L. Bookstein, "Principal
    warps" (1989), and Jaderberg et al., "Spatial Transformer Networks" (2015).

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(6.0).reshape(1, 2, 3, 1)
    >>> half_a_pixel_down = np.array([[0.0] * 4 + [1.0] * 4])
    >>> layer = ThinPlateSplineTransformer(points=4)
    >>> layer([image, half_a_pixel_down]).numpy().round(4).ravel().tolist()
    [1.5, 2.5, 3.5, 3.0, 4.0, 5.0]
    """

    def __init__(
        self,
        points: int = 16,
        downsampling: Sequence[float] = (1, 1),
        border: str = "nearest",
        bends: bool = True,
        inverse: Sequence[Sequence[float]] | None = None,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(downsampling, border, **kwargs)
        self.points = int(points)
        self.bends = bool(bends)
        if self.points < 4 or round(self.points**0.5) ** 2 != self.points:
            raise LayerArgumentError(f"points must be a square from 4 on; got {points}.")
        given = spline_inverse(self.points) if inverse is None else inverse
        self.inverse = np.asarray(given, "float64")
        shape = (self.points, self.points + 3)
        if self.inverse.shape != shape:
            raise LayerArgumentError(
                f"inverse must be {shape} for {points} points; got {self.inverse.shape}."
            )

    def _count(self) -> int:
        return 2 * self.points

    def _places(self, numbers: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        points = ops.convert_to_tensor(source_points(self.points), dtype=numbers.dtype)
        inverse = ops.convert_to_tensor(self.inverse, dtype=numbers.dtype)
        moved = points + ops.reshape(numbers, (-1, 2, self.points))
        coefficients = ops.matmul(moved, inverse)
        a = ops.reshape(coefficients[:, :, :3], (-1, 2, 3, 1, 1))
        across, down = (a[:, i, 0] + a[:, i, 1] * x + a[:, i, 2] * y for i in (0, 1))
        if not self.bends:
            return across, down
        source = ops.reshape(points, (2, -1, 1, 1))
        squares = (x - source[0]) ** 2 + (y - source[1]) ** 2
        # Never the logarithm of 0, which would have a factor 0.
        bends = squares * ops.log(ops.maximum(squares, 1e-30))
        shape = ops.shape(bends)
        bent = ops.matmul(coefficients[:, :, 3:], ops.reshape(bends, (self.points, -1)))
        bent = ops.reshape(bent, (-1, 2, *shape[1:]))
        return across + bent[:, 0], down + bent[:, 1]

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "points": self.points,
            "bends": self.bends,
            "inverse": self.inverse.tolist(),
        }


def _divided(size: Size, factor: float) -> Size:
    """Return ``size // factor`` as an integer."""
    if isinstance(size, int):
        return int(size // factor)
    return ops.cast(ops.floor(ops.cast(size, "float64") / factor), "int32")


def _spaced(size: Size, dtype: str) -> Tensor:
    """Return ``size`` places from -1 to 1."""
    if isinstance(size, int):
        # Not left to a compiler, which would round once where Theano rounds twice.
        return ops.convert_to_tensor(spaced(size, dtype))
    step = 2 / ops.cast(ops.maximum(size - 1, 1), dtype)
    return ops.cast(ops.arange(size), dtype) * step - 1


def _interpolate(images: Tensor, across: Tensor, down: Tensor, border: str) -> Tensor:
    """Mix the four pixels around each place (batch, rows, columns) of the images."""
    batch, rows, columns, channels = ops.shape(images)
    pixels = ops.reshape(images, (-1, channels))
    first = ops.reshape(ops.arange(batch), (-1, 1, 1)) * (rows * columns)
    vertical, horizontal = _neighbours(down, rows, border), _neighbours(across, columns, border)
    mixed = [
        ops.expand_dims(column_share * row_share, -1)
        * ops.take(pixels, first + row * columns + column, axis=0)
        for column, column_share in horizontal
        for row, row_share in vertical
    ]
    return mixed[0] + mixed[1] + mixed[2] + mixed[3]


def _neighbours(place: Tensor, size: Size, border: str) -> list[tuple[Tensor, Tensor]]:
    """Return the row or column before and behind each place, each with its share."""
    size = ops.cast(size, place.dtype)
    place = (place + 1) / 2 * (size - 1)
    before = ops.stop_gradient(ops.floor(place))
    behind = before + 1
    shares = (before, behind - place), (behind, place - before)
    return [(ops.cast(_BORDERS[border](at, size), "int32"), share) for at, share in shares]

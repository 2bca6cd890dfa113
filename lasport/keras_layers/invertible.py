"""Layers with weights that can be called twice: forwards, and back with a gradient.

``layer(x)`` is the forward pass, ``layer(x, cotangent=g)`` the gradient of x for
a gradient g of ``layer(x)``. The second call shares the weights of the first,
as shared layers of Keras do, and both can be differentiated. That is what
``lasagne.layers.InverseLayer`` does for a layer with weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import keras
from keras import initializers, ops

from lasport.keras_layers.arguments import LayerArgumentError
from lasport.keras_layers.normalization import InvStdBatchNormalization
from lasport.keras_layers.shift_scale import Scale
from lasport.spec import Shape

__all__ = [
    "InvertibleBatchNormalization",
    "InvertibleConvolution",
    "InvertibleConvolutionTranspose",
    "InvertibleDense",
    "InvertibleScale",
]

Tensor: TypeAlias = keras.KerasTensor
Pairs: TypeAlias = Sequence[Sequence[int]]


class _Invertible(keras.layers.Layer):
    """What the layers have in common: what the second call returns."""

    def compute_output_spec(
        self, inputs: Tensor, cotangent: Tensor | None = None, **kwargs: Any
    ) -> Tensor:
        """Return shape and dtype: those of the output, or of the input on the way back."""
        shape = self.compute_output_shape(inputs.shape) if cotangent is None else inputs.shape
        return keras.KerasTensor(shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="lasport")
class InvertibleDense(_Invertible, keras.layers.Dense):
    """``keras.layers.Dense`` that multiplies a cotangent by its transposed kernel.

    Parameters
    ----------
    units : int
        Size of the last axis of the output.
    **kwargs
        Keyword arguments of ``keras.layers.Dense``; the activation must be linear.

    Examples
    --------
    >>> import numpy as np
    >>> layer = InvertibleDense(1, kernel_initializer="ones")
    >>> x, g = np.array([[2.0, 3.0]]), np.array([[4.0]])
    >>> layer(x).numpy().tolist(), layer(x, cotangent=g).numpy().tolist()
    ([[5.0]], [[4.0, 4.0]])
    """

    def __init__(
        self,
        units: int,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(units, **kwargs)
        if self.activation is not keras.activations.linear:
            raise LayerArgumentError("An InvertibleDense has no activation; put a layer behind it.")

    def call(self, inputs: Tensor, cotangent: Tensor | None = None) -> Tensor:
        """Multiply."""
        if cotangent is None:
            return super().call(inputs)
        return ops.matmul(cotangent, ops.transpose(self.kernel))


@keras.saving.register_keras_serializable(package="lasport")
class InvertibleScale(_Invertible, Scale):
    """:class:`Scale`, which multiplies a cotangent by the same weight.

    Parameters
    ----------
    shared_axes, scale_initializer, **kwargs
        Those of :class:`Scale`.

    Examples
    --------
    >>> import numpy as np
    >>> layer = InvertibleScale([0], scale_initializer="ones")
    >>> layer(np.array([[2.0]]), cotangent=np.array([[3.0]])).numpy().tolist()
    [[3.0]]
    """

    def call(self, inputs: Tensor, cotangent: Tensor | None = None) -> Tensor:
        """Multiply."""
        return super().call(inputs if cotangent is None else cotangent)


@keras.saving.register_keras_serializable(package="lasport")
class InvertibleBatchNormalization(_Invertible, InvStdBatchNormalization):
    """:class:`InvStdBatchNormalization` with a way back, which moves no averages.

    In training mode mean and deviation of the batch depend on the input, and the
    gradient goes through them too.

    Parameters
    ----------
    axes, epsilon, alpha, center, scale, **kwargs
        Those of :class:`InvStdBatchNormalization`.

    Examples
    --------
    >>> import numpy as np
    >>> layer = InvertibleBatchNormalization(axes=[0], moving_inv_std_initializer="ones")
    >>> layer(np.array([[1.0], [5.0]]), cotangent=np.array([[2.0], [3.0]])).numpy().tolist()
    [[2.0], [3.0]]
    """

    def call(
        self, inputs: Tensor, training: bool = False, cotangent: Tensor | None = None
    ) -> Tensor:
        """Normalize, or scale a cotangent."""
        if cotangent is None:
            return super().call(inputs, training=training)
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        x, g = ops.cast(inputs, dtype), ops.cast(cotangent, dtype)
        if self.gamma is not None:
            g = g * self._arrange(self.gamma, dtype)
        if training and self.trainable:
            mean, inv_std = self._statistics(x)
            normal = (x - mean) * inv_std
            g = g - self._mean(g) - normal * self._mean(g * normal)
        else:
            inv_std = self._arrange(self.moving_inv_std, dtype)
        return ops.cast(g * inv_std, self.compute_dtype)


class _Filters(_Invertible):
    """What convolutions have in common: kernel and bias, channels last."""

    def __init__(
        self,
        filters: int,
        kernel_size: Sequence[int],
        strides: Sequence[int] | None = None,
        use_bias: bool = True,
        kernel_initializer: object = "glorot_uniform",
        bias_initializer: object = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = int(filters)
        self.kernel_size = tuple(int(size) for size in kernel_size)
        self.strides = tuple(int(s) for s in strides or (1,) * len(self.kernel_size))
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.bias: keras.Variable | None = None

    def add_filters(self, input_shape: Shape, kernel_shape: Shape) -> None:
        """Create ``kernel`` and ``bias``, for inputs of the right rank."""
        if len(input_shape) != len(self.kernel_size) + 2:
            raise LayerArgumentError(
                f"A kernel_size of {self.kernel_size} takes (batch, *{len(self.kernel_size)} "
                f"spatial axes, channels); got an input of shape {tuple(input_shape)}."
            )
        if input_shape[-1] is None:
            raise LayerArgumentError(f"The channels of {tuple(input_shape)} have no fixed number.")
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, *kernel_shape),
            initializer=self.kernel_initializer,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias", shape=(self.filters,), initializer=self.bias_initializer
            )

    def add_bias(self, y: Tensor) -> Tensor:
        """Return the output with the bias, if there is one."""
        return y if self.bias is None else y + ops.convert_to_tensor(self.bias)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }


@keras.saving.register_keras_serializable(package="lasport")
class InvertibleConvolution(_Filters):
    """Correlation over one, two or three spatial axes; back, a transposed convolution.

    Parameters
    ----------
    filters : int
    kernel_size, strides : sequence of int
        One entry per spatial axis; strides are 1 unless given.
    padding : sequence of (int, int), optional
        Zeros before and behind each spatial axis.
    dilation : sequence of int, optional
        Distance between the places that a filter looks at.
    groups : int
        In how many groups channels and filters are divided.
    use_bias : bool
    kernel_initializer, bias_initializer : initializer
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    kernel : keras.Variable
        ``(*kernel_size, channels / groups, filters)``.
    bias : keras.Variable or None
        (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> layer = InvertibleConvolution(1, [2], strides=[3], kernel_initializer="ones")
    >>> x, g = np.ones((1, 6, 1)), np.array([[[2.0], [3.0]]])
    >>> layer(x, cotangent=g).numpy().ravel().tolist()
    [2.0, 2.0, 0.0, 3.0, 3.0, 0.0]
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sequence[int],
        strides: Sequence[int] | None = None,
        padding: Pairs | None = None,
        dilation: Sequence[int] | None = None,
        groups: int = 1,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(filters, kernel_size, strides, **kwargs)
        rank = len(self.kernel_size)
        self.padding = tuple(
            (int(before), int(behind)) for before, behind in padding or [(0, 0)] * rank
        )
        self.dilation = tuple(int(rate) for rate in dilation or (1,) * rank)
        self.groups = int(groups)

    def build(self, input_shape: Shape) -> None:
        """Create the weights."""
        channels = input_shape[-1]
        per_group = None if channels is None else channels // self.groups
        self.add_filters(input_shape, (per_group, self.filters))

    def call(self, inputs: Tensor, cotangent: Tensor | None = None) -> Tensor:
        """Correlate, or spread a cotangent."""
        if cotangent is None:
            x = _pad(inputs, self.padding)
            return self.add_bias(_correlate(x, self.kernel, self.strides, self.dilation))
        space = ops.shape(inputs)[1:-1]
        kernel = _dilate(ops.convert_to_tensor(self.kernel), self.dilation)
        before = [pair[0] for pair in self.padding]
        return _spread(cotangent, kernel, self.strides, before, space, self.groups)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *number of places, filters)."""
        batch, *space, _ = input_shape
        along = zip(space, self.kernel_size, self.strides, self.padding, self.dilation, strict=True)
        places = [
            None if n is None else (n + sum(pair) - (k - 1) * rate - 1) // stride + 1
            for n, k, stride, pair, rate in along
        ]
        return (batch, *places, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "padding": [list(pair) for pair in self.padding],
            "dilation": list(self.dilation),
            "groups": self.groups,
        }


@keras.saving.register_keras_serializable(package="lasport")
class InvertibleConvolutionTranspose(_Filters):
    """Transposed convolution over one, two or three spatial axes; back, a correlation.

    Parameters
    ----------
    filters : int
    kernel_size, strides : sequence of int
        One entry per spatial axis; strides are 1 unless given.
    cuts : sequence of (int, int), optional
        What is cut off before and behind each spatial axis of the whole result,
        which has ``(size - 1) * stride + kernel size`` places; where the second
        is negative, zeros are put behind.
    use_bias : bool
    kernel_initializer, bias_initializer : initializer
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    kernel : keras.Variable
        ``(*kernel_size, filters, channels)``.
    bias : keras.Variable or None
        (filters,).

    Examples
    --------
    >>> import numpy as np
    >>> layer = InvertibleConvolutionTranspose(1, [2], strides=[2], kernel_initializer="ones")
    >>> x, g = np.ones((1, 2, 1)), np.array([[[1.0], [2.0], [3.0], [4.0]]])
    >>> layer(x, cotangent=g).numpy().ravel().tolist()
    [3.0, 7.0]
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Sequence[int],
        strides: Sequence[int] | None = None,
        cuts: Pairs | None = None,
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(filters, kernel_size, strides, **kwargs)
        given = cuts or [(0, 0)] * len(self.kernel_size)
        self.cuts = tuple((int(before), int(behind)) for before, behind in given)

    def build(self, input_shape: Shape) -> None:
        """Create the weights."""
        self.add_filters(input_shape, (self.filters, input_shape[-1]))

    def call(self, inputs: Tensor, cotangent: Tensor | None = None) -> Tensor:
        """Spread, or correlate a cotangent."""
        if cotangent is None:
            before = [pair[0] for pair in self.cuts]
            space = self._space(ops.shape(inputs)[1:-1])
            return self.add_bias(_spread(inputs, self.kernel, self.strides, before, space, 1))
        g = _pad(cotangent, [(max(before, 0), max(behind, 0)) for before, behind in self.cuts])
        # Zeros behind come from nowhere.
        ends = [slice(None, behind if behind < 0 else None) for _, behind in self.cuts]
        reached = (slice(None), *ends)
        return _correlate(g[reached], self.kernel, self.strides)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (batch, *size of what is left, filters)."""
        batch, *space, _ = input_shape
        return (batch, *self._space(space), self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "cuts": [list(pair) for pair in self.cuts]}

    def _space(self, space: Sequence[Any]) -> list[Any]:
        along = zip(space, self.kernel_size, self.strides, self.cuts, strict=True)
        return [
            None if size is None else (size - 1) * stride + kernel_size - sum(pair)
            for size, kernel_size, stride, pair in along
        ]


def _pad(x: Tensor, widths: Pairs) -> Tensor:
    return ops.pad(x, ((0, 0), *widths, (0, 0))) if any(map(any, widths)) else x


def _correlate(
    x: Tensor, kernel: Tensor, strides: tuple[int, ...], dilation: tuple[int, ...] | None = None
) -> Tensor:
    rates = dilation or (1,) * len(strides)
    return ops.conv(x, kernel, strides=strides, padding="valid", dilation_rate=rates)


def _dilate(kernel: Tensor, rates: Sequence[int]) -> Tensor:
    """Return the kernel with zeros between its places: transposed, TensorFlow knows no rates."""
    for axis, rate in enumerate(rates):
        if rate > 1:
            shape = tuple(kernel.shape)
            before, size, behind = (
                math.prod(shape[:axis]),
                shape[axis],
                math.prod(shape[axis + 1 :]),
            )
            spaced = ops.pad(
                ops.reshape(kernel, (before, size, 1, behind)),
                ((0, 0), (0, 0), (0, rate - 1), (0, 0)),
            )
            whole = ops.reshape(spaced, (before, size * rate, behind))[:, : (size - 1) * rate + 1]
            kernel = ops.reshape(whole, (*shape[:axis], (size - 1) * rate + 1, *shape[axis + 1 :]))
    return kernel


def _spread(
    x: Tensor,
    kernel: Tensor,
    strides: tuple[int, ...],
    before: Sequence[int],
    space: Sequence[Any],
    groups: int,
) -> Tensor:
    """Add multiples of the kernel at each place; return ``space`` entries from ``before`` on."""
    pieces = zip(ops.split(x, groups, axis=-1), ops.split(kernel, groups, axis=-1), strict=True)
    parts = [
        ops.conv_transpose(part, own, strides=strides, padding="valid") for part, own in pieces
    ]
    y = parts[0] if groups == 1 else ops.concatenate(parts, axis=-1)
    ends = [skip + size for skip, size in zip(before, space, strict=True)]
    missing = [_at_least_0(end - size) for end, size in zip(ends, ops.shape(y)[1:-1], strict=True)]
    if any(not isinstance(width, int) or width for width in missing):
        y = ops.pad(y, ((0, 0), *((0, width) for width in missing), (0, 0)))
    kept = (slice(None), *map(slice, before, ends))
    return y[kept]


def _at_least_0(size: Any) -> Any:
    return max(size, 0) if isinstance(size, int) else ops.maximum(size, 0)

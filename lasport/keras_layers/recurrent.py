"""Recurrent layers with Lasagne's formulas: a function per gate, peepholes, learned states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import keras
import numpy as np
from keras import ops

from lasport.keras_layers.arguments import LayerArgumentError
from lasport.keras_layers.nonlinearity import apply_function
from lasport.keras_layers.recurrence import (
    Function,
    Recurrence,
    Step,
    read_function,
    write_function,
)
from lasport.spec import Shape

__all__ = ["DenseRecurrence", "GRURecurrence", "LSTMRecurrence"]

Tensor: TypeAlias = keras.KerasTensor


class _Gated(Recurrence):
    """A recurrence of matrix products: kernels with a block of columns for each gate.

    Trailing axes of the sequence are flattened. ``functions`` overrides
    ``defaults``: for each gate a name, or a name and constants, as
    :class:`Nonlinearity` takes them.
    """

    defaults: ClassVar[Mapping[str, Function]] = {}
    blocks: ClassVar[int] = 1
    default_initializers: ClassVar[Mapping[str, str]] = {
        **Recurrence.default_initializers,
        "kernel_initializer": "glorot_uniform",
        "recurrent_initializer": "glorot_uniform",
        "bias_initializer": "zeros",
    }

    def __init__(
        self,
        units: int,
        functions: Mapping[str, Function] | None = None,
        use_bias: bool = True,
        **kwargs: Any,  # The loop's and Keras' own.
    ) -> None:
        super().__init__(**kwargs)
        unknown = set(functions or {}) - set(self.defaults)
        if unknown:
            raise LayerArgumentError(
                f"functions are those of {', '.join(self.defaults)}; got {sorted(unknown)}."
            )
        self.units = int(units)
        self.functions = {
            gate: read_function(function)
            for gate, function in {**self.defaults, **(functions or {})}.items()
        }
        self.use_bias = use_bias

    def build_step(self, step_shape: Shape) -> None:
        """Create kernels and bias."""
        columns = self.blocks * self.units
        self.create("kernel", (_size(step_shape), columns))
        self.create("recurrent_kernel", (self.units, columns), "recurrent_initializer")
        if self.use_bias:
            self.create("bias", (columns,))

    def state_shape(self, step_shape: Shape) -> tuple[int, ...]:
        """Return (units,)."""
        return (self.units,)

    def project(self, sequence: Tensor) -> Tensor:
        """Multiply all steps with the kernel and add the bias."""
        if len(sequence.shape) > 3:
            size = _size(sequence.shape[2:])
            sequence = ops.reshape(sequence, (*ops.shape(sequence)[:2], size))
        projected = ops.matmul(sequence, self.kernel)
        return projected + self.bias if self.use_bias else projected

    def apply(self, gate: str, x: Tensor) -> Tensor:
        """Apply the function of a gate."""
        return apply_function(*self.functions[gate], x)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "units": self.units,
            "functions": {gate: write_function(f) for gate, f in self.functions.items()},
            "use_bias": self.use_bias,
        }


@keras.saving.register_keras_serializable(package="lasport")
class LSTMRecurrence(_Gated):
    """Long short-term memory with peepholes and a function for each gate.

    With ``x W + b`` and ``h U`` cut into four blocks of columns, h and c the
    states before the step, h' and c' those after it, * elementwise::

        i  = input(x_i + h_i + p_i * c)
        f  = forget(x_f + h_f + p_f * c)
        c' = f * c + i * candidate(x_c + h_c)
        o  = output(x_o + h_o + p_o * c')
        h' = o * hidden(c')

    Parameters
    ----------
    units : int
        Size of both states.
    functions : mapping, optional
        Of ``input``, ``forget`` and ``output`` (sigmoid), ``candidate`` and
        ``hidden`` (tanh), where they are others.
    use_bias, peepholes : bool
        Whether there are b and p; without p it is ``keras.layers.LSTM``.
    kernel_initializer, recurrent_initializer, bias_initializer : initializer
    peepholes_initializer : initializer
    **kwargs
        Keyword arguments of :class:`Recurrence` and ``keras.layers.Layer``.

    Attributes
    ----------
    kernel, recurrent_kernel, bias : keras.Variable
        (features, 4 units), (units, 4 units) and (4 units,), in the order i, f, c, o.
    peepholes : keras.Variable
        (3, units), in the order i, f, o.
    initial_hidden, initial_cell : keras.Variable
        (1, units), where they are not given.

    Raises
    ------
    LayerArgumentError
        For unknown functions and inputs that do not fit.

    Notes
    -----
    ``lasagne.layers.LSTMLayer``. Gradients are clipped at ``x + h``, before
    peepholes are added.

    Examples
    --------
    >>> import numpy as np
    >>> zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    >>> layer = LSTMRecurrence(1, initial_cell_initializer="ones", dtype="float64", **zeros)
    >>> layer(np.ones((1, 2, 3))).numpy().round(2).tolist()  # c is halved at each step
    [[[0.23], [0.12]]]
    """

    states = ("hidden", "cell")
    blocks = 4
    default_initializers: ClassVar[Mapping[str, str]] = {
        **_Gated.default_initializers,
        "initial_cell_initializer": "zeros",
        "peepholes_initializer": "zeros",
    }
    defaults: ClassVar[Mapping[str, Function]] = {
        "input": "sigmoid",
        "forget": "sigmoid",
        "candidate": "tanh",
        "output": "sigmoid",
        "hidden": "tanh",
    }

    def __init__(
        self,
        units: int,
        functions: Mapping[str, Function] | None = None,
        peepholes: bool = True,
        **kwargs: Any,  # The loop's and Keras' own.
    ) -> None:
        super().__init__(units, functions, **kwargs)
        self.has_peepholes = peepholes

    def build_step(self, step_shape: Shape) -> None:
        """Create kernels, bias and peepholes."""
        super().build_step(step_shape)
        if self.has_peepholes:
            self.create("peepholes", (3, self.units))

    def start(self, sequence: Tensor) -> tuple[Tensor, Step]:
        """Project the sequence; a step adds what comes from the states."""
        recurrent = ops.convert_to_tensor(self.recurrent_kernel)
        peepholes = ops.convert_to_tensor(self.peepholes) if self.has_peepholes else None

        def step(x: Tensor, states: list[Tensor]) -> list[Tensor]:
            hidden, cell = states
            gates = self.clip(x + ops.matmul(hidden, recurrent))
            into, forget, candidate, out = ops.split(gates, 4, axis=-1)
            if peepholes is not None:
                into = into + cell * peepholes[0]
                forget = forget + cell * peepholes[1]
            kept = self.apply("forget", forget) * cell
            cell = kept + self.apply("input", into) * self.apply("candidate", candidate)
            if peepholes is not None:
                out = out + cell * peepholes[2]
            return [self.apply("output", out) * self.apply("hidden", cell), cell]

        return self.project(sequence), step

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "peepholes": self.has_peepholes}


@keras.saving.register_keras_serializable(package="lasport")
class GRURecurrence(_Gated):
    """Gated recurrent unit that resets behind the matrix product, with one bias.

    With ``x W + b`` and ``h U`` cut into three blocks of columns, h the state
    before the step and h' that after it, * elementwise::

        r  = reset(x_r + h_r)
        u  = update(x_u + h_u)
        c  = candidate(x_c + r * h_c)
        h' = (1 - u) * h + u * c

    ``keras.layers.GRU`` has u where this has 1 - u, and with ``reset_after`` a
    second bias, inside the product with r.

    Parameters
    ----------
    units : int
        Size of the state.
    functions : mapping, optional
        Of ``reset`` and ``update`` (sigmoid) and ``candidate`` (tanh), where
        they are others.
    clip_features : bool
        Of which the gradient is clipped besides those of ``h U`` and of the
        argument of ``candidate``: ``x W + b``, or else x itself.
    use_bias : bool
        Whether there is b.
    kernel_initializer, recurrent_initializer, bias_initializer : initializer
    **kwargs
        Keyword arguments of :class:`Recurrence` and ``keras.layers.Layer``.

    Attributes
    ----------
    kernel, recurrent_kernel, bias : keras.Variable
        (features, 3 units), (units, 3 units) and (3 units,), in the order r, u, c.
    initial_hidden : keras.Variable
        (1, units), where it is not given.

    Raises
    ------
    LayerArgumentError
        For unknown functions and inputs that do not fit.

    Notes
    -----
    ``lasagne.layers.GRULayer``; ``clip_features`` is its ``precompute_input``.

    Examples
    --------
    >>> import numpy as np
    >>> zeros = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
    >>> layer = GRURecurrence(1, initial_hidden_initializer="ones", **zeros)
    >>> layer(np.ones((1, 3, 2))).numpy().tolist()
    [[[0.5], [0.25], [0.125]]]
    """

    blocks = 3
    defaults: ClassVar[Mapping[str, Function]] = {
        "reset": "sigmoid",
        "update": "sigmoid",
        "candidate": "tanh",
    }

    def __init__(
        self,
        units: int,
        functions: Mapping[str, Function] | None = None,
        clip_features: bool = True,
        **kwargs: Any,  # The loop's and Keras' own.
    ) -> None:
        super().__init__(units, functions, **kwargs)
        self.clip_features = clip_features

    def start(self, sequence: Tensor) -> tuple[Tensor, Step]:
        """Project the sequence; a step adds what comes from the state."""
        recurrent = ops.convert_to_tensor(self.recurrent_kernel)

        def step(x: Tensor, states: list[Tensor]) -> list[Tensor]:
            (hidden,) = states
            reset, update, candidate = ops.split(x, 3, axis=-1)
            from_hidden = self.clip(ops.matmul(hidden, recurrent))
            hidden_reset, hidden_update, hidden_candidate = ops.split(from_hidden, 3, axis=-1)
            reset = self.apply("reset", hidden_reset + reset)
            update = self.apply("update", hidden_update + update)
            candidate = self.apply("candidate", self.clip(candidate + reset * hidden_candidate))
            return [(1 - update) * hidden + update * candidate]

        if self.clip_features:
            return self.clip(self.project(sequence)), step
        return self.project(self.clip(sequence)), step

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "clip_features": self.clip_features}


@keras.saving.register_keras_serializable(package="lasport")
class DenseRecurrence(_Gated):
    """Plain recurrence: ``h' = hidden(x W + b + h U)``.

    Parameters
    ----------
    units : int
        Size of the state.
    functions : mapping, optional
        Of ``hidden``, where it is not rectify.
    use_bias : bool
        Whether there is b.
    kernel_initializer, recurrent_initializer, bias_initializer : initializer
    **kwargs
        Keyword arguments of :class:`Recurrence` and ``keras.layers.Layer``.

    Attributes
    ----------
    kernel, recurrent_kernel, bias : keras.Variable
        (features, units), (units, units) and (units,).
    initial_hidden : keras.Variable
        (1, units), where it is not given.

    Raises
    ------
    LayerArgumentError
        For unknown functions and inputs that do not fit.

    Notes
    -----
    ``lasagne.layers.RecurrentLayer``. The gradient of ``hidden``'s argument is
    clipped.

    Examples
    --------
    >>> import numpy as np
    >>> layer = DenseRecurrence(1, kernel_initializer="ones", recurrent_initializer="ones")
    >>> layer(np.array([[[1.0, 2.0], [3.0, 4.0]]])).numpy().tolist()
    [[[3.0], [10.0]]]
    """

    defaults: ClassVar[Mapping[str, Function]] = {"hidden": "rectify"}

    def start(self, sequence: Tensor) -> tuple[Tensor, Step]:
        """Project the sequence; a step adds what comes from the state."""
        recurrent = ops.convert_to_tensor(self.recurrent_kernel)

        def step(x: Tensor, states: list[Tensor]) -> list[Tensor]:
            return [self.apply("hidden", self.clip(x + ops.matmul(states[0], recurrent)))]

        return self.project(sequence), step


def _size(shape: Shape) -> int:
    return int(np.prod([size or 0 for size in shape]))

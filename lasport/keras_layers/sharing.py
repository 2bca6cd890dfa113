"""Weights that several layers share: one layer holds the variable, others borrow its tensor.

Keras shares weights by calling one layer several times. Where layers share some
of their weights only, or one has another's transposed, the variable belongs to
a :class:`Parameter`, which puts it into the graph as a tensor without a batch
axis; :class:`Derived` computes with such tensors, and :class:`Borrowing` runs
any layer with tensors in place of some of its own weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import keras
import numpy as np
from keras import initializers, ops

from lasport.formula import Formula, FormulaError, Plain, compute
from lasport.keras_layers.arguments import LayerArgumentError
from lasport.spec import Shape

__all__ = ["Borrowing", "Derived", "Parameter"]

Tensor: TypeAlias = keras.KerasTensor


@keras.saving.register_keras_serializable(package="lasport")
class Parameter(keras.layers.Layer):
    """Hold a variable and give it as a tensor, whatever the input is.

    Parameters
    ----------
    shape : sequence of int
        Of the variable, which has no batch axis.
    value_initializer : initializer
        Initial value, as for any Keras layer.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    value : keras.Variable
        The variable.

    Notes
    -----
    The input, any tensor of the model, only says where in the graph the layer
    is. The tensor has the variable's precision, not the policy's.

    Examples
    --------
    >>> import numpy as np
    >>> Parameter([2, 3], "ones")(np.zeros((5, 1))).shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        shape: Sequence[int],
        value_initializer: object = "zeros",
        **kwargs: Any,  # Keras' own, whatever they are in the installed version.
    ) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        self.shape = tuple(int(size) for size in shape)
        self.value_initializer = initializers.get(value_initializer)

    def build(self, input_shape: Shape) -> None:
        """Create ``value``."""
        self.value = self.add_weight(
            name="value", shape=self.shape, initializer=self.value_initializer, autocast=False
        )

    def call(self, inputs: Tensor) -> Tensor:
        """Give the variable."""
        return ops.convert_to_tensor(self.value)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the variable's shape."""
        return self.shape

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """Return what the variable looks like."""
        return keras.KerasTensor(self.shape, dtype=self.variable_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {
            **super().get_config(),
            "shape": list(self.shape),
            "value_initializer": initializers.serialize(self.value_initializer),
        }


@keras.saving.register_keras_serializable(package="lasport")
class Derived(keras.layers.Layer):
    """Compute a weight from other weights, such as one's transpose.

    Parameters
    ----------
    formula : list
        Of the inputs, as :meth:`lasport.formula.Formula.to_plain` gives it.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Examples
    --------
    >>> import numpy as np
    >>> transposed = Derived(["transpose", [1, 0], ["variable", [0]]])
    >>> transposed(np.zeros((2, 3))).shape
    TensorShape([3, 2])
    """

    def __init__(self, formula: Sequence[Plain], **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        try:
            self._formula = Formula.from_plain(formula)
        except FormulaError as error:
            raise LayerArgumentError(str(error)) from error

    def call(self, inputs: Tensor | list[Tensor]) -> Tensor:
        """Compute."""
        return compute(self._formula, _listed(inputs), ops)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return the shape of the result for weights of these shapes."""
        shapes = input_shape if isinstance(input_shape[0], (list, tuple)) else [input_shape]
        # Arrays that take no memory, whatever their shape.
        weights = [np.broadcast_to(np.float32(1), tuple(shape)) for shape in shapes]
        return tuple(np.shape(compute(self._formula, weights)))

    def compute_output_spec(self, inputs: Tensor | list[Tensor]) -> Tensor:
        """Return what the result looks like."""
        shape = self.compute_output_shape([x.shape for x in _listed(inputs)])
        return keras.KerasTensor(shape, dtype=_listed(inputs)[0].dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        return {**super().get_config(), "formula": self._formula.to_plain()}


class _Held:
    """Keeps a layer where Keras finds neither it nor its variables, to count or to save."""

    def __init__(self, layer: keras.layers.Layer) -> None:
        self.layer = layer


@keras.saving.register_keras_serializable(package="lasport")
class Borrowing(keras.layers.Layer):
    """Run a layer with given tensors in place of some of its weights.

    The inputs are those of the layer, and behind them a tensor for each weight
    that is borrowed. Gradients flow to the tensors as they would to the weights.

    Parameters
    ----------
    layer : dict
        The layer as ``keras.layers.serialize`` gives it. It has the name and the
        dtype policy of this one.
    borrowed : sequence of str
        Attributes of the layer that are weights; dots lead into layers inside it.
    **kwargs
        Keyword arguments of ``keras.layers.Layer``.

    Attributes
    ----------
    held : object
        ``held.layer`` is the layer.
    own : list of keras.Variable
        The layer's variables that are not borrowed.

    Examples
    --------
    >>> import numpy as np
    >>> dense = keras.layers.serialize(keras.layers.Dense(2))
    >>> dense = Borrowing(dense, ["kernel"])
    >>> dense([np.ones((5, 3)), np.ones((3, 2))]).shape, len(dense.weights)
    (TensorShape([5, 2]), 1)
    """

    def __init__(self, layer: dict[str, Any], borrowed: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**{"autocast": False, **kwargs})
        self.borrowed = tuple(borrowed)
        arguments = {k: v for k, v in layer["config"].items() if k not in IMPOSED}
        self.described = {**layer, "config": arguments}
        config = {**arguments, "name": self.name, "dtype": self.dtype_policy}
        self.held = _Held(keras.layers.deserialize({**layer, "config": config}))

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Create the layer's weights."""
        layer = self.held.layer
        layer.build(_single(list(input_shape[: -len(self.borrowed)])))
        borrowed = {id(attrgetter(name)(layer)) for name in self.borrowed}
        self.own = [weight for weight in layer.weights if id(weight) not in borrowed]

    def call(self, inputs: list[Tensor], training: bool = False) -> Tensor:
        """Run the layer; its running averages move as ever."""
        layer, count = self.held.layer, len(self.borrowed)
        if layer.trainable != self.trainable:
            layer.trainable = self.trainable
        borrowed = [attrgetter(name)(layer) for name in self.borrowed]
        lent = list(zip(borrowed, inputs[-count:], strict=True))
        places = set(map(id, borrowed))
        kept = [(each, each.value) for each in layer.variables if id(each) not in places]
        with keras.StatelessScope(lent + kept) as scope:
            before = [scope.get_current_value(variable) for variable, _ in kept]
            outputs = layer(_single(list(inputs[:-count])))
        for (variable, _), value in zip(kept, before, strict=True):
            after = scope.get_current_value(variable)
            if after is not value:
                variable.assign(after)
        return outputs

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """Return the shape of the layer's output."""
        shapes = list(input_shape[: -len(self.borrowed)])
        return tuple(self.held.layer.compute_output_shape(_single(shapes)))

    def get_config(self) -> dict[str, Any]:
        """Return what ``from_config`` needs."""
        config = {"layer": self.described, "borrowed": list(self.borrowed)}
        return {**super().get_config(), **config}


# What a borrowing layer says of itself and of the layer it runs.
IMPOSED = ("name", "dtype")


def _listed(inputs: Tensor | list[Tensor]) -> list[Tensor]:
    return list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]


def _single(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items

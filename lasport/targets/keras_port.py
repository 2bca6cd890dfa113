"""A Keras model seen as a port of a network: recognized, run as it is, or as a copy.

The model is left as it is; what a comparison asks for beyond its plain outputs
is answered by copies, the sessions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf

from lasport.errors import ComparisonError, UsageError
from lasport.layout import Layout
from lasport.passes import DataFormat, lower
from lasport.spec import Array, Network, Shape
from lasport.targets.keras_calls import Profile, keras_calls
from lasport.targets.keras_model import build_model, calls_of
from lasport.targets.keras_session import Session, image_layout, single
from lasport.targets.keras_tape import kept_state
from lasport.targets.parts import require_ends
from lasport.targets.recognition import DATA_FORMATS, choose_format, fits, recognize
from lasport.translate import translate

__all__ = ["KerasPort", "foreign_layouts", "functional", "narrowest"]

# So many numbers a model's layers may give in a pass that holds them all.
LARGE = 2**23

Tensors: TypeAlias = "keras.KerasTensor | list[keras.KerasTensor]"


class KerasPort:
    """A model beside the network that it is a port of.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential. Where its layers are those that lasport makes
        of the network, every layer can be compared; of any other model only
        the outputs.
    network : Network
        What it should compute.
    data_format : {"channels_first", "channels_last"}, optional
        Order of axes of the inputs and outputs of a model that was not built in
        this process; by default the one that its input shapes fit.

    Attributes
    ----------
    calls : Calls or None
        How lasport builds this very model; None for a foreign one.

    Raises
    ------
    ComparisonError
        If the model's inputs or outputs do not fit the network's.
    """

    def __init__(
        self, model: keras.Model, network: Network, data_format: DataFormat | None = None
    ) -> None:
        self.network = network
        self.model = functional(model)
        require_ends("model", self.model.inputs, self.model.outputs, network)
        self.calls = calls_of(model)
        if self.calls is None or self.calls.plan.network is not network:
            self.calls = recognize(self.model, network, data_format)
        if self.calls is not None:
            plan = self.calls.plan
            self.input_layouts = [value.layout for value in plan.inputs]
            self.output_layouts = [value.layout for value in plan.outputs]
        else:
            found = [tuple(x.shape) for x in self.model.inputs]
            self.input_layouts, self.output_layouts = foreign_layouts(network, found, data_format)

    @property
    def shown_layers(self) -> tuple[str, ...]:
        """Names of the Lasagne layers whose output the model shows."""
        return () if self.calls is None else tuple(self.calls.plan.layers)

    @property
    def dtype(self) -> str:
        """The narrowest float type that one of the model's layers computes in."""
        return narrowest({str(layer.compute_dtype) for layer in self.model.layers})

    @property
    def weights_dtype(self) -> str:
        """The narrowest float type that it keeps weights in."""
        return narrowest({str(weight.dtype) for weight in self.model.weights})

    @property
    def trained(self) -> int:
        """How many numbers the model trains."""
        return sum(int(np.prod(weight.shape)) for weight in self.model.trainable_weights)

    @property
    def versions(self) -> dict[str, str]:
        """Versions of Keras and of what it runs on, and the name of that."""
        backend = keras.backend.backend()
        own = str(import_module(backend).__version__)
        return {"keras": keras.__version__, "backend": backend, backend: own}

    def weights(self) -> Iterator[Array]:
        """Yield all weights, in the model's order."""
        return (np.asarray(weight) for weight in self.model.weights)

    def start(self, dtype: str) -> Session:
        """Return a fresh copy that computes in ``dtype``, with the model's weights."""
        return Session(self, dtype)

    def of_profile(self, profile: Profile) -> KerasPort:
        """Return the port that lasport makes of the same network in a profile."""
        calls = keras_calls(lower(translate(self.network)), profile, self.network.dtype.name)
        return KerasPort(build_model(calls), self.network)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run the model itself, called without a training flag; it is left as it was.

        Only so do flags count that were fixed where its layers were called.

        Parameters
        ----------
        inputs : sequence of ndarray
            In Lasagne's order of axes.

        Returns
        -------
        list of ndarray
            Its outputs in Lasagne's order of axes, float64 or float32.
        """
        dtypes = [str(x.dtype) for x in self.model.inputs]
        tensors = self.tensors(inputs, dtypes)
        with kept_state(self.model.non_trainable_variables):
            outputs = self._call(single(tensors))
        found = outputs if isinstance(outputs, list) else [outputs]
        half = self.dtype not in ("float32", "float64")
        return [
            layout.to_lasagne(np.asarray(keras.ops.cast(y, "float32") if half else y))
            for layout, y in zip(self.output_layouts, found, strict=True)
        ]

    def _call(self, inputs: Tensors) -> Tensors:
        """Call the model; a large one in a graph, which lets go of what no later layer needs."""
        if self.network.size > LARGE:
            # A layer that cannot be traced is called as it is, and so is what else is wrong.
            with suppress(AttributeError, NotImplementedError, TypeError):
                return tf.function(self.model)(inputs)
        return self.model(inputs)

    def tensors(self, inputs: Sequence[Array], dtypes: Sequence[str]) -> list[keras.KerasTensor]:
        """Return inputs as the model takes them.

        Raises
        ------
        ComparisonError
            If it takes other sizes.
        """
        tensors = []
        for layout, x, dtype, wanted in zip(
            self.input_layouts, inputs, dtypes, self.model.inputs, strict=True
        ):
            array = layout.from_lasagne(x)
            if not fits(array.shape, wanted.shape):
                raise ComparisonError(f"the model takes {wanted.shape}, not {array.shape}")
            tensors.append(keras.ops.convert_to_tensor(array, dtype=dtype))
        return tensors


def foreign_layouts(
    network: Network, found: Sequence[Shape], data_format: DataFormat | None
) -> tuple[list[Layout], list[Layout]]:
    """Return how a model that somebody else made holds a network's inputs and outputs.

    Parameters
    ----------
    network : Network
        What it should compute.
    found : sequence of Shape
        Of its inputs.
    data_format : {"channels_first", "channels_last"}, optional
        Where these fit both.

    Raises
    ------
    ComparisonError
        If they fit none, or both and nobody says which.
    """
    shapes = [network[name].output_shape or () for name in network.inputs]
    formats = DATA_FORMATS if data_format is None else (data_format,)
    layouts = {each: [image_layout(len(shape), each) for shape in shapes] for each in formats}
    chosen = choose_format(layouts, shapes, found)
    if chosen is None:
        taken, wanted = ", ".join(map(str, found)), ", ".join(map(str, shapes))
        raise ComparisonError(f"the model takes {taken}, the net {wanted}")
    outputs = [network[name].output_shape or () for name in network.outputs]
    return layouts[chosen], [image_layout(len(shape), chosen) for shape in outputs]


def functional(model: keras.Model) -> keras.Model:
    """Return the model as a functional one that takes and gives one tensor or a list."""
    if not isinstance(model, keras.Model):
        given = type(model).__name__
        raise UsageError(
            f"a keras.Model is expected, as keras.saving.load_model returns it, not {given}"
        )
    if not hasattr(model, "inputs") or not getattr(model, "inputs", None):
        raise ComparisonError("only built functional and Sequential models can be compared")
    functional = keras.Model(single(model.inputs), single(model.outputs))
    if not isinstance(model, keras.Sequential) and type(model).call is not type(functional).call:
        raise ComparisonError(
            f"{type(model).__name__} has a call() of its own, which no copy of its layers runs; "
            "compare the functional model inside"
        )
    return functional


def narrowest(dtypes: Collection[str]) -> str:
    """Return the narrowest of some float types; float32 where there is none."""
    order = ("bfloat16", "float16", "float32", "float64")
    return next((dtype for dtype in order if dtype in dtypes), "float32")

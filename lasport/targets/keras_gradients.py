"""Gradients of a session's model, in Lasagne's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from lasport.spec import Array
from lasport.targets.keras_copy import single, weights_of
from lasport.targets.keras_model import variable_of
from lasport.weights import Stack, Weight

if TYPE_CHECKING:
    from lasport.targets.keras_session import Session

__all__ = ["Gradients", "differentiate"]


@dataclass(frozen=True)
class Gradients:
    """Gradients of the sum of a model's outputs, each entry times its cotangent.

    Attributes
    ----------
    params : list of ndarray or None
        By Lasagne's parameters, in ``get_all_params`` order; None for one that
        the model does not train. None in all where parameters are not known.
    inputs : list of ndarray or None
        By input; None for integers.
    """

    params: list[Array | None] | None
    inputs: list[Array | None]


def differentiate(
    session: Session, inputs: Sequence[Array], cotangents: Sequence[Array], training: bool
) -> Gradients:
    """Differentiate the model of a session whose stand-ins have what they draw.

    Parameters
    ----------
    session : Session
        Whose copy is run.
    inputs, cotangents : sequence of ndarray
        In Lasagne's order of axes.
    training : bool
        Keras' training flag.

    Returns
    -------
    Gradients
    """
    port, model = session.port, session.model
    dtypes = [session.dtype if x.dtype.kind == "f" else x.dtype.name for x in inputs]
    tensors = port.tensors(inputs, dtypes)
    floating = [n for n, x in enumerate(inputs) if x.dtype.kind == "f"]
    weights = _trained_weights(session)
    variables = [variable for _, variable in weights]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch([*variables, *(tensors[n] for n in floating)])
        outputs = model(single(tensors), training=training)
    found = tape.gradient(
        outputs if isinstance(outputs, list) else [outputs],
        [*variables, *(tensors[n] for n in floating)],
        output_gradients=[
            tf.convert_to_tensor(layout.from_lasagne(array), session.dtype)
            for layout, array in zip(port.output_layouts, cotangents, strict=True)
        ],
        unconnected_gradients="zero",
    )
    arrays = [np.asarray(tf.convert_to_tensor(gradient)) for gradient in found]
    to_inputs: list[Array | None] = [None] * len(inputs)
    for n, array in zip(floating, arrays[len(weights) :], strict=True):
        to_inputs[n] = port.input_layouts[n].to_lasagne(array)
    if port.calls is None:
        return Gradients(None, to_inputs)
    by_param = {
        # A rearrangement's adjoint is its inverse; InvStdToVariance is of no trained parameter.
        id(part.param.value): part.undo(piece)
        for (weight, _), array in zip(weights, arrays[: len(weights)], strict=True)
        for part, piece in weight.split(array)
    }
    values = port.network.param_values()
    return Gradients([by_param.get(id(value)) for value in values], to_inputs)


def _trained_weights(session: Session) -> list[tuple[Weight | Stack, tf.Variable]]:
    """Return the weights that the port's own model trains, with the copy's variables."""
    port = session.port
    if port.calls is None:
        return []
    trained = {id(variable) for variable in port.model.trainable_weights}
    return [
        (weight, variable_of(session.model, name, attribute).value)
        for name, attribute, weight in weights_of(port.calls)
        if id(variable_of(port.model, name, attribute)) in trained
    ]

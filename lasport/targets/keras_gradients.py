"""Gradients of a session's model, in Lasagne's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from lasport.spec import Array
from lasport.targets.keras_backward import Backward
from lasport.targets.keras_copy import weights_of
from lasport.targets.keras_model import variables_of
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
    backward = Backward(session.tape, variables, session.noise.values(), training)
    keys = [id(x) for x in model.inputs]
    to_variables, to_values = backward.run(
        dict(zip(keys, tensors, strict=True)),
        [
            (id(y), tf.convert_to_tensor(layout.from_lasagne(array), session.dtype))
            for y, layout, array in zip(model.outputs, port.output_layouts, cotangents, strict=True)
        ],
    )
    arrays = [
        np.zeros(variable.shape, session.dtype) if gradient is None else np.asarray(gradient)
        for variable, gradient in zip(variables, to_variables, strict=True)
    ]
    to_inputs: list[Array | None] = [None] * len(inputs)
    for n in floating:
        found = to_values.get(keys[n], tf.zeros_like(tensors[n]))
        to_inputs[n] = port.input_layouts[n].to_lasagne(np.asarray(found))
    if port.calls is None:
        return Gradients(None, to_inputs)
    by_param = {
        # A rearrangement's adjoint is its inverse; InvStdToVariance is of no trained parameter.
        id(part.param.value): part.undo(piece)
        for (weight, _), array in zip(weights, arrays, strict=True)
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
    original, copied = variables_of(port.model), variables_of(session.model)
    return [
        (weight, copied(name, attribute).value)
        for name, attribute, weight in weights_of(port.calls)
        if id(original(name, attribute)) in trained
    ]

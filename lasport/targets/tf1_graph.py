"""Executing Keras calls in a graph of tf.compat.v1.

The layers are those of the Keras model; in a stateless scope they take the
graph's variables in place of their own, and hand back what their running
averages become. So a graph and a model cannot compute different things.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from lasport.errors import Refusal, UnsupportedLayersError, UsageError
from lasport.layout import Layout
from lasport.operations import Adjoint, BatchNorm, NetLoop, Noise, Operation, Own
from lasport.plan import unique_name
from lasport.spec import Array
from lasport.targets.keras_calls import Call, Calls
from lasport.targets.keras_model import build_model, restore, variables_of
from lasport.targets.tf1_layer import (
    LayerRun,
    Pairs,
    Tensors,
    as_keras_expects,
    run_in_either_mode,
)
from lasport.weights import Stack, Weight

__all__ = ["Graph", "Tensors", "build_graph"]

v1 = tf.compat.v1
Tensor: TypeAlias = tf.Tensor

ELSEWHERE = "lasport.to_keras makes a Keras model of the net"
REFUSED: Mapping[type[Operation], str] = {
    NetLoop: f"nets inside a loop are not told the mode in a graph of tf.compat.v1; {ELSEWHERE}",
    Own: "the Keras code of a class that you registered may mean something else in a graph of "
    f"tf.compat.v1, where `x == y` compares objects; {ELSEWHERE}",
}


# What computes otherwise in training; the way back through a batch normalization does, too.
WITH_MODES = (Adjoint, BatchNorm, Noise)


@dataclass(frozen=True, eq=False)
class Graph:
    """What a network became in a graph of tf.compat.v1.

    Attributes
    ----------
    outputs : tf.Tensor or list of tf.Tensor
        The net's outputs, with the axes of ``data_format``.
    layers : mapping of str to tf.Tensor
        What each Lasagne layer gives, by its name, with Lasagne's axes.
    variables : mapping of str to tf.Variable
        By name, as in ``"conv1/kernel"``, without the scopes around the net.
    update_ops : tuple of tf.Operation
        What moves the running averages, also in ``GraphKeys.UPDATE_OPS``. Empty
        where ``training`` is ``False``.
    calls : Calls
        What was executed.
    """

    outputs: Tensors
    layers: Mapping[str, Tensor]
    variables: Mapping[str, tf.Variable]
    update_ops: tuple[tf.Operation, ...]
    calls: Calls = field(repr=False)

    def load(self, session: tf.compat.v1.Session) -> None:
        """Give all variables of the net the network's parameters.

        Their initializers do the same in the process that built the graph; this
        takes a net back to where it started, and leaves all other variables alone.
        """
        chosen = {
            f"{call.name}/{_variable_name(path)}": weight
            for call in self.calls.calls
            for path, weight in call.weights.items()
        }
        initializers = {name: self.variables[name].initializer for name in chosen}
        feeds = {initializers[name].inputs[1]: weight.value for name, weight in chosen.items()}
        session.run(list(initializers.values()), feeds)

    def param_values(self, session: tf.compat.v1.Session) -> list[Array]:
        """Return the present weights as ``lasagne.layers.get_all_param_values`` would.

        Parameters
        ----------
        session : tf.compat.v1.Session
            Which holds the variables.

        Returns
        -------
        list of ndarray
            In ``get_all_params`` order, in Lasagne's shapes and the original dtypes.
        """
        values = session.run(dict(self.variables))
        return restore(self.calls, lambda layer, path: values[f"{layer}/{_variable_name(path)}"])


def build_graph(calls: Calls, inputs: Tensors, training: bool | Tensor) -> Graph:
    """Build the calls into the default graph.

    Parameters
    ----------
    calls : Calls
        What to execute.
    inputs : tf.Tensor, or list or dict of tf.Tensor
        See :func:`lasport.to_tf1`.
    training : bool or tf.Tensor
        See :func:`lasport.to_tf1`.

    Returns
    -------
    Graph

    Raises
    ------
    UnsupportedLayersError
        Naming all layers that graphs do not take: `REFUSED`.
    UsageError
        For a default graph that is none of tf.compat.v1, and for other inputs or
        another ``training`` than the net takes.
    """
    _require_graph()
    _require_flag(training)
    _require_supported(calls)
    with as_keras_expects():
        return _build(_renamed(calls), inputs, training)


def _build(calls: Calls, inputs: Tensors, training: bool | Tensor) -> Graph:
    # Keras' own variables stay in a graph that nobody runs, and need no values there.
    valueless = tuple(replace(call, weights={}) for call in calls.calls)
    with tf.Graph().as_default():
        model = build_model(replace(calls, calls=valueless))
    walk = _Walk(model, training, _input_tensors(calls, inputs, model))
    for step, of_step in calls.by_step():
        for call in of_step:
            if call.name not in walk.tensors:
                walk.execute(call, has_modes=isinstance(step.operation, WITH_MODES))
    plan = calls.plan
    outputs = [walk.tensors[calls.results[value.id]] for value in plan.outputs]
    layers = {
        name: _to_lasagne(value.layout, walk.tensors[calls.results[value.id]])
        for name, value in plan.layers.items()
    }
    for update in walk.updates:
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
    single = outputs[0] if len(outputs) == 1 else outputs
    return Graph(single, layers, walk.variables, tuple(walk.updates), calls)


class _Walk:
    """Executes calls one after the other.

    Attributes
    ----------
    tensors : dict of str to tf.Tensor
        What each call gave, by its name.
    variables : dict of str to tf.Variable
    updates : list of tf.Operation
    """

    def __init__(
        self, model: keras.Model, training: bool | Tensor, tensors: dict[str, Tensor]
    ) -> None:
        self.model = model
        self.training = training
        self.tensors = tensors
        self.variables: dict[str, tf.Variable] = {}
        self.updates: list[tf.Operation] = []
        self.places: dict[str, Pairs] = {}

    def execute(self, call: Call, *, has_modes: bool) -> None:
        """Run a call's layer on the graph's tensors, with the graph's variables."""
        owner = call.reuses or call.name
        if call.reuses is None:
            self.places[call.name] = self._make_variables(call)
        layer, places = self.model.get_layer(owner), self.places[owner]
        inputs = [self.tensors[name] for name in call.inputs]
        options = {} if call.cotangent is None else {"cotangent": self.tensors[call.cotangent]}
        run = LayerRun(layer, inputs[0] if len(inputs) == 1 else inputs, options, places)
        if not has_modes or "training" not in inspect.signature(layer.call).parameters:
            output, updated = run({})
        elif isinstance(self.training, tf.Tensor):
            output, updated = run_in_either_mode(self.training, run)
        else:
            output, updated = run({"training": bool(self.training)})
        self.tensors[call.name] = output
        for place, value in updated.items():
            self.updates.append(places[place][1].assign(value, read_value=False))

    def _make_variables(self, call: Call) -> Pairs:
        places, variable_of = [], variables_of(self.model)
        with v1.variable_scope(call.name, auxiliary_name_scope=False):
            for path, weight in call.weights.items():
                own, name = variable_of(call.name, path), _variable_name(path)
                variable = v1.get_variable(
                    name,
                    shape=tuple(own.shape),
                    dtype=own.dtype,
                    initializer=_given(weight),
                    trainable=bool(own.trainable),
                    use_resource=True,
                )
                self.variables[f"{call.name}/{name}"] = variable
                places.append((own, variable))
        return places


def _given(weight: Weight | Stack) -> Callable[..., Tensor]:
    """Return an initializer that asks Python: no weight is in the graph's definition.

    That may have 2 GB at most, and is written beside every checkpoint.
    """

    def initialize(shape: Sequence[int], dtype: Any, partition_info: object = None) -> Tensor:
        value = tf.numpy_function(lambda: weight.value.astype(dtype.as_numpy_dtype), [], dtype)
        return tf.ensure_shape(value, shape)

    return initialize


def _variable_name(path: str) -> str:
    """Return the name of a variable that may be in a layer inside the layer."""
    return path.rpartition(".")[2]


def _renamed(calls: Calls) -> Calls:
    """Return the calls with names that scopes of a graph can have."""
    names: dict[str, str] = {}
    for call in calls.calls:
        allowed = re.sub(r"[^A-Za-z0-9_.-]", "_", call.name)
        started = allowed if allowed[0].isalnum() or allowed[0] == "." else f"layer{allowed}"
        names[call.name] = unique_name(started, names.values())
    renamed = [
        replace(
            call,
            name=names[call.name],
            inputs=tuple(names[name] for name in call.inputs),
            reuses=call.reuses and names[call.reuses],
            cotangent=call.cotangent and names[call.cotangent],
        )
        for call in calls.calls
    ]
    results = {value: names[name] for value, name in calls.results.items()}
    return replace(calls, calls=tuple(renamed), results=results)


def _input_tensors(calls: Calls, inputs: Tensors, model: keras.Model) -> dict[str, Tensor]:
    """Return the inputs by the names of their calls, in the types the layers take."""
    names, net = [calls.results[value.id] for value in calls.plan.inputs], calls.plan.network
    if isinstance(inputs, Mapping):
        if inputs.keys() != set(net.inputs):
            raise UsageError(f"inputs are those of {sorted(inputs)}, the net's {net.inputs}")
        given = [inputs[name] for name in net.inputs]
    else:
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    if len(given) != len(names):
        raise UsageError(f"got {len(given)} inputs, the net has {len(names)}: {net.inputs}")
    tensors = {}
    for name, x, wanted in zip(names, map(tf.convert_to_tensor, given), model.inputs, strict=True):
        if not x.shape.is_compatible_with(wanted.shape):
            raise UsageError(f"input {name} has shape {x.shape}, the net takes {wanted.shape}")
        # What the tensor leaves open is checked when the graph runs.
        tensors[name] = tf.cast(tf.ensure_shape(x, wanted.shape), wanted.dtype)
    return tensors


def _to_lasagne(layout: Layout, x: Tensor) -> Tensor:
    """Return a tensor in Lasagne's order of axes: what ``Layout.to_lasagne`` does to arrays."""
    if layout.rows is not None:
        x = tf.gather(x, np.argsort(layout.rows.order()), axis=-1)
    order = np.argsort(layout.axes)
    return x if list(order) == sorted(order) else tf.transpose(x, order)


def _require_graph() -> None:
    if tf.executing_eagerly() or v1.get_default_graph().building_function:
        raise UsageError(
            "there is no graph of tf.compat.v1 to build into: call to_tf1 within "
            "`with tf.Graph().as_default():`, and not within a tf.function"
        )


def _require_supported(calls: Calls) -> None:
    net, refused = calls.plan.network, {}
    for step in calls.plan.steps:
        if type(step.operation) in REFUSED:
            refused[step.layer] = REFUSED[type(step.operation)]
    if refused:
        raise UnsupportedLayersError(
            [Refusal(name, net[name].kind, reason) for name, reason in refused.items()]
        )


def _require_flag(training: object) -> None:
    flag = isinstance(training, tf.Tensor) and training.dtype == tf.bool and training.shape == ()
    if not flag and not isinstance(training, (bool, np.bool_)):
        raise UsageError(
            f"training must be True, False or a boolean tensor of shape (), such as "
            f"tf.compat.v1.placeholder_with_default(False, ()); got {training!r}"
        )

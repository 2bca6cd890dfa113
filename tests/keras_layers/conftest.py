"""A function with its gradients, in Keras and in the real Theano."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Array = np.ndarray[Any, np.dtype[Any]]
Evaluated = tuple[Array, list[Array]]


@pytest.fixture(scope="session")
def in_keras() -> Callable[..., Evaluated]:
    """Return ``evaluate(layer, *inputs, cotangent=None, jit=False, **call)``.

    It gives the layer's output for the inputs (a list of them, if several) and
    the gradient of ``sum(output * cotangent)`` for each; the cotangent is ones
    unless given.
    """
    import tensorflow as tf

    def evaluate(
        layer: Callable[..., Any],
        *inputs: Array,
        cotangent: Array | None = None,
        jit: bool = False,
        **call: Any,
    ) -> Evaluated:
        def differentiate(*tensors: Any) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(tensors)
                output = layer(tensors[0] if len(tensors) == 1 else list(tensors), **call)
            return output, tape.gradient(output, tensors, output_gradients=cotangent)

        if jit:
            differentiate = tf.function(differentiate, jit_compile=True)
        output, gradients = differentiate(*map(tf.convert_to_tensor, inputs))
        return output.numpy(), [gradient.numpy() for gradient in gradients]

    return evaluate


@pytest.fixture(scope="session")
def theano() -> Any:
    """Return the module, with Lasagne importable as well."""
    for package in ("theano", "lasagne"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; the extra [theano] has it for Python <= 3.11")
    from lasport import theano_compat

    theano_compat.install()
    return importlib.import_module("theano")


@pytest.fixture
def in_theano(theano: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Evaluated]:
    """Return ``evaluate(function, *inputs, cotangent=None, gradients=True)``, in float64.

    Interpreted and unoptimized: the graph is computed as it was written.
    """
    # Constants are rounded to floatX.
    monkeypatch.setattr(theano.config, "floatX", "float64")

    def evaluate(
        function: Callable[..., Any],
        *inputs: Array,
        cotangent: Array | None = None,
        gradients: bool = True,
    ) -> Evaluated:
        variables = [
            theano.tensor.TensorType("float64", (False,) * np.ndim(value))() for value in inputs
        ]
        output = function(*variables)
        shares = theano.tensor.ones_like(output)
        if cotangent is not None:
            shares = theano.tensor.constant(cotangent)
        outputs = [output]
        if gradients:
            outputs += theano.grad(None, variables, known_grads={output: shares})
        mode = theano.Mode(linker="py", optimizer=None)
        results = theano.function(variables, outputs, mode=mode)(*inputs)
        return results[0], results[1:]

    return evaluate

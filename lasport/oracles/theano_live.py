"""The live oracle: the real Lasagne on the real Theano, in this process.

A net that was read from live layers is run as it stands. A net that was read from a file is
unpickled first, and that runs whatever the file says: nothing else in lasport does so, and this is
done only for somebody who asks for Theano by name.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lasport import theano_compat
from lasport.errors import ComparisonError, UnreadableFileError, UsageError
from lasport.layers.input import InputAttributes
from lasport.oracles.probe import probe_layers
from lasport.oracles.record import Record
from lasport.readers.containers import read_bytes
from lasport.readers.live import read_layers
from lasport.spec import Array, Network

__all__ = ["theano_record"]

# For a Theano that is not imported yet. Rewriting and compiling a graph takes longer than running
# it once, and arrays that lay on a GPU are read without one.
FLAGS = {"optimizer": "None", "experimental.unpickle_gpu_on_cpu": "True"}

# Theano differentiates by recursion: three frames for each operation, a dozen for a dense layer.
RECURSION_LIMIT = 15_000

# Options that Lasagne 0.1 does not have, and in a pickle of a later one does not see; with these
# values it computes the same.
UNKNOWN_TO_0_1 = {
    "cropping": (),
    "flip_filters": True,
    "num_groups": 1,
    "num_leading_axes": 1,
    "shared_axes": (),
}
NEWER = "0.2.dev1 is not on PyPI: pip install https://github.com/Lasagne/Lasagne/archive/master.zip"


def theano_record(
    net: Network, *, seed: int = 0, passes: int = 5, inputs: Sequence[Array] | None = None
) -> Record:
    """Record what the real Lasagne computes for a network, in both modes, with gradients.

    Parameters
    ----------
    net : Network
        From live layers, or from a pickle, which is unpickled.
    seed : int
        Seeds inputs, batches, cotangents, and what stochastic layers draw.
    passes : int
        Number of training passes.
    inputs : sequence of ndarray, optional
        One per input layer; drawn from ``seed`` if missing.

    Returns
    -------
    Record
        In the precision of the network's parameters and inputs.

    Raises
    ------
    MissingDependencyError
        If Theano or Lasagne is not installed.
    UnreadableFileError
        If Python cannot unpickle the file here, where lasport could read it.
    ComparisonError
        If the Lasagne that is installed cannot run the network, or means another one by it.
    UsageError
        If the network comes from neither.
    """
    theano_compat.install(**FLAGS)
    import lasagne
    import theano

    floats = theano.config.floatX
    with _deep_recursion(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(theano|lasagne)\.")  # of their age, mostly
        outputs = _live_outputs(net, lasagne.__version__)
        theano.config.floatX = _float_dtype(net)
        try:
            fed = None if inputs is None else _as_declared(net, inputs)
            arrays = probe_layers(outputs, inputs=fed, seed=seed, passes=passes)
        except Exception as error:  # layers and Theano run here, and raise whatever they like
            missing = isinstance(error, AttributeError)
            advice = "; another version of Lasagne may have made the net" if missing else ""
            raise ComparisonError(
                f"Lasagne {lasagne.__version__} on Theano {theano.__version__} cannot run this "
                f"net: {_describe(error)}{advice}"
            ) from error
        finally:
            theano.config.floatX = floats
    record = Record.from_arrays(arrays)
    _require_same_order(net, record)
    return record


def _live_outputs(net: Network, version: str) -> list[object]:
    """Return the live output layers of a network."""
    if isinstance(net.origin, tuple):
        return list(net.origin)
    if not isinstance(net.origin, os.PathLike):
        raise UsageError(
            "the oracle 'theano' runs live layers or pickled ones; this net is neither, so take "
            "'reference' or 'record:PATH'"
        )
    layers = _unpickle(net.origin, version)
    if version == "0.1":
        _require_options_of_0_1(net)
    origin = read_layers(layers, net.outputs).origin
    outputs = list(origin) if isinstance(origin, tuple) else []
    _intern_auto(outputs)
    return outputs


def _intern_auto(outputs: list[object]) -> None:
    """Give ExpressionLayer its 'auto' back: it asks for that very string, not for one equal."""
    import lasagne

    for layer in lasagne.layers.get_all_layers(outputs):
        if getattr(layer, "_output_shape", None) == "auto":
            layer._output_shape = sys.intern("auto")


def _unpickle(path: os.PathLike[Any], version: str) -> object:
    content = read_bytes(path)
    try:
        # latin1: Python 2's byte strings, and the arrays in them.
        return pickle.loads(content, encoding="latin1")
    except Exception as error:  # the file chooses what runs here, and so what is raised
        raise UnreadableFileError(
            f"{os.fspath(path)}: cannot be unpickled here: {_describe(error)}"
            f"{_advise(str(error), version)}"
        ) from error


def _advise(message: str, version: str) -> str:
    """Say what to install where an import failed for its absence."""
    if "'theano.graph" in message or "'theano.link" in message:
        return "; Theano-PyMC saved it, and can read it: pip install theano-pymc==1.1.2"
    if version == "0.1" and "'lasagne." in message:
        return f"; Lasagne 0.1 lacks BatchNormLayer and many others, and {NEWER}"
    return ""


def _require_options_of_0_1(net: Network) -> None:
    for layer in net.layers:
        for name, harmless in UNKNOWN_TO_0_1.items():
            value = getattr(layer.attributes, name, harmless)
            if value != harmless:
                raise ComparisonError(
                    f"{layer.name} ({layer.kind}) has {name}={value!r}, which Lasagne 0.1 passes "
                    f"over in silence, and {NEWER}"
                )


def _float_dtype(net: Network) -> str:
    """Return the widest float type among parameters and inputs."""
    dtypes = [value.dtype for value in net.param_values()]
    declared = (net[name].attributes for name in net.inputs)
    dtypes += [np.dtype(a.input_var) for a in declared if isinstance(a, InputAttributes)]
    floats = [dtype for dtype in dtypes if dtype.kind == "f"]
    return max(floats, key=lambda dtype: dtype.itemsize, default=np.dtype(np.float32)).name


def _as_declared(net: Network, inputs: Sequence[Array]) -> list[Array]:
    """Cast arrays to the dtypes of the input variables; Theano casts nothing by itself."""
    if len(inputs) != len(net.inputs):
        raise ValueError(f"{len(inputs)} arrays for the inputs {', '.join(net.inputs)}")
    declared = (net[name].attributes for name in net.inputs)
    return [
        x.astype(a.input_var, casting="same_kind") if isinstance(a, InputAttributes) else x
        for x, a in zip(inputs, declared, strict=True)
    ]


def _require_same_order(net: Network, record: Record) -> None:
    """Refuse a record whose layers are not the network's, one by one."""
    index = {layer.name: k for k, layer in enumerate(net.layers)}
    expected = [(layer.kind, [index[n] for n in layer.incoming]) for layer in net.layers]
    found = [(layer["kind"], layer["incoming"]) for layer in record.meta["layers"]]
    outputs = [index[name] for name in net.outputs]
    if (found, record.meta["outputs"]) != (expected, outputs):
        raise ComparisonError(
            f"Lasagne {record.meta['lasagne']} has other layers than were read: {found} with "
            f"outputs {record.meta['outputs']}, not {expected} with outputs {outputs}"
        )


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)

"""What the real Lasagne is given of a net, in this process or in another, and what comes back.

The net it runs must be the net that was read: the same layers in the same order, and no option that
its version passes over in silence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from lasport.errors import ComparisonError
from lasport.layers.input import InputAttributes
from lasport.oracles.record import Record
from lasport.spec import Array, Network

__all__ = [
    "FIRST_RELEASE",
    "advise",
    "as_declared",
    "describe",
    "float_dtype",
    "require_options",
    "require_same_layers",
]

FIRST_RELEASE = "0.1"
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


def float_dtype(net: Network) -> str:
    """Return the widest float type among parameters and inputs."""
    dtypes = [value.dtype for value in net.param_values()]
    declared = (net[name].attributes for name in net.inputs)
    dtypes += [np.dtype(a.input_var) for a in declared if isinstance(a, InputAttributes)]
    floats = [dtype for dtype in dtypes if dtype.kind == "f"]
    return max(floats, key=lambda dtype: dtype.itemsize, default=np.dtype(np.float32)).name


def as_declared(net: Network, inputs: Sequence[Array]) -> list[Array]:
    """Cast arrays to the dtypes of the input variables; Theano casts nothing by itself."""
    if len(inputs) != len(net.inputs):
        raise ValueError(f"{len(inputs)} arrays for the inputs {', '.join(net.inputs)}")
    declared = (net[name].attributes for name in net.inputs)
    return [
        x.astype(a.input_var, casting="same_kind") if isinstance(a, InputAttributes) else x
        for x, a in zip(inputs, declared, strict=True)
    ]


def require_options(net: Network, version: str) -> None:
    """Refuse a net with options that a version of Lasagne does not have."""
    if version != FIRST_RELEASE:
        return
    for layer in net.layers:
        for name, harmless in UNKNOWN_TO_0_1.items():
            value = getattr(layer.attributes, name, harmless)
            if value != harmless:
                raise ComparisonError(
                    f"{layer.name} ({layer.kind}) has {name}={value!r}, which Lasagne 0.1 passes "
                    f"over in silence, and {NEWER}"
                )


def require_same_layers(net: Network, record: Record) -> None:
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


def advise(message: str, version: str) -> str:
    """Say what to install where loading a net failed for its absence."""
    if re.search(r"'?theano\.(graph|link)|named '?(graph|link)", message):
        return "; Theano-PyMC saved it, and can read it: pip install theano-pymc==1.1.2"
    # Python 3 names the module, Python 2 does not.
    missing = "'lasagne." in message or "'module' object has no attribute" in message
    if version == FIRST_RELEASE and missing:
        return f"; Lasagne 0.1 lacks BatchNormLayer and many others, and {NEWER}"
    return ""


def describe(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"

"""Port Lasagne (Theano) networks to TensorFlow / Keras 3, with the evidence.

>>> import lasport
>>> net = lasport.load("net.pkl")  # doctest: +SKIP
>>> model = lasport.to_keras(net)  # doctest: +SKIP
>>> assert lasport.verify(net, model)  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING

from lasport.version import __version__

if TYPE_CHECKING:
    from lasport.api import (
        convert,
        diagnose,
        export,
        feature_model,
        from_lasagne,
        lasagne_param_values,
        load,
        record,
        simplify,
        tf1_program,
        to_keras,
        to_source,
        to_tf1,
        verify,
    )
    from lasport.errors import LasportError, UnsupportedLayersError
    from lasport.own_layers import KerasLayer, SavedLayer, register, temporary_registrations

__all__ = [
    "KerasLayer",
    "LasportError",
    "SavedLayer",
    "UnsupportedLayersError",
    "__version__",
    "convert",
    "diagnose",
    "export",
    "feature_model",
    "from_lasagne",
    "lasagne_param_values",
    "load",
    "record",
    "register",
    "simplify",
    "temporary_registrations",
    "tf1_program",
    "to_keras",
    "to_source",
    "to_tf1",
    "verify",
]

# Imported when a name of theirs is asked for, in this order. Every start of pytest imports the
# plugin, and this package with it; and registering needs all families, which take the longest.
_MODULES = ("errors", "api", "own_layers")


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in (import_module(f"lasport.{place}") for place in _MODULES):
            if name in module.__all__:
                return getattr(module, name)
    raise AttributeError(f"module 'lasport' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

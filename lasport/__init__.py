"""Port Lasagne (Theano) networks to TensorFlow / Keras 3, with the evidence.

>>> import lasport
>>> net = lasport.load("net.pkl")  # doctest: +SKIP
>>> model = lasport.to_keras(net)  # doctest: +SKIP
>>> assert lasport.verify(net, model)  # doctest: +SKIP
"""

from typing import TYPE_CHECKING

from lasport.api import (
    convert,
    from_lasagne,
    lasagne_param_values,
    load,
    to_keras,
    to_source,
    verify,
)
from lasport.errors import LasportError, UnsupportedLayersError
from lasport.version import __version__

if TYPE_CHECKING:
    from lasport.own_layers import KerasLayer, SavedLayer, register, temporary_registrations

__all__ = [
    "KerasLayer",
    "LasportError",
    "SavedLayer",
    "UnsupportedLayersError",
    "__version__",
    "convert",
    "from_lasagne",
    "lasagne_param_values",
    "load",
    "register",
    "temporary_registrations",
    "to_keras",
    "to_source",
    "verify",
]

# Registering needs all families, which take longer to import than everything else here.
_OWN_LAYERS = ("KerasLayer", "SavedLayer", "register", "temporary_registrations")


def __getattr__(name: str) -> object:
    if name in _OWN_LAYERS:
        from lasport import own_layers

        return getattr(own_layers, name)
    raise AttributeError(f"module 'lasport' has no attribute {name!r}")

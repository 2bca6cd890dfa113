"""Layer classes that users wrote for Lasagne, and what those are in Keras.

lasport knows the classes of Lasagne itself. Of any other its author has to say what it is: a
subclass that computes what its parent does (``like=``), or something that Keras layers of his
own compute. Both are said with :func:`register`.
"""

from lasport.own_layers.declared import Declaration, KerasLayer, OwnFamily
from lasport.own_layers.registering import register, run_registrations, temporary_registrations
from lasport.own_layers.saved import OwnAttributes, SavedLayer, SavedObject

__all__ = [
    "Declaration",
    "KerasLayer",
    "OwnAttributes",
    "OwnFamily",
    "SavedLayer",
    "SavedObject",
    "register",
    "run_registrations",
    "temporary_registrations",
]

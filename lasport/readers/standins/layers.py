"""Lasagne's layer classes, made of their declared families."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import numpy as np

from lasport.readers.standins.bases import (
    LAYERS,
    Layer,
    MergeLayer,
    Source,
    attributes_of,
)
from lasport.readers.standins.choices import CEILED_BEFORE, CHOICES
from lasport.readers.standins.constructors import BUILDERS, Arguments, build_plain
from lasport.readers.standins.declarations import DECLARATIONS
from lasport.registry import Family, family_of

__all__ = ["LAYERS"]


def _declare(kind: str, base: type[Layer], signature: inspect.Signature) -> type[Layer]:
    """Return the class that stands in for one of Lasagne's."""
    module, _, name = kind.rpartition(".")
    build = BUILDERS.get(name, build_plain)
    inherited = _inherited(base, signature)

    def initialize(self: Layer, *args: Any, **kwargs: Any) -> None:
        choices = CHOICES.get()
        bound = signature.bind(*args, **choices.renamed(name, signature.parameters, kwargs))
        said = set(bound.arguments) | set(bound.arguments.get("kwargs", ()))
        former = choices.defaults(kind, bound.arguments)
        bound.arguments |= former
        bound.apply_defaults()
        arguments = inherited | bound.arguments
        options = arguments.pop("kwargs", {})
        arguments |= {option: options.pop(option) for option in inherited.keys() & options.keys()}
        family = family_of(kind)
        if family is None:  # refused later, with all others
            base.__init__(self, next(iter(arguments.values())), **options)
            return
        build(self, family, arguments, options)
        _note_version(self, family, "ignore_border" in said)

    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    full = signature.replace(parameters=[me, *signature.parameters.values()])
    initialize.__signature__ = full  # type: ignore[attr-defined]
    return type(name, (base,), {"__init__": initialize, "__module__": module, "kind": kind})


def _note_version(layer: Layer, family: Family, says_border: bool) -> None:
    """Note a layer that computes what it does by the version alone."""
    undecided, name = CHOICES.get().undecided, layer.kind.rpartition(".")[2]
    if getattr(layer, "peepholes", False):
        undecided["peephole"].append(name)
    # Padded ones were never other than floored.
    if name in CEILED_BEFORE and not says_border and not np.any(layer.pad):  # type: ignore[attr-defined]
        attributes = attributes_of(layer, family)
        shapes = {
            family.output_shape(replace(attributes, ignore_border=border), [layer.input_shape])
            for border in (True, False)
        }
        if len(shapes) > 1:
            undecided["pool"].append(name)


def _inherited(base: type[Layer], signature: inspect.Signature) -> Arguments:
    """Return what a base class takes beyond a signature, with its defaults."""
    if base in (Layer, MergeLayer, Source):
        return {}
    return {
        name: parameter.default
        for name, parameter in inspect.signature(base).parameters.items()
        if parameter.default is not parameter.empty and name not in signature.parameters
    }


_KINDS = {kind.rpartition(".")[2]: kind for kind in DECLARATIONS}


def _stand_in(name: str) -> type[Layer]:
    """Return the class that stands in for a layer class of Lasagne's, made after its base."""
    if name not in LAYERS:
        named, signature = DECLARATIONS[_KINDS[name]]
        base = Source if name == "InputLayer" else _stand_in(named)
        LAYERS[name] = _declare(_KINDS[name], base, signature)
    made: type[Layer] = LAYERS[name]
    return made


for _name in _KINDS:
    _stand_in(_name)

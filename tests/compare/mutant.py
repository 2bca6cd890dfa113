"""What a mutant is: a port with one mistake, and where a report must find it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.compare.edits import Edit, unchanged

# The nets: convolutions of all kinds, normalization, residual sums, dropout, dense layers.
D, R, V, P = "net_digits", "net_residual_block", "net_vgg_block", "net_inception"
N, F, A = "net_dropout_before_batchnorm", "net_fully_convolutional", "net_autoencoder"
T, S = "net_two_inputs_two_outputs", "net_digits_float32"
INFER, TRAIN, AFTER = "inference/layers", "training/layers", "training/params/1"
OUT = "inference/outputs"


@dataclass(frozen=True)
class Mutant:
    """A mistake, and the subject (or a part of the problem) that must be reported first.

    ``at`` names the layer with the mistake wherever the model still shows
    lasport's layers, and otherwise an output. ``also`` are the layers that
    have the mistake too, because they share it.
    """

    net: str
    at: str
    edit: Edit = unchanged
    profile: str = "stock"
    outputs_only: bool = False
    remake: Callable[[Any], Any] | None = None
    also: tuple[str, ...] = ()


def foreign(net: str, at: str, edit: Edit = unchanged, **options: Any) -> Mutant:
    """Return a mutant whose layers are not lasport's any more."""
    return Mutant(net, at, edit, outputs_only=True, **options)


def exact(net: str, at: str, edit: Edit) -> Mutant:
    """Return a mutant of the exact profile."""
    return Mutant(net, at, edit, profile="exact")


def called(layer: str, *, training: bool) -> Callable[[Any], Any]:
    """Return a function that copies a model with one layer's training flag fixed."""

    def remake(model: Any) -> Any:
        import keras

        def call(one: Any, *args: Any, **kwargs: Any) -> Any:
            fixed = {"training": training} if one.name == layer else {}
            return one(*args, **{**kwargs, **fixed})

        copy = keras.models.clone_model(model, call_function=call)
        copy.set_weights(model.get_weights())
        return copy

    return remake

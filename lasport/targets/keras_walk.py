"""One pass of a copied model, a Lasagne layer at a time: each in turn, or each by itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from lasport.errors import ComparisonError
from lasport.spec import Array
from lasport.targets.given_noise import noise_states
from lasport.targets.keras_tape import Playback, kept_state
from lasport.targets.recognition import fits

if TYPE_CHECKING:
    from lasport.targets.keras_session import Session

__all__ = ["Walk"]


class Walk:
    """A pass of a session's copy.

    Parameters
    ----------
    session : Session
        Whose copy runs; a training pass moves its running averages.
    inputs : sequence of ndarray
        In Lasagne's order of axes.
    training : bool
        Keras' training flag.
    layers : collection of str
        The shown layers whose values will be asked for, each once.
    mismatch : str or None
        What does not correspond between the net's stochastic layers and the copy's.

    Raises
    ------
    ComparisonError
        If the model takes other sizes.
    """

    def __init__(
        self,
        session: Session,
        inputs: Sequence[Array],
        training: bool,
        layers: Collection[str],
        mismatch: str | None = None,
    ) -> None:
        self.session = session
        self.training = training
        self.mismatch = mismatch
        session.moved = True
        for stand_in in session.noise.values():
            stand_in.release()
        self._before = noise_states(session.random)
        dtypes = [session.dtype if x.dtype.kind == "f" else x.dtype.name for x in inputs]
        tensors = session.port.tensors(inputs, dtypes)
        self._inputs = dict(zip(map(id, session.model.inputs), tensors, strict=True))
        asked = [session.shown[name][0] for name in layers] + session.model.outputs
        self._playback = Playback(session.tape, self._inputs, map(id, asked), training)

    def give(self, layer: str, drawn: Sequence[Array]) -> None:
        """Let the stand-ins in a layer's place take what the layer drew."""
        if self.training and self.mismatch is None:
            self.mismatch = self.session.hand_out_to(layer, drawn)

    def value(self, layer: str) -> Array | None:
        """Return a layer's output in the pass, in Lasagne's order of axes.

        Raises
        ------
        ComparisonError
            If what was drawn and the model's stochastic layers do not correspond.
        """
        if layer not in self.session.shown:
            return None
        tensor, layout = self.session.shown[layer]
        value = self._playback.value(id(tensor))
        self.refuse()
        return layout.to_lasagne(np.asarray(value))

    def strangers(self, layer: str) -> list[str]:
        """Return the layers that feed a shown one in the model, and do not in the net."""
        return self.session.strangers(layer)

    def alone(self, layer: str, incoming: Mapping[str, Array]) -> Array:
        """Return what a shown layer makes of given inputs; the copy is left as it was.

        Parameters
        ----------
        layer : str
            One that takes nothing but its incoming layers: see :meth:`strangers`.
        incoming : mapping of str to ndarray
            Outputs of its incoming layers, in Lasagne's order of axes.

        Raises
        ------
        ComparisonError
            If the model has other shapes there.
        """
        values = dict(self._inputs)
        for name, array in incoming.items():
            source, layout = self.session.shown[name]
            held = layout.from_lasagne(array)
            if not fits(held.shape, source.shape):
                raise ComparisonError(
                    f"{layer} cannot be run alone: in the model {name} gives {source.shape}, "
                    f"not {held.shape}"
                )
            values[id(source)] = keras.ops.convert_to_tensor(held, dtype=source.dtype)
        target, layout = self.session.shown[layer]
        does_nothing = id(target) in values
        places = [] if does_nothing else self.session.tape.between(values, id(target))[0]
        nodes = [self.session.tape.nodes[place] for place in places]
        moving = [node.layer for node in nodes if node.layer.non_trainable_variables]
        variables = [variable for layer in moving for variable in layer.variables]
        with kept_state(variables if self.training else ()):
            for node in nodes:
                values |= node.play(values, self.training)
        return layout.to_lasagne(np.asarray(values[id(target)]))

    def outputs(self) -> list[Array]:
        """Return the model's outputs, in Lasagne's order of axes.

        Raises
        ------
        ComparisonError
            If what was drawn and the model's stochastic layers do not correspond.
        """
        values = [self._playback.value(id(x)) for x in self.session.model.outputs]
        self.refuse()
        layouts = self.session.port.output_layouts
        return [layout.to_lasagne(np.asarray(y)) for layout, y in zip(layouts, values, strict=True)]

    def refuse(self) -> None:
        """Refuse a pass that says nothing.

        Raises
        ------
        ComparisonError
            If the copy drew otherwise than the net.
        """
        states = noise_states(self.session.random)
        own = [name for name, state in states.items() if state != self._before[name]]
        if own:
            raise ComparisonError(
                f"{', '.join(own)} drew random numbers that no original can have drawn: only "
                "Keras' Dropout, SpatialDropout and GaussianNoise and lasport's own layers can be "
                "given what a net drew, and only in training mode"
            )
        problems = [self.mismatch, *(layer.problem for layer in self.session.noise.values())]
        found = [problem for problem in problems if problem is not None]
        if found:
            raise ComparisonError("; ".join(found))

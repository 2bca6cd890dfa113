"""What kind of arithmetic the net's steps and a port's parts are, by the names of their classes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lasport.compare.diagnosis.steps import Step
from lasport.layers.nonlinearities import NonlinearityAttributes
from lasport.targets.parts import Part

__all__ = ["MOVES", "UNKNOWN", "role_of_part", "role_of_step"]

# What there is no step to align with: it moves numbers, and belongs to what comes next.
MOVES = "moves"
# What a class may be anything by.
UNKNOWN = "unknown"
# Roles by the names of Lasagne's classes, and of Keras' and users' own; the first that fits.
OF_STEPS: Mapping[str, str] = {
    r"InputLayer": "input",
    r"(Flatten|Reshape|Dimshuffle|Pad|Slice)Layer": MOVES,
    r"(Transposed|De)[Cc]onv.*": "transposed convolution",
    r".*Conv.*": "convolution",
    r"NINLayer.*": "pointwise",
    r"DenseLayer": "dense",
    r"BatchNorm.*": "normalization",
    r"NonlinearityLayer": "activation",
    r"ParametricRectifierLayer": "prelu",
    r"(Max)?Pool\dD.*": "pool",
    r"GlobalPoolLayer": "global pool",
    r"DropoutLayer": "dropout",
    r"GaussianNoiseLayer": "noise",
    r"LocalResponse.*": "response",
    r"StandardizationLayer": "standardization",
    r"LSTMLayer": "lstm",
    r"GRULayer": "gru",
    r".*RecurrentLayer": "recurrent",
    r"EmbeddingLayer": "embedding",
    r"Elemwise.*": "sum",
    r"ConcatLayer": "concatenation",
    r"TransformerLayer": "transformer",
}
OF_PARTS: Mapping[str, str] = {
    r"InputLayer": "input",
    r"Flatten|Reshape|Permute|(ZeroPadding|Cropping)\dD|Transpose|Squeeze|ExpandDims": MOVES,
    r"(Constant)?Pad|Slice|GetItem": MOVES,
    r"Parameter|Derived": MOVES,  # lasport's, for weights that several layers share
    r".*Conv\dD?Transpose": "transposed convolution",
    r".*Conv\dD": "convolution",
    r"Dense": "dense",
    r".*BatchNorm.*": "normalization",
    r"Activation|ReLU|Relu|LeakyR[e]?[lL]U|ELU|Softmax|Sigmoid|Tanh|Nonlinearity": "activation",
    r"PReLU|ParametricRectifier": "prelu",
    r"Global.*": "global pool",
    r".*Pool(ing)?(\dD)?": "pool",
    r"(Spatial|Unscaled)?Dropout(\dD)?": "dropout",
    r".*GaussianNoise": "noise",
    r".*(LRN|LocalResponse).*": "response",
    r"LSTM": "lstm",
    r"GRU": "gru",
    r"SimpleRNN": "recurrent",
    r"Embedding": "embedding",
    r"Add|Average|Multiply|Maximum|Minimum|Combine|Subtract|(True)?Divide": "sum",
    r"Concatenate": "concatenation",
    r".*Transformer.*|AffineSample": "transformer",
}


def role_of_step(step: Step) -> str:
    """Return what kind of arithmetic a step is."""
    a = step.attributes
    if isinstance(a, NonlinearityAttributes) and a.nonlinearity.function == "linear":
        return MOVES  # it only passes on
    return next((r for p, r in OF_STEPS.items() if re.fullmatch(p, step.family)), UNKNOWN)


def role_of_part(part: Part) -> str:
    """Return what kind of arithmetic a part's class seems to be."""
    if part.config.get("activation") == "linear" and part.kind == "Activation":
        return MOVES  # it only passes on
    role = next((r for p, r in OF_PARTS.items() if re.fullmatch(p, part.kind)), UNKNOWN)
    # What keras.ops does with a number is no merge.
    return UNKNOWN if role == "sum" and len(part.inputs) < 2 else role

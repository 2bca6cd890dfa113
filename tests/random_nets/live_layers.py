"""Building a network again, in the real Lasagne, from its attributes and parameters."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from lasport.layers.expression import Reduction
from lasport.layers.nonlinearities import Nonlinearity
from lasport.random_nets import RECIPES
from lasport.registry import require_family
from lasport.spec import Layer, Network

__all__ = ["LIVE_KINDS", "build_live"]

# The others run on a GPU only, or belong to Lasagne 0.1; each has a sibling that does the same. A
# CustomRecurrentLayer is built of nets, as the golden records do.
LIVE_KINDS = [
    kind
    for kind in RECIPES
    if not any(module in kind for module in (".dnn.", ".corrmm.", ".cuda_convnet."))
    and not kind.endswith((".dense.NonlinearityLayer", ".CustomRecurrentLayer"))
]
CLASSES = {"leaky_rectify": "LeakyRectify", "scaled_tanh": "ScaledTanH", "selu": "SELU"}
MERGES = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "true_div"}

Arguments = dict[str, Any]


def build_live(net: Network) -> list[Any]:
    """Return the live output layers; the layers below carry the network's names."""
    built: dict[str, Any] = {}
    for layer in net.layers:
        built[layer.name] = build_layer(layer, [built[name] for name in layer.incoming])
    return [built[name] for name in net.outputs]


def build_layer(layer: Layer, incoming: Sequence[Any]) -> Any:
    module, _, name = layer.kind.rpartition(".")
    make = getattr(importlib.import_module(module), name)
    given: Arguments = {"name": layer.name}
    for item in fields(layer.attributes):  # type: ignore[arg-type]  # a dataclass
        given[item.name] = live(item.name, getattr(layer.attributes, item.name))
    # None leaves a parameter out.
    given |= dict.fromkeys(require_family(layer).params)
    given |= {name: param.value for name, param in layer.params.items()}
    given |= {"incoming": incoming[0] if incoming else None, "incomings": list(incoming)}
    given |= SPECIAL.get(name, lambda layer, given, incoming: {})(layer, given, incoming)
    # Conv2DLayer hands groups on to its base class by **kwargs.
    accepted = {*inspect.signature(make).parameters, "name"} - {"convolution"}
    accepted |= {"num_groups"} if given.get("num_groups", 1) > 1 else set()
    made = make(**{name: value for name, value in given.items() if name in accepted})
    for param in layer.params.values():
        if not param.trainable:
            for owner in owners(made):
                owner.params.get(getattr(made, param.name), set()).discard("trainable")
    return made


def live(attribute: str, value: object) -> Any:
    """Return what Lasagne's constructors take for an attribute's value."""
    import lasagne
    import theano.tensor as T  # noqa: N812 - as everybody calls it

    if isinstance(value, Nonlinearity):
        if value.function in CLASSES:
            return getattr(lasagne.nonlinearities, CLASSES[value.function])(**value.constants)
        theanos = getattr(T, {"abs": "abs_"}.get(value.function, value.function), None)
        return getattr(lasagne.nonlinearities, value.function, theanos)
    if isinstance(value, Reduction):
        return functools.partial(
            getattr(T, value.function), axis=value.axes, keepdims=value.keepdims
        )
    if attribute == "merge_function":
        return getattr(T, MERGES.get(str(value), str(value)))
    if attribute == "pool_function":
        return getattr(T, str(value))
    return value


def owners(layer: Any) -> Iterator[Any]:
    """Yield a live layer, and those inside it that hold parameters of its own."""
    yield layer
    for name in ("input_to_hidden", "hidden_to_hidden"):
        if hasattr(layer, name):
            yield getattr(layer, name)


# --- classes whose constructors take something else than what instances hold

Special = Callable[[Layer, Arguments, Sequence[Any]], Arguments]


def source(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    import theano.tensor as T  # noqa: N812

    shape = given["shape"]
    return {"input_var": T.TensorType(given["input_var"], (False,) * len(shape))(layer.name)}


def reshape(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    return {"shape": tuple([*e] if isinstance(e, tuple) else e for e in given["shape"])}


def shuffle(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    return {"pattern": tuple("x" if axis is None else axis for axis in given["pattern"])}


def cut(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    places = given["slice"]
    return {"indices": slice(*places) if isinstance(places, tuple) else places}


def merge(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    return {
        "cropping": list(given["cropping"]) or None,
        "coeffs": list(given.get("coeffs", ())) or 1,
    }


def localized(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    return {"localization_network": incoming[1]}


def inverted(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    return {"layer": incoming[1]}


def loop(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    """Name the inputs, and say which states are learnt."""
    places = given["mask_incoming_index"]
    found: Arguments = {"mask_input": None if places is None else incoming[places]}
    for state in ("hid_init", "cell_init"):
        place = given.get(f"{state}_incoming_index")
        if place is not None:
            found[state] = incoming[place]
    states = [param for name, param in layer.params.items() if name.endswith("_init")]
    return {**found, "learn_init": any(param.trainable for param in states)}


def recurrent(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
    return {**loop(layer, given, incoming), "num_units": given["hidden_to_hidden"]}


def gated(*gates: str, **others: str) -> Special:
    """Return the arguments of a layer with gates; ``others`` name their nonlinearity otherwise."""
    functions = dict(zip(gates, gates, strict=True)) | others

    def arguments(layer: Layer, given: Arguments, incoming: Sequence[Any]) -> Arguments:
        import lasagne

        found = loop(layer, given, incoming)
        for argument, function in functions.items():
            found[argument] = lasagne.layers.Gate(
                W_in=given[f"W_in_to_{argument}"],
                W_hid=given[f"W_hid_to_{argument}"],
                W_cell=given.get(f"W_cell_to_{argument}"),
                b=given[f"b_{argument}"],
                nonlinearity=given[f"nonlinearity_{function}"],
            )
        return found

    return arguments


SPECIAL: Mapping[str, Special] = {
    "InputLayer": source,
    "ReshapeLayer": reshape,
    "DimshuffleLayer": shuffle,
    "SliceLayer": cut,
    **dict.fromkeys(("ConcatLayer", "ElemwiseSumLayer", "ElemwiseMergeLayer"), merge),
    **dict.fromkeys(("TransformerLayer", "TPSTransformerLayer"), localized),
    "InverseLayer": inverted,
    "RecurrentLayer": recurrent,
    "LSTMLayer": gated("ingate", "forgetgate", "cell", "outgate"),
    "GRULayer": gated("resetgate", "updategate", hidden_update="hid"),
}

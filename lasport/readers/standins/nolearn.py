"""nolearn: nets that are lists of layers, as scripts describe them.

What a ``NeuralNet`` is told about training is kept and without effect. Its layers are those of
nolearn 0.6.1, which understands what its forerunners from 0.5 on were given.
"""

from __future__ import annotations

import pydoc
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lasport.errors import ScriptError
from lasport.readers.parameters import read_parameters
from lasport.readers.standins.bases import Layer
from lasport.readers.standins.helpers import get_all_layers
from lasport.readers.standins.layers import LAYERS
from lasport.readers.standins.symbols import Function, SharedVariable, Symbol
from lasport.spec import Array

__all__ = ["NOLEARN", "NeuralNet"]

# Of a net, what is not about its layers; and what such options begin with.
SETTINGS = frozenset(
    {
        *("batch_iterator_train", "batch_iterator_test", "check_input", "custom_score"),
        *("custom_scores", "eval_size", "loss", "max_epochs", "objective", "on_batch_finished"),
        *("on_epoch_finished", "on_training_finished", "on_training_started", "regression"),
        *("scores_train", "scores_valid", "train_split", "update", "use_label_encoder", "verbose"),
        *("X_tensor_type", "y_tensor_type"),
    }
)
PREFIXES = ("objective_", "update_")
COMPUTING = (
    *("fit", "partial_fit", "train_loop", "predict", "predict_proba", "score", "get_output"),
    *("save_params_to", "save_weights_to"),
)


class Layers(OrderedDict[str, Layer]):
    """Layers by name, to be had by their place too."""

    __module__ = "nolearn.lasagne.base"

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int):
            return list(self.values())[key]
        if isinstance(key, slice):
            return Layers(list(self.items())[key])
        return super().__getitem__(key)


class NeuralNet:
    """``nolearn.lasagne.NeuralNet``, as far as it describes layers."""

    __module__ = "nolearn.lasagne.base"
    # Options of layers that name other layers.
    layer_reference_params: list[str] = ["mask_input"]  # noqa: RUF012 - scripts' classes set it

    def __init__(self, layers: Any, *args: object, **kwargs: Any) -> None:
        self.layers = [layers] if isinstance(layers, Layer) else list(layers)
        self.more_params: Mapping[str, Any] = kwargs.pop("more_params", None) or {}
        self.regression, self.verbose = False, 0
        vars(self).update(kwargs)
        self._options = {**kwargs, **self.more_params}
        self.layers_ = Layers()
        self.train_history_: list[object] = []

    def initialize(self) -> None:
        """Make the layers, unless that was done before."""
        if self.layers_:
            return
        self.initialize_layers()
        beginnings = (*PREFIXES, *(f"{name}_" for name in self.layers_))
        unused = [
            name
            for name in self._options
            if name not in SETTINGS and not name.startswith(beginnings)
        ]
        if unused:
            raise ScriptError(f"NeuralNet is given {unused[0]}, and has no layer of that name")

    def initialize_layers(self, layers: Any = None) -> list[Layer]:
        """Make the layers, and return those of the output."""
        if layers is not None:
            self.layers = list(layers)
        self.layers_ = Layers()
        if isinstance(self.layers[0], Layer):
            self._keep_layers()
            self._output_layers: list[Layer] = list(self.layers)
        else:
            for place, definition in enumerate(self.layers):
                self._add_layer(place, definition)
            self._output_layers = [self.layers_[-1]]
        self._output_layer = self._output_layers[-1]
        return self._output_layers

    def _keep_layers(self) -> None:
        """Name the layers that were given as such."""
        for output in self.layers:
            for place, layer in enumerate(get_all_layers(output)):
                name = layer.name or _name(type(layer), place)
                if layer not in self.layers_.values():
                    self.layers_[name] = layer
                if self._options_of(name):
                    raise ScriptError(f"the layer {name} is there already and takes no options")

    def _options_of(self, name: str) -> dict[str, Any]:
        prefix = f"{name}_"
        return {
            key.removeprefix(prefix): value
            for key, value in self._options.items()
            if key.startswith(prefix) and key not in SETTINGS
        }

    def _add_layer(self, place: int, definition: Any) -> None:
        """Make a layer of its class and options, or of its name and class."""
        first, second = definition
        named = not isinstance(second, Mapping)
        make, options = (second, {"name": first}) if named else (first, dict(second))
        if isinstance(make, str):
            make = pydoc.locate(make)
        options.setdefault("name", _name(make, place))
        name = options["name"]
        options |= self._options_of(name)
        if name in self.layers_:
            raise ScriptError(f"two layers are called {name}")
        if not (isinstance(make, type) and issubclass(make, LAYERS["InputLayer"])):
            self._connect(options)
        for parameter in ("W", "b"):
            if isinstance(options.get(parameter), str):  # another layer's
                options[parameter] = getattr(self.layers_[options[parameter]], parameter, None)
        wrap = options.pop("layer_wrapper", None)
        self.layers_[name] = make(**options)
        if wrap is not None:
            self.layers_[f"LW_{name}"] = wrap(self.layers_[name])

    def _connect(self, options: dict[str, Any]) -> None:
        """Replace names of layers by layers; what feeds a layer is by default the one before."""
        if "incomings" in options:
            options["incomings"] = [self.layers_[name] for name in options["incomings"]]
        elif "incoming" in options:
            options["incoming"] = self.layers_[options["incoming"]]
        else:
            options["incoming"] = self.layers_[-1]
        for option in self.layer_reference_params:
            if isinstance(options.get(option), str):
                options[option] = self.layers_[options[option]]

    def layers_of_output(self) -> dict[str, Layer]:
        """Return the layers that the output needs, by name."""
        needed = set(get_all_layers(self._output_layers))
        return {name: layer for name, layer in self.layers_.items() if layer in needed}

    def get_all_layers(self) -> list[Layer]:
        """Return the layers, in the order of their definitions."""
        return list(self.layers_.values())

    def get_all_params(self, **tags: bool) -> list[Symbol]:
        """Return the parameters of all layers, each once."""
        return list(
            dict.fromkeys(p for layer in self.get_all_layers() for p in layer.get_params(**tags))
        )

    def get_all_params_values(self) -> dict[str, list[Array]]:
        """Return the parameters' values by layer."""
        return OrderedDict(
            (name, [param.get_value() for param in _shared(layer)])
            for name, layer in self.layers_.items()
        )

    def load_params_from(self, source: Any) -> None:
        """Set parameters to those of a file, a net or a dict; layers of other names stay."""
        self.initialize()
        for name, values in _by_layer(source).items():
            if name not in self.layers_:
                continue
            params = _shared(self.layers_[name])
            given = [np.asarray(value) for value in values]
            shapes = [param.get_value().shape for param in params]
            if shapes != [value.shape for value in given]:
                # nolearn leaves such parameters as they were.
                found = [value.shape for value in given]
                raise ScriptError(f"parameters of {found} are loaded to {name}, which has {shapes}")
            for param, value in zip(params, given, strict=True):
                param.set_value(value)

    load_weights_from = load_params_from

    def __getattr__(self, name: str) -> Any:
        if name not in COMPUTING:
            raise AttributeError(name)
        raise ScriptError(f"the script asks for {name} of a net, and nothing computes here")


def _shared(layer: Layer) -> list[SharedVariable]:
    return [param for param in layer.get_params() if isinstance(param, SharedVariable)]


def _name(make: Any, place: int) -> str:
    return f"{make.__name__.lower().replace('layer', '')}{place}"


def _by_layer(source: Any) -> Mapping[str, Any]:
    if isinstance(source, NeuralNet):
        return source.get_all_params_values()
    if isinstance(source, Mapping):
        return source
    if isinstance(source, (list, tuple)):
        raise ScriptError(
            "parameters are loaded from a list, as before nolearn 0.6; give its file beside the "
            "script (params=, --params)"
        )
    saved = read_parameters(source)
    if saved.order != "by layer":
        raise ScriptError(f"{source}: parameters by layer are expected, these are {saved.order}")
    found: dict[str, list[Array]] = {name: [] for name in saved.layers}
    for name, value in zip(saved.keys, saved.values, strict=True):
        found[name].append(value)
    return found


class _Setting:
    """Something that only concerns training; scripts derive from its classes."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        vars(self).update(kwargs)


def _settings(module: str, *names: str) -> Iterator[tuple[str, object]]:
    for name in names:
        yield name, type(name, (_Setting,), {"__module__": f"nolearn.lasagne.{module}"})


def grad_scale(layer: Layer, scale: float) -> Layer:
    """Stand in for ``nolearn.lasagne.grad_scale``, which matters in training."""
    return layer


NOLEARN: Mapping[str, object] = {
    "Layers": Layers,
    "NeuralNet": NeuralNet,
    "grad_scale": grad_scale,
    "objective": Function("nolearn.lasagne.base.objective"),
    "negative_log_likelihood": Function("nolearn.lasagne.negative_log_likelihood"),
    **dict(_settings("base", "BatchIterator", "LegacyTrainTestSplit", "TrainSplit")),
    **dict(
        _settings(
            "handlers",
            *("PrintLayerInfo", "PrintLog", "RememberBestWeights", "RestoreBestWeights"),
            *("SaveWeights", "WeightLog"),
        )
    ),
}

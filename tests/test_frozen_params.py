"""Parameters that Lasagne does not train are not trained by Keras either."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

import lasport
from lasport.spec import Layer, Network

NET = Path(lasport.__file__).parent / "data" / "digits_bn.pkl"

# Names of the parameters that lose their tag, and the profile to try it under.
CASES = [
    (("W",), "stock"),
    (("b",), "exact"),
    (("gamma",), "stock"),
    (("beta",), "exact"),
    (("beta", "gamma"), "stock"),
    (("W", "b"), "exact"),
]


def freeze(network: Network, names: tuple[str, ...]) -> Network:
    def thaw_not(layer: Layer) -> Layer:
        params = {
            name: replace(param, tags=param.tags - {"trainable"}) if name in names else param
            for name, param in layer.params.items()
        }
        return replace(layer, params=MappingProxyType(params))

    return replace(network, layers=tuple(map(thaw_not, network.layers)))


@pytest.mark.parametrize(("names", "profile"), CASES)
def test_frozen_parameters_are_frozen_and_averages_still_move(
    names: tuple[str, ...], profile: str, tmp_path: Path
) -> None:
    import keras

    network = freeze(lasport.load(NET), names)
    model = lasport.to_keras(network, profile=profile)
    model.save(tmp_path / "net.keras")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    trained = sum(param.trainable for _, param in network.owned_params())
    assert len(loaded.trainable_weights) == trained
    assert lasport.verify(network, loaded)


def test_nothing_is_cut_up_where_all_parameters_are_trained() -> None:
    model = lasport.to_keras(lasport.load(NET))
    assert model.get_layer("probabilities").use_bias
    assert all(layer.trainable for layer in model.layers)

"""The stand-ins' signatures are Lasagne's own."""

from __future__ import annotations

import ast
import inspect
import json
import os
from pathlib import Path

import pytest

from lasport import registry
from lasport.readers.standins.declarations import DECLARATIONS
from lasport.readers.standins.helpers import ALIASES, HELPERS
from lasport.readers.standins.layers import LAYERS
from lasport.readers.standins.modules import standing_in
from lasport.readers.standins.parts import INIT, NONLINEARITIES

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.fixture(scope="module")
def api():
    path = Path(os.environ.get("LASPORT_API", ROOT / "shared" / "lasagne_api.json"))
    if not path.is_file():
        pytest.skip(f"no list of Lasagne's public names at {path}; LASPORT_API can name another")
    return json.loads(path.read_text())


def parameters(text):
    """Return names with their defaults, those that are no plain values as None."""
    (function,) = ast.parse(f"def f{text}: pass").body
    names = [argument.arg for argument in function.args.args]
    plain = list(map(plain_value, function.args.defaults))
    required = len(names) - len(plain)
    return dict(zip(names, [inspect.Parameter.empty] * required + plain, strict=True))


def plain_value(node):
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def as_tuple(value):
    return tuple(value) if isinstance(value, list) else value


def test_layers_take_what_lasagnes_take(api):
    checked = 0
    for module, content in api["0.2.dev1"].items():
        for name, described in content["names"].items():
            kind = f"{module}.{name}"
            if kind not in DECLARATIONS or "__init__" not in described:
                continue
            expected = parameters(described["__init__"])
            found = {
                key: parameter.default
                for key, parameter in inspect.signature(LAYERS[name]).parameters.items()
                if key != "kwargs"
            }
            assert list(found) == list(expected), kind
            for key, default in expected.items():
                if default is not None:
                    assert found[key] == as_tuple(default), (kind, key)
            checked += 1
    assert checked > 55


def test_every_class_of_lasagnes_has_its_stand_in():
    newest = {*registry.families(), *registry.refusals()}
    of_01 = {"lasagne.layers.dense.NonlinearityLayer"}  # moved to special since
    bases = {"lasagne.layers.corrmm.MMLayer", "lasagne.layers.cuda_convnet.CCLayer"}
    own = {kind for kind in newest if not kind.startswith("lasagne.")}
    made = {f"{value.__module__}.{name}" for name, value in LAYERS.items()}
    assert newest - of_01 - bases - own <= made


def test_functions_of_lasagne_layers_are_there(api):
    layers = [m for m in api["0.2.dev1"] if m.startswith("lasagne.layers")]
    functions = {
        name
        for module in layers
        for name in api["0.2.dev1"][module]["__all__"] or ()
        if name not in LAYERS
    }
    inner = {"pool_output_length", "conv_output_length", "conv_input_length", "autocrop"}
    inner |= {"autocrop_array_shapes", "pool_2d", "pool_3d"}
    assert functions - {*HELPERS, *ALIASES} - inner == set()


@pytest.mark.parametrize("part", ("init", "nonlinearities"))
def test_parts_are_complete(api, part):
    names = set(api["0.2.dev1"][f"lasagne.{part}"]["names"])
    assert names - {"Initializer"} <= {*INIT, *NONLINEARITIES}


def test_selu_has_lasagnes_constants():
    from tests.golden_records import load_case

    recorded = load_case("nonlinearity_selu").network.layers[-1].attributes.nonlinearity.constants
    made = NONLINEARITIES["selu"]
    assert (made.scale, made.scale_neg) == (recorded["scale"], recorded["scale_neg"])


def test_the_real_lasagne_is_only_hidden_for_a_while():
    with standing_in():
        import lasagne

        assert lasagne.__version__ == "0.2.dev1"
        assert lasagne.layers.DenseLayer is LAYERS["DenseLayer"]
        with pytest.raises(AttributeError):
            lasagne.layers.Conv2DDNNLayer  # noqa: B018 - needs a module of its own

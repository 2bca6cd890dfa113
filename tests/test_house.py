"""Rules of the house: every class of Lasagne's is answered for, every golden record is used."""

from __future__ import annotations

import ast
import dataclasses
import json
import os
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest

from lasport import layers, registry
from lasport.registry import Family
from tests.golden_records import families, load_case

HERE = Path(__file__).parent
PACKAGE = Path(layers.__file__).parent

# Class paths by version of Lasagne: what lasagne.layers exports.
EXPORTED: dict[str, list[str]] = json.loads((HERE / "data" / "lasagne_layers.json").read_text())

# Files of lasport/layers that declare no classes of Lasagne's, and what they are there for.
NO_FAMILY = {
    "filters": "what layers with filters have in common",
    "theano_functions": "Theano's own functions, as files name them",
    "recurrence": "what recurrent layers have in common",
    "sampling": "what spatial transformers have in common",
    "values": "readers of attribute values",
    "windows": "windows of arrays, for the references",
}

# Ported classes that no golden record has, and why.
WITHOUT_RECORD = {
    "lasagne.layers.corrmm.Conv2DMMLayer": "runs on a GPU only",
    "lasagne.layers.cuda_convnet.Conv2DCCLayer": "runs on a GPU only",
    "lasagne.layers.cuda_convnet.MaxPool2DCCLayer": "runs on a GPU only",
    "lasagne.layers.cuda_convnet.NINLayer_c01b": "runs on a GPU only",
    "lasagne.layers.cuda_convnet.ShuffleBC01ToC01BLayer": "runs on a GPU only",
    "lasagne.layers.cuda_convnet.ShuffleC01BToBC01Layer": "runs on a GPU only",
    "lasagne.layers.dense.NonlinearityLayer": "Lasagne 0.1's path of special.NonlinearityLayer",
    "lasagne.layers.dnn.BatchNormDNNLayer": "runs on a GPU only",
    "lasagne.layers.dnn.Conv2DDNNLayer": "runs on a GPU only",
    "lasagne.layers.dnn.Conv3DDNNLayer": "runs on a GPU only",
    "lasagne.layers.dnn.MaxPool2DDNNLayer": "runs on a GPU only",
    "lasagne.layers.dnn.MaxPool3DDNNLayer": "runs on a GPU only",
    "lasagne.layers.dnn.Pool2DDNNLayer": "runs on a GPU only",
    "lasagne.layers.dnn.Pool3DDNNLayer": "runs on a GPU only",
    "lasagne.layers.dnn.SpatialPyramidPoolingDNNLayer": "runs on a GPU only",
}


# --- classes


@pytest.mark.parametrize("version", EXPORTED)
def test_every_class_that_lasagne_exports_is_ported_or_refused(version):
    answered = registry.families().keys() | registry.refusals().keys()
    assert set(EXPORTED[version]) - answered == set()


def test_no_class_is_made_up():
    known = {kind for kinds in EXPORTED.values() for kind in kinds}
    assert (registry.families().keys() | registry.refusals().keys()) - known == set()


@pytest.mark.parametrize("kind", registry.refusals())
def test_a_refusal_says_what_to_do(kind):
    assert len(registry.refusals()[kind].split()) > 5


def test_the_list_of_exports_is_lasagnes():
    """Compare with the public names of both versions, where the list of those is at hand."""
    default = HERE.parent.parent / "shared" / "lasagne_api.json"
    path = Path(os.environ.get("LASPORT_API", default))
    if not path.is_file():
        pytest.skip(f"no list of Lasagne's public names at {path}; LASPORT_API can name another")
    names = json.loads(path.read_text())
    assert {version: sorted(exports(modules)) for version, modules in names.items()} == EXPORTED


def exports(modules: dict[str, dict[str, dict[str, object]]]) -> Iterator[str]:
    """Yield the classes, aliases left out, that the modules of lasagne.layers export."""
    for module, content in modules.items():
        if module.startswith("lasagne.layers"):
            public = content["__all__"] or ()
            for name, description in content["names"].items():
                if name in public and "bases" in description:
                    yield f"{module}.{name}"


# --- files


def test_every_file_of_a_family_is_imported_and_registers_something():
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"} - NO_FAMILY.keys()
    assert files == set(layers.__all__)
    assert [name for name in sorted(files) if not registers(PACKAGE / f"{name}.py")] == []


def test_the_exceptions_declare_no_family():
    assert [name for name in NO_FAMILY if registers(PACKAGE / f"{name}.py")] == []


def registers(path: Path) -> bool:
    calls = (
        node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
    )
    return any(isinstance(call, ast.Name) and call.id in ("register", "refuse") for call in calls)


def test_every_file_has_its_tests():
    tested = {path.stem.removeprefix("test_") for path in (HERE / "layers").glob("test_*.py")}
    assert {path.stem for path in PACKAGE.glob("*.py")} - {
        "__init__",
        "recurrence",
        "theano_functions",
        "windows",
    } <= tested


# --- families


@pytest.fixture(params=registry.families().items(), ids=registry.families())
def declared(request) -> tuple[str, Family]:
    return request.param


def test_attributes_are_frozen_and_read_by_name(declared):
    _, family = declared
    assert dataclasses.is_dataclass(family.attributes)
    assert family.attributes.__dataclass_params__.frozen
    for item in dataclasses.fields(family.attributes):
        assert item.metadata.keys() == {"read", "absent", "formerly"}
    names = {item.name for item in dataclasses.fields(family.attributes)}
    assert family.absent.keys() <= names


def test_every_function_says_what_it_does(declared):
    _, family = declared
    for function in (family.output_shape, family.reference, family.translate):
        assert function.__doc__


# --- golden records


def test_every_ported_class_has_a_record_or_a_reason():
    recorded = {layer.kind for name in families() for layer in load_case(name).network.layers}
    assert registry.families().keys() - recorded == WITHOUT_RECORD.keys()


def test_every_golden_record_is_used_once():
    used: list[str] = []
    for path in sorted((HERE / "layers").glob("test_*.py")):
        tables = runpy.run_path(str(path))
        used += [*tables.get("RECORDS", ()), *tables.get("REFUSED_RECORDS", ())]
    assert sorted(used) == sorted(families())

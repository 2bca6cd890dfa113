"""Scripts: they build the very model, run by themselves, and look as somebody wrote them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import keras
import numpy as np
import pytest

import lasport
from lasport.errors import UsageError
from lasport.oracles.reference import draw_inputs
from lasport.targets.keras_calls import PROFILES
from lasport.targets.keras_port import KerasPort
from lasport.targets.keras_script import write_script
from tests.golden_records import GOLDEN, REFUSED, families, load_case

# In all families; the whole nets among them, and what takes several calls or layers in layers.
FEW = ("net_digits", "net_odd_names", "net_shared_weights", "net_two_inputs_two_outputs")
FEW += ("custom_images", "tied_conv", "inverse_conv2d", "lstm_bare_hid_init", "scale_shared_0_1")


def written(net, tmp_path, **options):
    model = lasport.to_keras(net, name="net", **options)
    write_script(model, tmp_path / "net.py")
    return model, (tmp_path / "net.py").read_text(encoding="utf-8")


def run(source, path):
    names = {"__name__": "net", "__file__": str(path / "net.py")}
    exec(compile(source, "net.py", "exec"), names)
    return names["load"]()


def cases():
    for number, name in enumerate(sorted(set(families()) - {*REFUSED, *FEW})):
        yield pytest.param(name, PROFILES[number % 2], marks=pytest.mark.full)
    yield from ((name, profile) for name in FEW for profile in PROFILES)


@pytest.mark.parametrize(("name", "profile"), tuple(cases()))
def test_script_computes_bit_for_bit_what_the_model_does(name, profile, tmp_path):
    net = load_case(name).network
    model, source = written(net, tmp_path, profile=profile)
    again = run(source, tmp_path)
    inputs = draw_inputs(net, 3)[0]
    expected, found = (KerasPort(each, net).run(inputs) for each in (model, again))
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_script_reads_like_one(tmp_path):
    net = lasport.load(GOLDEN / "net_lenet_float32.pkl.bz2")
    source = lasport.to_source(net, name="lenet")
    assert (GOLDEN.parent / "targets" / "lenet.py.txt").read_text(encoding="utf-8") == source


def test_own_layers_are_named_at_the_top(tmp_path):
    net = lasport.load(GOLDEN / "net_digits_float32.pkl.bz2")
    head = lasport.to_source(net, profile="exact").partition("def build")[0]
    said = "lasport is needed, for: InvStdBatchNormalization, Nonlinearity, Pooling."
    assert said in " ".join(head.split())
    assert "from lasport import keras_layers\n" in head


def test_names_of_layers_cannot_break_out_of_their_comments(tmp_path, monkeypatch):
    net = lasport.load(GOLDEN / "net_digits_float32.pkl.bz2")
    hostile = 'x"""\nraise SystemExit("run") #\u2028 \''
    renamed = replace(net.layers[1], name=hostile)
    others = [
        replace(x, incoming=tuple(hostile if i == net.layers[1].name else i for i in x.incoming))
        for x in net.layers[2:]
    ]
    net = replace(net, layers=(net.layers[0], renamed, *others))
    _, source = written(net, tmp_path)
    assert run(source, tmp_path).count_params() > 0


def test_order_of_axes_is_looked_at(tmp_path, monkeypatch):
    _, source = written(lasport.load(GOLDEN / "net_digits_float32.pkl.bz2"), tmp_path)
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(RuntimeError, match="set Keras' image_data_format to channels_last"):
            run(source, tmp_path)
    finally:
        keras.config.set_image_data_format(before)


def test_other_models_have_no_script(tmp_path):
    x = keras.Input((3,))
    with pytest.raises(UsageError, match="only a model that lasport built"):
        write_script(keras.Model(x, keras.layers.Dense(2)(x)), tmp_path / "net.py")


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_scripts_are_formatted(tmp_path):
    for name in families():
        net = load_case(name).network
        for profile in PROFILES if name not in REFUSED else ():
            source = lasport.to_source(net, profile=profile, name=name)
            (tmp_path / f"{name}_{profile}.py").write_text(source, encoding="utf-8")
    for command in (["format", "--diff"], ["check", "--select", "E,F,I,W"]):
        subprocess.run(["ruff", *command, "--isolated", "--no-cache"], cwd=tmp_path, check=True)

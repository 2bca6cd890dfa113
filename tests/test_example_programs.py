"""The Keras sides of the examples are run, and print what their READMEs show."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

import lasport
from lasport import cli, theano_compat
from lasport.errors import MissingDependencyError
from tests.example_output import assert_same_output, shown_output

EXAMPLES = Path(__file__).parent.parent / "examples"
PROGRAMS = (
    "resnet/keras_net.py",
    "nolearn/keras_net.py",
    "diagnose/broken_port.py",
    pytest.param("phone/phone.py", marks=pytest.mark.full),
)
# Of quantized files, which round as the machine's instructions do.
SLACK = {"phone/phone.py": 5}


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs were expected:UserWarning")
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_print_what_their_readmes_show(program, tmp_path, monkeypatch, capsys):
    path = EXAMPLES / program
    output = ["--output", str(tmp_path)] if '"--output"' in path.read_text("utf-8") else []
    monkeypatch.setattr(sys, "argv", [str(path), *output])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(path.parent))
    runpy.run_path(str(path), run_name="__main__")
    sys.modules.pop("drawn", None)
    shown = shown_output(path.with_name("README.md"))
    assert_same_output(capsys.readouterr().out, shown, slack=SLACK.get(program, 0))


def test_the_output_of_a_program_is_compared():
    shown = "equal: 390 of 397, off by 6.0e-07 and 0.94\n"
    assert_same_output("equal: 390 of 397, off by 3e-07 and 0.95\n", shown)
    assert_same_output("equal: 389 of 397, off by 6e-07 and 0.94\n", shown, slack=1)
    for other in (
        "different: 390 of 397, off by 6.0e-07 and 0.94\n",
        "equal: 389 of 397, off by 6.0e-07 and 0.94\n",
        "equal: 390 of 397, off by 9.0e-06 and 0.94\n",
        "equal: 390 of 397, off by 6.0e-07 and 0.74\n",
        "equal: 390 of 397, off by 6.0e-07\n",
    ):
        with pytest.raises(AssertionError):
            assert_same_output(other, shown)


@pytest.mark.parametrize("name", ("resnet/resnet.npz", "nolearn/net.pkl"))
def test_what_lasagne_wrote_is_small_and_names_no_folder(name):
    content = (EXAMPLES / name).read_bytes()
    assert len(content) < 300_000
    assert re.search(rb"/(home|root|tmp|usr|work)/", content) is None


def test_lasagne_computes_the_recorded_probabilities_of_the_residual_net():
    try:
        theano_compat.install(optimizer="None")
    except MissingDependencyError as error:
        pytest.skip(f"{error}; predicted.npz holds what Lasagne computed")
    lasagne = importlib.import_module("lasagne")
    if not hasattr(lasagne.layers, "batch_norm"):
        pytest.skip("needs Lasagne 0.2.dev1, from its repository; predicted.npz holds what it said")
    spec = importlib.util.spec_from_file_location("resnet", EXAMPLES / "resnet" / "resnet.py")
    assert spec is not None
    assert spec.loader is not None
    resnet = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(resnet)
    theano = importlib.import_module("theano")
    before, theano.config.floatX = theano.config.floatX, "float32"
    try:
        net = resnet.build_model()
        with np.load(EXAMPLES / "resnet" / "resnet.npz") as archive:
            values = [archive[f"arr_{i}"] for i in range(len(archive.files))]
        lasagne.layers.set_all_param_values(net, values)
        inputs = lasagne.layers.get_all_layers(net)[0].input_var
        predict = theano.function([inputs], lasagne.layers.get_output(net, deterministic=True))
        found = predict(resnet.load_dataset()[0][:29])
    finally:
        theano.config.floatX = before
    with np.load(EXAMPLES / "resnet" / "predicted.npz") as predicted:
        np.testing.assert_allclose(found, predicted["probabilities"][:29], atol=2e-6)


# --- serving

# TensorFlow alone: an import of either is an error.
ALONE = """
import runpy, sys
sys.modules.update(lasport=None, keras=None)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def commands(tmp_path, monkeypatch) -> list[list[str]]:
    """Copy what the example needs, go there, and return the commands of its README."""
    for name in ("resnet", "serving"):
        shutil.copytree(EXAMPLES / name, tmp_path / "examples" / name)
    (tmp_path / "lasport").symlink_to(Path(lasport.__file__).parent)
    monkeypatch.chdir(tmp_path / "examples" / "serving")
    readme = Path("README.md").read_text("utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", readme, re.M | re.S)
    return [shlex.split(line) for line in block.splitlines()]


def failure(url: str, body: bytes) -> tuple[int, str]:
    with pytest.raises(HTTPError) as caught:
        urlopen(url, body)
    with caught.value as error:
        return error.code, json.load(error)["error"]


@pytest.mark.full
def test_a_saved_model_is_served_without_lasport_and_keras(commands, run_python):
    make_directory, convert, serve, ask = commands
    subprocess.run(make_directory, check=True)
    assert cli.main(convert[1:]) == 0
    assert serve[-2:] == ["8501", "&"]
    with subprocess.Popen(
        [sys.executable, "-c", ALONE, *serve[1:-2], "0"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            url = server.stdout.readline().strip()
            result = run_python(*ask[1:-1], url, cwd=Path.cwd())
            wrong_name = failure(url.replace("digits:", "others:"), b"{}")
            wrong_shape = failure(url, b'{"instances": [[[[1, 2]]]]}')
            wrong_key = failure(url, b'{"images": []}')
        finally:
            server.kill()
    assert result.returncode == 0, result.stderr
    assert_same_output(result.stdout, shown_output(Path("README.md")))
    assert ask[-1] == re.sub(r":\d+/", ":8501/", url)
    assert wrong_name == (404, "there is nothing at /v1/models/others:predict")
    assert wrong_shape == (400, "the instances are (1, 1, 1, 2), and not (None, 1, 8, 8)")
    assert wrong_key[0] == 400

"""What needs no framework works where none can be imported, each check in a fresh process."""

from __future__ import annotations

import json
import pkgutil

import pytest

import lasport
from lasport import demo

# Prepended to every program: as if the four were not installed.
BLOCK = """
import importlib.abc
import sys


class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "theano", "lasagne"}:
            raise ImportError(f"blocked: {name}")
        return None


sys.meta_path.insert(0, Blocker())
"""

IMPORT_EACH = """
import importlib
import json

blocked = {}
for name in NAMES:
    try:
        importlib.import_module(name)
    except ImportError as error:
        blocked[name] = str(error)
print(json.dumps(blocked))
"""

# Modules that import a framework at module level, and why they may.
NEED_A_FRAMEWORK = {
    "lasport.keras_layers": "defines subclasses of keras.layers.Layer",
    "lasport.targets.exports": "writes keras models for other programs",
    "lasport.targets.given_noise": "defines subclasses of keras.layers.Layer",
    "lasport.targets.keras_backward": "differentiates keras models layer by layer",
    "lasport.targets.keras_copy": "copies keras models for the comparison",
    "lasport.targets.keras_dissection": "takes keras models apart for the diagnosis",
    "lasport.targets.keras_features": "builds the keras.Model of some layers",
    "lasport.targets.keras_file": "saves and loads keras models",
    "lasport.targets.keras_gradients": "differentiates with TensorFlow's tape; Keras has none",
    "lasport.targets.keras_model": "builds the keras.Model",
    "lasport.targets.keras_own": "makes the Keras layers of users",
    "lasport.targets.keras_port": "runs keras models for the comparison",
    "lasport.targets.keras_script": "writes keras models as scripts",
    "lasport.targets.keras_session": "runs copies of keras models for the comparison",
    "lasport.targets.keras_whole": "runs keras models with a call() of their own",
    "lasport.targets.saved_model": "runs SavedModels for the diagnosis",
    "lasport.targets.tf1_graph": "builds graphs of tf.compat.v1",
    "lasport.targets.tf1_layer": "runs keras layers in graphs of tf.compat.v1",
    "lasport.targets.tf1_program": "runs programs of TensorFlow 1 for comparison and diagnosis",
    "lasport.targets.checkpoint": "reads checkpoints for the diagnosis",
    "lasport.targets.keras_tape": "makes the calls of keras layers one by one",
    "lasport.targets.keras_walk": "walks through copies of keras models",
}

# A build script and its parameters, written where the process runs.
SCRIPT = """
from pathlib import Path
import numpy as np
import lasport
Path("model.py").write_text('''
import lasagne, theano.tensor as T
def build():
    net = lasagne.layers.InputLayer((None, 3), T.matrix('x'))
    return lasagne.layers.DenseLayer(net, 2, nonlinearity=T.tanh)
''')
np.savez("model.npz", np.ones((3, 2)), np.ones(2))
assert len(lasport.load("model.py:build", params="model.npz").param_values()) == 2
"""

WITHOUT_FRAMEWORK = {
    "import lasport": "import lasport",
    "lasport --help": "from lasport.cli import main; main(['--help'])",
    "lasport --version": "from lasport.cli import main; main(['--version'])",
    "lasport inspect": "from lasport.cli import main; sys.exit(main(['inspect', NET]))",
    "lasport record": "from lasport.cli import main; "
    "sys.exit(main(['record', NET, '-o', 'record.npz', '--oracle', 'reference']))",
    "lasport.load": "import lasport; lasport.load(NET).param_values()",
    "lasport.load of a build script": SCRIPT,
}


def needs_a_framework(name: str) -> bool:
    return any(name == known or name.startswith(f"{known}.") for known in NEED_A_FRAMEWORK)


@pytest.fixture(scope="module")
def blocked_imports(run_python, tmp_path_factory) -> dict[str, str]:
    """Return, per submodule that cannot be imported without a framework, the error."""
    names = ["lasport"]
    names += [module.name for module in pkgutil.walk_packages(lasport.__path__, "lasport.")]
    program = f"{BLOCK}\nNAMES = {names!r}\n{IMPORT_EACH}"
    result = run_python("-c", program, cwd=tmp_path_factory.mktemp("bare"))
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_blocker_blocks(run_python, tmp_path):
    for framework in ("tensorflow", "keras", "theano", "lasagne"):
        result = run_python("-c", f"{BLOCK}\nimport {framework}", cwd=tmp_path)
        assert f"blocked: {framework}" in result.stderr


def test_every_other_submodule_imports_without_a_framework(blocked_imports):
    surprises = {
        name: error for name, error in blocked_imports.items() if not needs_a_framework(name)
    }
    assert surprises == {}


@pytest.mark.parametrize("name", NEED_A_FRAMEWORK)
def test_the_list_of_exceptions_is_true(name, blocked_imports):
    assert "blocked: " in blocked_imports[name]


@pytest.mark.parametrize("program", WITHOUT_FRAMEWORK.values(), ids=WITHOUT_FRAMEWORK)
def test_works_without_a_framework(program, run_python, tmp_path):
    net = str(demo.paths().net)
    result = run_python("-c", f"{BLOCK}\nNET = {net!r}\n{program}", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "blocked: " not in result.stderr


def test_inspect_loads_no_framework_where_they_are_installed(run_python, tmp_path):
    program = f"""
import sys
from lasport.cli import main

status = main(["inspect", {str(demo.paths().net)!r}])
loaded = {{"tensorflow", "keras", "theano", "lasagne"}} & set(sys.modules)
sys.exit(status or bool(loaded))
"""
    result = run_python("-c", program, cwd=tmp_path)
    assert result.returncode == 0, result.stderr

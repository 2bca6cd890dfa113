"""The modules ``lasagne``, ``theano`` and ``nolearn``, in place while a build script runs."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from lasport.errors import ScriptError
from lasport.readers.standins.bases import make_param
from lasport.readers.standins.choices import CHOICES, ON_GPU, Choices
from lasport.readers.standins.declarations import DECLARATIONS
from lasport.readers.standins.helpers import ALIASES, HELPERS
from lasport.readers.standins.layers import LAYERS
from lasport.readers.standins.nolearn import NOLEARN
from lasport.readers.standins.parts import INIT, NONLINEARITIES, UTILS
from lasport.readers.standins.symbols import CONFIG, function_named, make_tensor, shared

__all__ = ["standing_in"]

# Where Python 2's standard library has gone.
RENAMED = {
    "__builtin__": "builtins",
    "ConfigParser": "configparser",
    "copy_reg": "copyreg",
    "cPickle": "pickle",
    "cStringIO": "io",
    "Queue": "queue",
    "StringIO": "io",
    "urllib2": "urllib.request",
}
# What the real modules import by themselves.
CHILDREN = {
    "lasagne": (
        *("init", "layers", "nonlinearities", "objectives", "random", "regularization"),
        *("theano_extensions", "updates", "utils"),
    ),
    "lasagne.layers": (
        *("base", "conv", "dense", "embedding", "helper", "input", "local", "merge", "noise"),
        *("normalization", "pool", "recurrent", "shape", "special"),
    ),
    "lasagne.theano_extensions": ("conv", "padding"),
    "nolearn.lasagne": ("base", "handlers", "util"),
    "theano": ("compile", "gof", "gradient", "sandbox", "tensor"),
    "theano.sandbox": ("rng_mrg",),
    "theano.tensor": ("extra_ops", "nnet", "shared_randomstreams", "signal"),
    "theano.tensor.signal": ("downsample", "pool"),
}
FUNCTIONS = (
    *("lasagne.objectives", "lasagne.regularization", "lasagne.updates", "lasagne.utils"),
    "lasagne.theano_extensions",
)
LAYER_MODULES = {
    "lasagne.layers.base",
    "lasagne.layers.helper",
    *(kind.rpartition(".")[0] for kind in DECLARATIONS),
}
EVERYTHING = {**LAYERS, **{alias: LAYERS[of] for alias, of in ALIASES.items()}, **HELPERS}
# Only to be had from the modules that need a GPU, which scripts try and do without.
OWN_MODULE = {name for name, value in EVERYTHING.items() if value.__module__.endswith(ON_GPU)} | {
    "batch_norm_dnn"
}
GPU_QUESTIONS = {"dnn_enabled": lambda: True, "gpu_enabled": lambda: True}


@contextmanager
def standing_in(choices: Choices | None = None) -> Iterator[None]:
    """Let imports find the stand-ins; afterwards everything is as it was."""
    chosen = CHOICES.set(choices or Choices())
    replaced = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    for name in replaced:
        del sys.modules[name]
    before = vars(CONFIG).copy()
    first, last = _Finder(), _Substitutes()
    sys.meta_path.insert(0, first)
    sys.meta_path.append(last)
    try:
        yield
    finally:
        sys.meta_path.remove(first)
        sys.meta_path.remove(last)
        for name, module in list(sys.modules.items()):
            if _is_ours(name) or isinstance(module, _Absent):
                del sys.modules[name]
        sys.modules.update(replaced)
        vars(CONFIG).update(before)
        CHOICES.reset(chosen)


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in MODULES


class _Loader(importlib.abc.Loader):
    """Hands out a module that exists already, and imports what the real one imports."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        for child in CHILDREN.get(module.__name__, ()):
            importlib.import_module(f"{module.__name__}.{child}")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the libraries that are stood in for with all below them, before anybody else."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not _is_ours(name):
            return None
        module = MODULES[name.partition(".")[0]](name)
        if module is None:
            return None
        module.__path__ = []
        return importlib.machinery.ModuleSpec(name, _Loader(module), is_package=True)


class _Substitutes(importlib.abc.MetaPathFinder):
    """Finds what nobody else has: Python 2's modules, and those that are not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in RENAMED:
            loader = _Loader(importlib.import_module(RENAMED[name]))
            return importlib.machinery.ModuleSpec(name, loader)
        parent = sys.modules.get(name.rpartition(".")[0])
        if "." in name and not isinstance(parent, _Absent):
            return None
        return importlib.machinery.ModuleSpec(name, _Loader(_Absent(name)), is_package=True)


class _Absent(ModuleType):
    """A module that is not installed: a script may import it, as long as it does not use it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Missing(f"{self.__name__}.{name}")


class _Missing:
    """Something of a module that is not installed."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __getattr__(self, name: str) -> _Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Missing(f"{self.path}.{name}")

    def __call__(self, *args: object, **kwargs: object) -> object:
        raise ScriptError(f"{self.path} is called, and {self.path.partition('.')[0]} is missing")


class _Functions(ModuleType):
    """A module in which every name that is not known better is a function that notes its calls."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__name__ == "theano.tensor" and (make := make_tensor(name)) is not None:
            return make
        return function_named(f"{self.__name__}.{name}")


def _theano(name: str) -> ModuleType:
    """Return any module of Theano's."""
    module = _Functions(name)
    if name == "theano":
        vars(module).update(config=CONFIG, shared=shared, __version__="1.0.5")
    if name == "theano.tensor":
        vars(module).update(shared=shared)
    return module


def _lasagne(name: str) -> ModuleType | None:
    """Return a module of Lasagne's, or None if there is none of the name."""
    modules: Mapping[str, Mapping[str, Any]] = {
        "lasagne": {"__version__": CHOICES.get().release},
        "lasagne.init": INIT,
        "lasagne.layers": {n: v for n, v in EVERYTHING.items() if n not in OWN_MODULE},
        "lasagne.nonlinearities": NONLINEARITIES,
        "lasagne.random": {"get_rng": lambda: np.random, "set_rng": lambda rng: None},
        "lasagne.utils": UTILS | {"create_param": make_param},
        **dict.fromkeys(LAYER_MODULES, EVERYTHING | GPU_QUESTIONS),
    }
    functions = name.startswith(FUNCTIONS)
    if name not in modules and not functions:
        return None
    module = _Functions(name) if functions else ModuleType(name)
    vars(module).update(modules.get(name, {}))
    return module


def _nolearn(name: str) -> ModuleType:
    """Return any module of nolearn's; of those that are not for Lasagne nothing can be used."""
    if name in ("nolearn.lasagne.util", "nolearn.lasagne.visualize"):
        return _Functions(name)
    module = _Absent(name)
    if name in ("nolearn.lasagne", "nolearn.lasagne.base", "nolearn.lasagne.handlers"):
        vars(module).update(NOLEARN)
    return module


MODULES: Mapping[str, Callable[[str], ModuleType | None]] = {
    "lasagne": _lasagne,
    "nolearn": _nolearn,
    "theano": _theano,
}

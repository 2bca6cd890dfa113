"""Make the real Theano and Lasagne importable on a current Python.

Theano 1.0.5 and its continuation Theano-PyMC 1.1.2 are final, and older than numpy 1.24, SciPy 1.8
and Python 3.10. :func:`install` gives back the names they miss and repairs the few expressions that
a newer library reads differently, so that what they compute stays what they computed. It is for the
live oracle, which runs Theano in Python mode: C code is neither generated nor repaired.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import inspect
import logging
import os
import re
import shutil
import sys
import sysconfig
import textwrap
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lasport.errors import MissingDependencyError

__all__ = ["install"]

# Python mode; no search for a BLAS through numpy.distutils, which is gone; and no complaint about a
# convolution that an optimizer left in Python.
DEFAULT_FLAGS = {
    "device": "cpu",
    "cxx": "",
    "blas.ldflags": "",
    "optimizer_excluding": "AbstractConvCheck",
}

# The attribute of a Theano that was repaired already.
MARK = "_repaired_by_lasport"

# Theano 1.0's modules -> where Theano-PyMC 1.1 keeps their content. Lasagne imports the first few;
# pickled networks name the others.
RENAMED_MODULES = {
    "theano.gof": "theano.graph",
    "theano.gof.graph": "theano.graph.basic",
    "theano.gof.op": "theano.graph.op",
    "theano.gof.type": "theano.graph.type",
    "theano.gof.fg": "theano.graph.fg",
    "theano.gof.opt": "theano.graph.opt",
    "theano.gof.utils": "theano.graph.utils",
    "theano.gof.null_type": "theano.graph.null_type",
    "theano.gof.params_type": "theano.graph.params_type",
    "theano.gof.link": "theano.link.basic",
    "theano.compile.function_module": "theano.compile.function.types",
    "theano.scan_module": "theano.scan",
    "theano.scan_module.scan_op": "theano.scan.op",
    "theano.scan_module.scan_utils": "theano.scan.utils",
}

# An index that is a list of slices: numpy 1.23 and later take it for an array of objects.
LIST_OF_SLICES = re.compile(
    r"\[(region_slice|\[region_slices\[i\]\[r\[i\]\] for i in x?range\(nd\)\])\]"
)


def install(**flags: str) -> None:
    """Import Theano 1.0.5 or Theano-PyMC 1.1.2, and Lasagne, repaired for this Python.

    Parameters
    ----------
    **flags : str
        Theano flags, such as ``floatX="float64"`` or ``optimizer="None"``. What the environment
        variable ``THEANO_FLAGS`` says wins, and so does a Theano that is already imported.

    Raises
    ------
    MissingDependencyError
        If Theano or Lasagne is not installed.
    """
    for module, package in (("theano", "theano==1.0.5"), ("lasagne", "lasagne")):
        if module not in sys.modules and importlib.util.find_spec(module) is None:
            raise MissingDependencyError(
                f"{module} is not installed, and the live oracle needs it: pip install {package},"
                " or pip install 'lasport[theano]' on Python 3.11 and older"
            )
    if hasattr(sys.modules.get("theano"), MARK):
        return
    if "theano" not in sys.modules:
        _set_flags(flags)
        _restore_numpy_names()
        _restore_standard_library()
        # Says that there is no BLAS, which is what the flags ask for.
        logging.getLogger("theano.tensor.blas").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their age is all that they warn of on import
        import theano

        if importlib.util.find_spec("theano.gof") is None:  # Theano-PyMC
            _restore_theano_names()
        _repair_constants(theano)
        _repair_reciprocals(theano)
        _repair_random_numbers()
        _repair_pools()
        _repair_convolutions()
        _restore_downsample()
        import lasagne

    _repair_thin_plate_splines(lasagne)
    setattr(theano, MARK, True)


def _set_flags(flags: dict[str, str]) -> None:
    """Put the flags into the environment, where Theano looks for them when it is imported."""
    chosen = {**DEFAULT_FLAGS, **flags}
    # Theano-PyMC writes "blas__ldflags"; each Theano skips the other's spelling.
    chosen.update({name.replace(".", "__"): value for name, value in chosen.items()})
    given = os.environ.get("THEANO_FLAGS", "")
    os.environ["THEANO_FLAGS"] = ",".join([*(f"{k}={v}" for k, v in chosen.items()), given])


class _Cast(dict[Any, Callable[[Any], Any]]):
    """``numpy.cast``: a function for every dtype."""

    def __missing__(self, dtype: Any) -> Callable[[Any], Any]:
        return lambda x: np.asarray(x).astype(dtype)


def _restore_numpy_names() -> None:
    """Give numpy back the names that Theano uses: numpy 1.24 dropped the first, 2.0 the others."""
    exceptions = getattr(np, "exceptions", np)
    names = {
        "bool": np.bool_,
        "complex": complex,
        "float": float,
        "int": int,
        "product": np.prod,
        "MAXDIMS": 32,
        "cast": _Cast(),
        "sctype2char": lambda dtype: np.dtype(dtype).char,
        "AxisError": exceptions.AxisError,
        "ComplexWarning": exceptions.ComplexWarning,
    }
    for name, value in names.items():
        if name not in vars(np):
            setattr(np, name, value)


def _restore_standard_library() -> None:
    """Stand in for modules that Theano imports and, in Python mode, hardly uses."""
    # Gone from numpy 2.4: theano.gpuarray takes one name from it.
    _stand_in("numpy.linalg.linalg", LinAlgError=np.linalg.LinAlgError)
    # Gone on Python 3.12, and broken elsewhere by newer setuptools, which fails on import.
    if "numpy.distutils" not in sys.modules:
        _add_module("numpy.distutils", __path__=[])
        _add_module("numpy.distutils.__config__", blas_opt_info={})
        _add_module("numpy.distutils.misc_util", get_numpy_include_dirs=lambda: [np.get_include()])
    # Gone from setuptools 82: theano.gpuarray, which theano.scan imports, catches its exception.
    _stand_in("pkg_resources", DistributionNotFound=ImportError)
    # Gone on Python 3.12: theano.tests, which theano imports.
    _stand_in("imp")
    if not _can_import("distutils.sysconfig"):  # gone on Python 3.12
        _add_module("distutils", __path__=[])
        _add_module(
            "distutils.spawn",
            find_executable=lambda name, path=None: shutil.which(name, path=path),
        )
        _add_module(
            "distutils.sysconfig",
            get_config_var=sysconfig.get_config_var,
            get_config_h_filename=sysconfig.get_config_h_filename,
            get_python_inc=lambda *_args, **_kwargs: sysconfig.get_path("include"),
            get_python_lib=lambda *_args, **_kwargs: sysconfig.get_path("platlib"),
            get_python_version=sysconfig.get_python_version,
        )


def _can_import(name: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module(name)
        except ImportError:
            return False
    return True


def _stand_in(name: str, **attributes: object) -> None:
    """Add a module that cannot be imported."""
    if not _can_import(name):
        _add_module(name, **attributes)


def _add_module(name: str, **attributes: object) -> None:
    """Make a module importable that consists of some attributes."""
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, loader=None)
    vars(module).update(attributes)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)


def _restore_theano_names() -> None:
    """Give Theano-PyMC the names of Theano 1.0 that Lasagne and pickled networks use."""
    import theano

    for old, new in RENAMED_MODULES.items():
        content = vars(importlib.import_module(new))
        public = {name: value for name, value in content.items() if not name.startswith("__")}
        _add_module(old, __path__=[], **public)
    basic = sys.modules["theano.graph.basic"]
    link = sys.modules["theano.link.basic"]
    utils = sys.modules["theano.graph.utils"]
    gof: Any = sys.modules["theano.gof"]
    for module in (theano, gof):
        module.Variable, module.Constant, module.Apply = basic.Variable, basic.Constant, basic.Apply
        module.Op = sys.modules["theano.graph.op"].Op
        module.Type = sys.modules["theano.graph.type"].Type
    gof.Container = link.Container
    gof.utils.scratchpad = utils.Scratchpad

    def inputs(variables: Any, blockers: Any = None) -> list[Any]:
        return list(basic.graph_inputs(variables, blockers))

    gof.graph.inputs = inputs
    mrg: Any = importlib.import_module("theano.sandbox.rng_mrg")
    mrg.MRG_RandomStreams = mrg.MRG_RandomStream
    scalar: Any = importlib.import_module("theano.scalar.basic")
    scalar.Maximum, scalar.Minimum = scalar.ScalarMaximum, scalar.ScalarMinimum


def _repair_constants(theano: Any) -> None:
    """Keep constants exact: under numpy 2, ``0.3 == numpy.float32(0.3)`` holds.

    Theano gives a Python number the narrowest dtype that it equals. The comparison has to be made
    between arrays, or every fraction is rounded to single precision in silence.
    """
    caster = theano.scalar.basic.NumpyAutocaster
    original = caster.__call__

    def cast(self: Any, x: Any) -> Any:
        config = theano.config
        rounded = type(x) is float and config.floatX in self.dtypes and config.floatX != "float64"
        if type(x) not in (int, float) or config.cast_policy != "custom" or rounded:
            return original(self, x)
        exact = np.asarray(x)
        dtypes = [d for d in self.dtypes if d != "float16" or config.floatX == "float16"]
        candidates = [exact.astype(dtype) for dtype in dtypes]
        return next((value for value in candidates if value == exact), candidates[-1])

    caster.__call__ = cast


def _repair_reciprocals(theano: Any) -> None:
    """Keep reciprocals exact: under numpy 2, ``numpy.float32(1) / 0.3`` is in single precision.

    So does Theano 1.0.5 in Python mode, and with it the statistics of batch normalization.
    """
    inverse = theano.scalar.basic.Inv
    original = inverse.impl

    def reciprocal(self: Any, x: Any) -> Any:
        return original(self, np.asarray(x)[()])  # a numpy scalar, which has a precision

    inverse.impl = reciprocal


def _repair_random_numbers() -> None:
    """Let ``int32 & 0xFFFFFFFF`` be an int64 again, which numpy 2 calls an overflow."""
    mrg: Any = importlib.import_module("theano.sandbox.rng_mrg")
    original = mrg.mrg_next_value

    def next_value(*args: Any, mask: int, **options: Any) -> Any:
        return original(*args, mask=np.int64(mask), **options)

    mrg.mrg_next_value = next_value


def _repair_pools() -> None:
    """Index with tuples of slices where Theano's pools index with lists of them."""
    pool: Any = importlib.import_module("theano.tensor.signal.pool")
    for operation in _classes(pool):
        perform = vars(operation).get("perform")
        if (
            perform is None
            or not inspect.isfunction(perform)
            or perform.__module__ != pool.__name__
        ):
            continue
        source = textwrap.dedent(inspect.getsource(perform))
        repaired, count = LIST_OF_SLICES.subn(r"[tuple(\1)]", source)
        if count:
            names: dict[str, Any] = {}
            # Theano's own function, but for the brackets.
            exec(compile(repaired, __file__, "exec"), vars(pool), names)  # noqa: S102
            operation.perform = names["perform"]


def _classes(module: types.ModuleType) -> Iterator[Any]:
    """Yield the classes that a module defines."""
    for value in vars(module).values():
        if inspect.isclass(value) and value.__module__ == module.__name__:
            yield value


def _repair_convolutions() -> None:
    """Give convolutions their SciPy functions, whose private modules SciPy 1.8 renamed."""
    signal: Any = importlib.import_module("scipy.signal")

    def convolve2d(a: Any, b: Any, _flip: Any, mode: str, _boundary: Any, _fill: Any) -> Any:
        return signal.convolve2d(a, b, mode)

    def convolve(a: Any, b: Any, mode: str) -> Any:
        return signal.convolve(a, b, mode, method="direct")

    for name in ("abstract_conv", "conv"):
        module: Any = importlib.import_module(f"theano.tensor.nnet.{name}")
        if not module.imported_scipy_signal:
            module.imported_scipy_signal = True
            module._valfrommode = module._bvalfromboundary = str
            module._convolve2d, module.convolve = convolve2d, convolve


def _restore_downsample() -> None:
    """Give Theano-PyMC the module that the pools of Lasagne 0.1 import."""
    if importlib.util.find_spec("theano.tensor.signal.downsample") is not None:
        return
    pool: Any = importlib.import_module("theano.tensor.signal.pool")

    def max_pool_2d(
        input: Any,  # noqa: A002 - Theano's name
        ds: Any,
        ignore_border: Any = None,
        st: Any = None,
        padding: Any = (0, 0),
        mode: str = "max",
    ) -> Any:
        return pool.pool_2d(
            input, ws=ds, ignore_border=ignore_border, stride=st, pad=padding, mode=mode
        )

    _add_module("theano.tensor.signal.downsample", max_pool_2d=max_pool_2d, pool_2d=pool.pool_2d)


def _repair_thin_plate_splines(lasagne: Any) -> None:
    """Let ``linspace`` count with floats in Lasagne 0.2's TPSTransformerLayer."""
    special = getattr(lasagne.layers, "special", None)  # Lasagne 0.1 has none
    if special is None or special.np is not np:
        return

    def linspace(start: Any, stop: Any, num: Any = 50, **options: Any) -> Any:
        return np.linspace(start, stop, int(num), **options)

    special.np = types.SimpleNamespace(**{**vars(np), "linspace": linspace})

"""The calls by which users say what their classes are."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, overload

from lasport import registry
from lasport.errors import UsageError
from lasport.own_layers.declared import Build, Declaration, OutputShape, Reference
from lasport.passes import DataFormat

__all__ = ["register", "run_registrations", "temporary_registrations"]

F = TypeVar("F", bound=Build)


@overload
def register(
    kind: str,
    build: F,
    *,
    output_shape: OutputShape | None = None,
    reference: Reference | None = None,
    data_format: DataFormat = "channels_first",
) -> F: ...


@overload
def register(
    kind: str,
    *,
    output_shape: OutputShape | None = None,
    reference: Reference | None = None,
    data_format: DataFormat = "channels_first",
) -> Callable[[F], F]: ...


@overload
def register(kind: str, *, like: str) -> None: ...


def register(
    kind: str,
    build: Build | None = None,
    *,
    like: str | None = None,
    output_shape: OutputShape | None = None,
    reference: Reference | None = None,
    data_format: DataFormat = "channels_first",
) -> object:
    """Say what a layer class of your own is in Keras; for this process, from now on.

    Nets have to be read after their classes were registered.

    Parameters
    ----------
    kind : str
        Full path of the class, as ``lasport inspect`` shows it: ``"myproj.layers.MyLayer"``.
    build : callable, optional
        ``(SavedLayer) -> KerasLayer``, or several in a row, with nonlinearities between or behind
        them. Left out, ``register`` is a decorator of that function. It is called each time a net
        is translated, and may raise ValueError with the reason why this layer cannot be.
    like : str, optional
        In place of ``build``: the path of a class of Lasagne's that the class is a subclass of and
        computes the same as. lasport believes it.
    output_shape : callable, optional
        ``(SavedLayer) -> tuple``: the output's shape in Lasagne's order of axes, as its
        ``get_output_shape_for`` has it. By default the shape of the only input, as in Lasagne.
    reference : callable, optional
        ``(SavedLayer, inputs, run) -> ndarray``: the layer's arithmetic in numpy, in the dtype of
        the inputs, from the ``params`` of the layer that it is given. ``run.training`` is Lasagne's
        ``not deterministic``; ``run.update(name, value)`` sets a running average after the pass.
        Without it the reference has nothing to say about the layer: :func:`lasport.verify` compares
        it with a record or the live Theano, and fails without one.
    data_format : {"channels_first", "channels_last"}
        What the Keras layers take and give: Lasagne's order of axes, or channels last. Transposes
        are put where they are needed.

    Returns
    -------
    callable or None
        ``build``, or the decorator.

    Raises
    ------
    RegistrationError
        For a class that is registered already, Lasagne's own among them.
    UsageError
        For arguments that contradict each other.

    Examples
    --------
    >>> with temporary_registrations():
    ...     register("myproj.MyDenseLayer", like="lasagne.layers.DenseLayer")  # and read nets
    """
    if data_format not in ("channels_first", "channels_last"):
        raise UsageError(f"data_format must be channels_first or channels_last, not {data_format}")
    if like is not None:
        if build is not None or output_shape is not None or reference is not None:
            raise UsageError("like= says all there is to say; leave the other arguments out")
        registry.register_alike(kind, like)
        return None

    def add(function: F) -> F:
        declared = Declaration(kind, function, output_shape, reference, data_format)
        registry.register_users(declared.family(), kind)
        return function

    return add if build is None else add(build)


@contextmanager
def temporary_registrations() -> Iterator[None]:
    """Forget at the end of the block what was registered in it, for tests."""
    with registry.restored():
        yield


def run_registrations(path: str | os.PathLike[str]) -> None:
    """Run a Python file that registers layer classes, under its own name.

    Parameters
    ----------
    path : path-like
        The file is code, and runs. It finds modules beside it.

    Raises
    ------
    UsageError
        If there is no such file, it raises anything, or registers nothing.
    """
    name, place = os.fspath(path), Path(path)
    if not place.is_file():
        raise UsageError(f"{name}: no such file")
    spec = importlib.util.spec_from_file_location(place.stem, place)
    if spec is None or spec.loader is None:
        raise UsageError(f"{name}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(spec.name, module)  # dataclasses in the file look themselves up there
    before = len(registry.families())
    sys.path.insert(0, str(place.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # it is the user's code, and raises whatever it likes
        raise UsageError(f"{name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    if len(registry.families()) == before:
        raise UsageError(f"{name}: registers no layer class; it should call lasport.register")

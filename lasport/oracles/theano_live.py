"""The live oracle: the real Lasagne on the real Theano, in this process.

A net that was read from live layers is run as it stands. A net that was read from a file is
unpickled first, and that runs whatever the file says: nothing else in lasport does so, and this is
done only for somebody who asks for Theano by name.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lasport import theano_compat
from lasport.errors import ComparisonError, LasportError, UnreadableFileError, UsageError
from lasport.oracles.handover import (
    advise,
    as_declared,
    describe,
    float_dtype,
    require_options,
    require_same_layers,
)
from lasport.oracles.probe import probe_layers, set_params, unpickle
from lasport.oracles.record import Record
from lasport.readers.containers import open_content
from lasport.readers.live import read_layers
from lasport.spec import Array, Network

__all__ = ["theano_record"]

# For a Theano that is not imported yet. Rewriting and compiling a graph takes longer than running
# it once, and arrays that lay on a GPU are read without one.
FLAGS = {"optimizer": "None", "experimental.unpickle_gpu_on_cpu": "True"}

# Theano differentiates by recursion: three frames for each operation, a dozen for a dense layer.
RECURSION_LIMIT = 15_000


def theano_record(
    net: Network,
    *,
    seed: int = 0,
    passes: int = 5,
    inputs: Sequence[Array] | None = None,
    tell: Callable[[str], None] = lambda stage: None,
) -> Record:
    """Record what the real Lasagne computes for a network, in both modes, with gradients.

    Parameters
    ----------
    net : Network
        From live layers, or from a pickle, which is unpickled.
    seed : int
        Seeds inputs, batches, cotangents, and what stochastic layers draw.
    passes : int
        Number of training passes.
    inputs : sequence of ndarray, optional
        One per input layer; drawn from ``seed`` if missing.
    tell : callable
        Told each stage.

    Returns
    -------
    Record
        In the precision of the network's parameters and inputs.

    Raises
    ------
    MissingDependencyError
        If Theano or Lasagne is not installed.
    UnreadableFileError
        If Python cannot unpickle the file here, where lasport could read it.
    ComparisonError
        If the Lasagne that is installed cannot run the network, or means another one by it.
    UsageError
        If the network comes from neither.
    """
    theano_compat.install(**FLAGS)
    import lasagne
    import theano

    floats = theano.config.floatX
    with _deep_recursion(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"(theano|lasagne)\.")  # of their age, mostly
        live = _live_network(net, lasagne.__version__)
        outputs = list(live.origin) if isinstance(live.origin, tuple) else []
        theano.config.floatX = float_dtype(live)
        try:
            if live is not net:
                set_params(outputs, net.param_values())
            fed = None if inputs is None else as_declared(net, inputs)
            arrays = probe_layers(outputs, inputs=fed, seed=seed, passes=passes, tell=tell)
        except Exception as error:  # layers and Theano run here, and raise whatever they like
            missing = isinstance(error, AttributeError)
            advice = "; another version of Lasagne may have made the net" if missing else ""
            raise ComparisonError(
                f"Lasagne {lasagne.__version__} on Theano {theano.__version__} cannot run this "
                f"net: {describe(error)}{advice}"
            ) from error
        finally:
            theano.config.floatX = floats
    record = Record.from_arrays(arrays)
    require_same_layers(net, record)
    return record


def _live_network(net: Network, version: str) -> Network:
    """Return a network that was read from live layers: the very one, or that of its file."""
    if isinstance(net.origin, tuple):
        return net
    if not isinstance(net.origin, os.PathLike):
        raise UsageError(
            "the oracle 'theano' runs live layers or pickled ones; this net is neither, so take "
            "'reference', 'record:PATH' or, for a build script, 'python:PATH'"
        )
    layers = _unpickle(net.origin, version)
    require_options(net, version)
    return read_layers(layers, net.outputs)


def _unpickle(path: os.PathLike[Any], version: str) -> object:
    try:
        with open_content(path) as stream:
            return unpickle(stream)
    except LasportError:
        raise
    except Exception as error:  # the file chooses what runs here, and so what is raised
        raise UnreadableFileError(
            f"{os.fspath(path)}: cannot be unpickled here: {describe(error)}"
            f"{advise(str(error), version)}"
        ) from error


@contextlib.contextmanager
def _deep_recursion() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)

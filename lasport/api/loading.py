"""Networks: read from what somebody saved, taken from live layers, made simpler."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lasport.errors import UsageError
from lasport.spec import Network

if TYPE_CHECKING:
    from lasport.readers.binding import BatchNormStatistic
    from lasport.readers.python2 import PythonVersion

__all__ = ["StrPath", "from_lasagne", "load", "simplify"]

StrPath = str | os.PathLike[str]


def load(
    path: StrPath,
    *,
    outputs: Sequence[str] | None = None,
    params: StrPath | None = None,
    params_key: str | None = None,
    bn_stat: BatchNormStatistic = "inv_std",
    kwargs: Mapping[str, object] | None = None,
    python: PythonVersion | None = None,
    lasagne_version: str | None = None,
    flip_filters: bool | None = None,
    untrained: bool = False,
) -> Network:
    """Read a network that somebody saved.

    Nothing that a saved file names is imported or called, so untrusted files
    are safe to read. A build script is code, and runs.

    Parameters
    ----------
    path : path-like
        A pickled output layer, a list or tuple of layers, a dict name ->
        layer, or a nolearn net, possibly beside scalers or within a grid
        search; of Python 2 or 3, protocol 0 to 5, or an archive of
        ``theano.misc.pkl_utils``; plain, gzip, bz2 or xz, recognized by
        content. Or ``SCRIPT.py:FUNCTION``, a function that builds the net: the
        script is code and runs, with stand-ins for Lasagne and Theano.
    outputs : sequence of str, optional
        Names of the layers that shall be the outputs. By default those that
        were pickled; of a list or dict that holds the whole net, the layers
        that feed no other.
    params : path-like, optional
        A file of parameters for the net: what ``get_all_param_values``
        returned, as npz, npy, pickle or HDF5, a dict by parameter or by layer,
        or one vector. They are taken in the file's order and checked by shape.
    params_key : str, optional
        Where in the dict that this file holds the parameters are.
    bn_stat : {"inv_std", "var"}
        What this file holds for the ``inv_std`` of batch normalization. A file
        cannot tell; values that no inv_std can have are refused.
    kwargs : mapping, optional
        What the function of a script is called with.
    python : {2, 3}, optional
        What a script is written for. By default Python 3 if it compiles as
        that; one for Python 2 that happens to do so divides integers wrongly.
    lasagne_version : str, optional
        Whose defaults a script relies on: "0.1", "0.2.dev1" (the default) or
        the day of a development version, such as "2015-07-01".
    flip_filters : bool, optional
        Of convolutions in a script that only a GPU computes and that do not
        say; by default they do not flip, and a note says so.
    untrained : bool
        Whether a script may leave parameters without values, to look at the
        net: they are zeros, and a note says so. By default it is refused.

    Returns
    -------
    Network
        Layers, attributes and parameters in Lasagne's terms. Classes without a
        translation are kept, and refused by :func:`to_keras`.

    Raises
    ------
    UnreadableFileError, RefusedFileError, InvalidNetworkError
        If there is no network to be had from the file, saying why.
    ScriptError
        If a script fails, with its line.
    UsageError
        If what only scripts take is given for something else.
    """
    from lasport.readers.script import is_script, load_script

    if is_script(path):
        return load_script(
            path,
            outputs,
            kwargs=kwargs,
            python=python,
            lasagne_version=lasagne_version,
            flip_filters=flip_filters,
            untrained=untrained,
            params=params,
            params_key=params_key,
            bn_stat=bn_stat,
        )
    of_scripts = {
        "kwargs": kwargs,
        "python": python,
        "lasagne_version": lasagne_version,
        "flip_filters": flip_filters,
    }
    given = [name for name, value in of_scripts.items() if value is not None]
    if given:
        raise UsageError(f"{path} is no SCRIPT.py:FUNCTION, and takes no {given[0]}")
    from lasport.readers.saved_net import load_network

    return load_network(path, outputs, params=params, params_key=params_key, bn_stat=bn_stat)


def from_lasagne(layer: object, *, outputs: Sequence[str] | None = None) -> Network:
    """Read a network from live Lasagne layers, in a process that has Lasagne.

    Parameters
    ----------
    layer : Lasagne layer, or list, tuple or dict of such
        As for :func:`load`.
    outputs : sequence of str, optional
        Names of the layers that shall be the outputs.

    Returns
    -------
    Network
    """
    from lasport.readers.live import read_layers

    return read_layers(layer, outputs)


def simplify(net: Network, *, seed: int = 0) -> Network:
    """Return a net with fewer layers that computes the same in inference mode, and only there.

    Dropout and noise go, batch normalization is folded into the product before
    or behind it, zeros around images become those of the convolution, and
    nonlinearities those of the layer that they follow. Weights that change are
    in float64. What was made is compared with the original before it is
    returned, on random inputs.

    Parameters
    ----------
    net : Network
        Of which all layers have a translation.
    seed : int
        Of the inputs.

    Returns
    -------
    Network

    Raises
    ------
    ComparisonError
        If a layer differs by more than rounding, relative to its largest
        magnitude and in float64.
    UnsupportedLayersError
        Naming every layer that has no translation.
    """
    from lasport.compare.simplified import require_same
    from lasport.simplification import simplified
    from lasport.translate import translate

    translate(net)
    found, stands_for = simplified(net)
    require_same(net, found, stands_for, seed)
    return found

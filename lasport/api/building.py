"""Models, scripts and graphs of a network, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lasport.api.loading import StrPath, load
from lasport.errors import UsageError
from lasport.spec import Array, Network

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from lasport.passes import DataFormat
    from lasport.readers.binding import BatchNormStatistic
    from lasport.readers.python2 import PythonVersion
    from lasport.targets.keras_calls import Calls, Profile
    from lasport.targets.tf1_graph import Graph, Tensors

__all__ = ["convert", "feature_model", "lasagne_param_values", "to_keras", "to_source", "to_tf1"]


def to_keras(
    net: Network,
    *,
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
    name: str | None = None,
    synchronized: bool = False,
) -> keras.Model:
    """Build the Keras model that computes what a network computes.

    Parameters
    ----------
    net : Network
        From :func:`load` or :func:`from_lasagne`.
    profile : {"stock", "exact"}
        "stock": layers that Keras ships wherever inference and the forward
        pass of training are the same; such a model loads without lasport.
        "exact": own layers wherever stock ones part company in training:
        running averages of inv_std, gradients of rectifiers at 0 and of max
        pooling at ties.
    data_format : {"channels_first", "channels_last"}
        Order of axes at the model's inputs and outputs. "channels_first" is
        exactly what Lasagne took and returned; "channels_last" moves the
        channels of images to the end. Inside, images are channels last.
    dtype : str, optional
        Float dtype or Keras dtype policy; by default the parameters' own.
    name : str, optional
        The model's name.
    synchronized : bool
        Whether batch normalization takes mean and variance of the whole batch
        where a ``tf.distribute`` strategy splits it, as Lasagne did on its one
        device; otherwise each replica takes those of its part.

    Returns
    -------
    keras.Model
        Functional; layers carry Lasagne's names.

    Raises
    ------
    UnsupportedLayersError
        Naming every layer that has no translation, or with ``synchronized`` none
        that is synchronized.
    UsageError
        For an unknown profile, data format or dtype.
    """
    calls = _calls(net, profile, data_format, dtype, synchronized=synchronized)
    from lasport.targets.keras_model import build_model

    return build_model(calls, name)


def to_source(
    net: Network,
    *,
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
    name: str = "net",
    weights: str | None = None,
    synchronized: bool = False,
) -> str:
    """Return the Keras script that builds what :func:`to_keras` builds, from the same calls.

    Parameters
    ----------
    net, profile, data_format, dtype
        As for :func:`to_keras`.
    name : str
        The model's name.
    weights : str, optional
        Name of the file that the script loads weights from, beside itself; by
        default NAME.weights.h5. ``model.save_weights`` of the built model
        writes it, and ``lasport convert FILE -o NAME.py`` both files.
    synchronized : bool
        As for :func:`to_keras`.

    Returns
    -------
    str
        Python with two functions, ``build()`` and ``load()``. It imports lasport
        only where Keras ships no layer for what the net computes.

    Raises
    ------
    UnsupportedLayersError
        Naming every layer that has no translation.
    UsageError
        For an unknown profile or data format, or if a script cannot import a
        layer class of yours.
    """
    from lasport.targets.keras_source import keras_source

    calls = _calls(net, profile, data_format, dtype, synchronized=synchronized)
    return keras_source(calls, name, f"{name}.weights.h5" if weights is None else weights)


def to_tf1(
    net: Network,
    inputs: Tensors,
    training: bool | tf.Tensor,
    *,
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
) -> Graph:
    """Build what a network computes into the default graph of tf.compat.v1.

    The layers are those of :func:`to_keras`. Their variables come from
    ``tf.compat.v1.get_variable``, in scopes named as the Lasagne layers: within
    ``tf.compat.v1.variable_scope(..., reuse=True)`` nets share them. They start
    as the ported parameters: ``tf.compat.v1.global_variables_initializer()``
    gives the trained net, in the process that built the graph.

    Parameters
    ----------
    net : Network
        From :func:`load` or :func:`from_lasagne`.
    inputs : tf.Tensor, or list or dict of tf.Tensor
        As many as the net has input layers, in the net's order or by the input
        layers' names, with the axes of ``data_format``.
    training : bool or tf.Tensor
        The mode: Lasagne's ``not deterministic``. A boolean tensor of shape ()
        chooses it each time the graph runs.
    profile, data_format, dtype
        As for :func:`to_keras`. Under "exact" batch normalization averages
        ``moving_inv_std``, under "stock" ``moving_variance``.

    Returns
    -------
    lasport.targets.tf1_graph.Graph
        Outputs, layers by name, variables, and the update ops, which are in
        ``tf.compat.v1.GraphKeys.UPDATE_OPS`` too. Nothing runs these unless the
        training step depends on them.

    Raises
    ------
    UnsupportedLayersError
        Naming every layer that has no translation, or none in such a graph: those
        of your own classes, and loops over nets.
    UsageError
        For an unknown profile, data format or dtype, for other inputs or another
        ``training`` than the net takes, and outside of a graph.
    """
    calls = _calls(net, profile, data_format, dtype)
    from lasport.targets.tf1_graph import build_graph

    return build_graph(calls, inputs, training)


def convert(
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
    profile: Profile = "stock",
    data_format: DataFormat = "channels_first",
    dtype: str | None = None,
    name: str | None = None,
    synchronized: bool = False,
) -> keras.Model:
    """Read a saved network and build its Keras model: :func:`load`, then :func:`to_keras`."""
    net = load(
        path,
        outputs=outputs,
        params=params,
        params_key=params_key,
        bn_stat=bn_stat,
        kwargs=kwargs,
        python=python,
        lasagne_version=lasagne_version,
        flip_filters=flip_filters,
    )
    return to_keras(
        net,
        profile=profile,
        data_format=data_format,
        dtype=dtype,
        name=name,
        synchronized=synchronized,
    )


def lasagne_param_values(
    model: keras.Model, net: Network | None = None, *, data_format: DataFormat | None = None
) -> list[Array]:
    """Return a model's weights as ``lasagne.layers.get_all_param_values`` would.

    Parameters
    ----------
    model : keras.Model
        From :func:`to_keras`, trained or not, or saved and loaded again.
    net : Network, optional
        The network it was made from; only a model that was built in this
        process knows it by itself.
    data_format : {"channels_first", "channels_last"}, optional
        Of a model that was loaded, where the shapes of its inputs fit both.

    Returns
    -------
    list of ndarray
        In ``get_all_params`` order, in Lasagne's shapes and the original
        dtypes. Weights that were not touched come back bit for bit.

    Raises
    ------
    UsageError
        If ``net`` is needed.
    ComparisonError
        If the model is not one that lasport makes of the network, or of which
        data format it is cannot be told.
    """
    from lasport.targets.keras_model import read_weights

    return read_weights(model, _calls_behind(model, net, data_format))


def feature_model(
    model: keras.Model,
    layers: Sequence[str],
    net: Network | None = None,
    *,
    data_format: DataFormat | None = None,
) -> keras.Model:
    """Return the model that gives what some Lasagne layers compute, made of a model's own layers.

    ``model.get_layer(name).output`` is something else wherever a Lasagne layer
    takes several Keras layers, for one a convolution and its rectifier, or where
    it is held in another order of axes.

    Parameters
    ----------
    model : keras.Model
        From :func:`to_keras`, trained or not, or saved and loaded again.
    layers : sequence of str
        Names of Lasagne layers, as ``net.layers`` has them.
    net : Network, optional
        The network it was made from; only a model that was built in this
        process knows it by itself.
    data_format : {"channels_first", "channels_last"}, optional
        By default that of the model. "channels_first" gives the very arrays that
        ``lasagne.layers.get_output`` gives for these layers.

    Returns
    -------
    keras.Model
        With the inputs of ``model``, and one output for each name. It has the
        layers of ``model``: training one trains the other.

    Raises
    ------
    UsageError
        If no layer is called so, or ``net`` is needed.
    ComparisonError
        If the model is not one that lasport makes of the network, or of which
        data format it is cannot be told.
    """
    from lasport.targets.keras_features import feature_model

    calls = _calls_behind(model, net, data_format)
    return feature_model(model, calls, layers, data_format)


def _calls_behind(model: keras.Model, net: Network | None, data_format: DataFormat | None) -> Calls:
    """Return how lasport makes a model of a network, which the model may know by itself."""
    from lasport.targets.keras_model import calls_of
    from lasport.targets.recognition import recognize

    calls = calls_of(model)
    if net is not None and (calls is None or calls.plan.network is not net):
        calls = recognize(model, net, data_format)
    if calls is None:
        raise UsageError(
            "this model was not built from a network in this process; pass net=, the network"
            if net is None
            else "the layers of this model are not those that lasport makes of the network"
        )
    return calls


def _calls(
    net: Network,
    profile: Profile,
    data_format: DataFormat,
    dtype: str | None,
    *,
    synchronized: bool = False,
) -> Calls:
    from lasport.passes import lower
    from lasport.targets.keras_calls import keras_calls
    from lasport.translate import translate

    if data_format not in ("channels_first", "channels_last"):
        known = "channels_first or channels_last"
        raise UsageError(f"data_format must be {known}, not {data_format!r}")
    plan = lower(translate(net), data_format)
    return keras_calls(plan, profile, dtype or net.dtype.name, synchronized=synchronized)

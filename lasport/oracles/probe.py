"""The probe: what the real Lasagne computes for one net, as the arrays of a parity record.

This one file is all that a legacy environment needs: it runs on Python 2.7 to 3.11 with numpy,
theano and lasagne. It is the definition of what a record holds, too::

    python probe.py NET.pkl OUT.npz [--inputs IN.npz] [--seed N] [--passes 5] [--outputs K ...]
    python probe.py SCRIPT.py:FUNCTION OUT.npz [--kwargs "{'units': 6}"] ...
    python probe.py CASES.py:NAME OUT.npz

``NET.pkl`` is a pickled output layer, or a list, tuple or dict of them; unpickling runs whatever
the file says, so it must be one that is trusted. ``FUNCTION`` returns the same, and is called with
literals. ``IN.npz`` holds ``inputs/I`` and, if wanted, ``batches/P/I`` and ``params/N``, as every
record does. ``K`` is a place in ``get_all_layers`` of what was pickled or returned, dicts in the
order of their keys. ``CASES.py`` defines ``build(NAME)``, which returns a net, and
``arguments(NAME)``, keyword arguments of `probe_layers`.

Stages are told on stdout, line by line. The exit status is 0, or else says what failed: `IMPORTING`
Theano and Lasagne, `LOADING` the net, `RUNNING` it; the last line of stderr is the reason.

Keys of a record (an npz without pickled objects; Lasagne's shapes and axis order throughout):

=================================  ============================================================
``meta``                           JSON text: see `describe`
``inputs/I``                       what input layer I is fed
``params/N``                       parameters, in ``get_all_params`` order, before anything ran
``inference/layers/K``             output of layer K, in ``get_all_layers`` order, deterministic
``inference/outputs/J``            output of output layer J
``training/layers/K``, ``.../J``   the same with ``deterministic=False``
``training/masks/K/D``             sample D that stochastic layer K drew in that training pass
``batches/P/I``                    what input layer I is fed in training pass P = 1, 2, ...
``training/params/P/N``            parameters after the passes 1 to P, starting from ``params/N``
``passes/P/masks/K/D``             what layer K drew in pass P
``cotangents/J``                   random weights of output J in the scalar that is differentiated
``inference/grads/N``,             gradient of ``sum_J sum(cotangents/J * outputs/J)`` with respect
``training/grads/N``               to trainable parameter N; training: with ``training/masks``
``inference/input_grads/I``, ...   the same with respect to input I, if that is floating point
=================================  ============================================================

A training pass evaluates the outputs only: what moves the parameters is the layers' own default
updates (the running averages of batch normalization), no optimizer.
"""
# The file runs on Python 2.7 too, so its types stand in comments and it uses no newer syntax.

from __future__ import print_function

import argparse
import ast
import contextlib
import functools
import json
import os
import pickle
import sys
import traceback
import zipfile
from io import BytesIO
from types import ModuleType

import numpy as np

MYPY = False
if MYPY:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence  # noqa: F401 - in type comments, unseen by ruff
    from typing import Any, BinaryIO  # noqa: F401 - likewise

    Array = np.ndarray[Any, np.dtype[Any]]
    # Lasagne's layers and Theano's variables: no type information is published for either.
    Layer = Any
    Variable = Any
    Net = Any
    Tell = Callable[[str], None]

FORMAT = 1
PASSES = 5
IMPORTING, LOADING, RUNNING = 3, 4, 5
MODES = (("inference", True), ("training", False))

# Random values are multiples of this: they are exact in float32 too (up to 64 in magnitude), so one
# record serves comparisons in both precisions, and ties between them stay improbable.
GRID = 2.0**-18

# What Theano raises where an operation has no gradient; each of its versions keeps the classes
# elsewhere.
NO_GRADIENT = ("NotImplementedError", "NullTypeGradError", "MethodNotDefined")

# Theano's generator takes no larger seed.
MAX_STREAM_SEED = 2147462578

# What an ExpressionLayer compares by identity: this very string, which Python has only once.
AUTO = "auto"

# How an archive of theano.misc.pkl_utils begins.
ZIP = b"PK\x03\x04"

# Attributes of recurrent layers that are layers, whose parameters get_params() adds.
INNER_NETS = ("input_to_hidden", "hidden_to_hidden")

SAMPLERS = ("binomial", "uniform", "normal", "multinomial", "choice")

# Python mode without rewriting takes 0.1 s where compiling takes many, and gives the same bits on
# every machine. Tracebacks in graphs would put paths into whatever is pickled afterwards.
FLAGS = (
    "device=cpu,force_device=True,cxx=,optimizer=None,blas.ldflags=,blas__ldflags=,"
    "traceback.limit=0,traceback__limit=0,"
    "experimental.unpickle_gpu_on_cpu=True,experimental__unpickle_gpu_on_cpu=True"
)


class Recorder(object):
    """A layer's random stream that keeps every sample it hands out."""

    def __init__(self, stream, samples):
        # type: (Any, list[Variable]) -> None
        self.stream = stream
        self.samples = samples

    def __getattr__(self, name):
        # type: (str) -> Any
        sampler = getattr(self.stream, name)
        if name not in SAMPLERS:
            return sampler

        def draw(*args, **kwargs):
            # type: (*Any, **Any) -> Variable
            sample = sampler(*args, **kwargs)
            self.samples.append(sample)
            return sample

        return draw


def list_layers(net):
    # type: (Net) -> list[Layer]
    """Return the layers that a user pickled, or that a function returned beside other things.

    Those of a dict are in the order of its keys: in Python 2 it has no other.
    """
    import lasagne

    if isinstance(net, dict):
        entries = [net[key] for key in sorted(net, key=key_text)]
    else:
        entries = list(net) if isinstance(net, (list, tuple)) else [net]
    return [entry for entry in entries if isinstance(entry, lasagne.layers.Layer)]


def key_text(key):
    # type: (Any) -> str
    """Return a key of a dict as text, which every Python sorts alike."""
    text = as_text(key)
    return text if text is not None and hasattr(text, "encode") else repr(key)


def list_outputs(net):
    # type: (Net) -> list[Layer]
    """Return the output layers of what a user pickled: a layer, or a list, tuple or dict of them.

    A collection with an input layer is the whole net: its outputs are those that feed no other.
    """
    from lasagne.layers import get_all_layers

    listed = list_layers(net)
    if len(listed) == 1 or all(fed_by(layer) for layer in listed):
        return listed
    feeding = set(other for layer in get_all_layers(listed) for other in fed_by(layer))
    return [layer for layer in listed if layer not in feeding]


def fed_by(layer):
    # type: (Layer) -> list[Layer]
    """Return the layers that feed a layer."""
    feeding = getattr(layer, "input_layers", [getattr(layer, "input_layer", None)])
    return [other for other in feeding if other is not None]


def choose_input_shapes(layers, sources, masked=False):
    # type: (Sequence[Layer], Sequence[Layer], bool) -> list[tuple[int, ...]]
    """Return a full shape for every input layer: open sizes become odd and unlike all others.

    In a net with masks open second axes are time, which sequences and masks have in common.
    """
    taken = set(size for layer in layers for size in layer.output_shape)
    free = (size for size in range(3, 10**6, 2) if size not in taken)
    batch = next((s.shape[0] for s in sources if s.shape and s.shape[0] is not None), None)
    batch = next(free) if batch is None else batch
    shared = {0: batch}
    if masked:
        shared[1] = next(free)
    return [
        tuple(
            size if size is not None else shared[axis] if axis in shared else next(free)
            for axis, size in enumerate(source.shape)
        )
        for source in sources
    ]


def draw_values(rng, shape, dtype, grid=GRID):
    # type: (np.random.RandomState, tuple[int, ...], str, float) -> Array
    """Draw asymmetric random values: mean and scale differ from channel to channel (axis 1).

    Integers are 0 or 1, the only indices that every embedding of two rows or more accepts.
    """
    if np.dtype(dtype).kind in "iub":
        return rng.randint(0, 2, size=shape).astype(dtype)
    channels = shape[1] if len(shape) > 1 else 1
    per_channel = (channels,) + (1,) * (len(shape) - 2)
    scale = np.linspace(0.5, 1.5, channels).reshape(per_channel)
    mean = np.linspace(-0.4, 0.8, channels).reshape(per_channel)
    values = rng.standard_normal(size=shape) * scale + mean  # type: Array
    values = np.round(values / grid) * grid
    return values.astype(dtype)


def draw_mask(rng, shape, dtype):
    # type: (np.random.RandomState, tuple[int, ...], str) -> Array
    """Draw which time steps count, 0 or 1: random floats would hardly ever leave one out."""
    return draw_values(rng, shape, "int8").astype(dtype)


def list_masks(layers):
    # type: (Sequence[Layer]) -> list[Layer]
    """Return the layers that recurrent layers take for masks."""
    places = [(layer, getattr(layer, "mask_incoming_index", -1)) for layer in layers]
    return [layer.input_layers[place] for layer, place in places if place > 0]


@contextlib.contextmanager
def seeded_streams(layers, seed):
    # type: (Sequence[Layer], int) -> Iterator[dict[int, list[Variable]]]
    """Record what stochastic layers draw, from streams seeded by layer index; then restore them.

    What layers of a net inside a layer draw counts as that layer's, in the order in which they do.
    """
    stochastic = [
        (k, owner, owner._srng)
        for k, layer in enumerate(layers)
        for _, owner in with_inner_layers(layer)
        if hasattr(owner, "_srng")
    ]
    samples = dict((k, []) for k, _, _ in stochastic)  # type: dict[int, list[Variable]]
    try:
        for place, (k, owner, own) in enumerate(stochastic):
            inside = 0 if owner is layers[k] else len(layers) + place
            stream = type(own)(1 + (seed + k + inside) % MAX_STREAM_SEED)
            owner._srng = Recorder(stream, samples[k])
        yield samples
    finally:
        for _, owner, own in stochastic:
            owner._srng = own


class Pass(object):
    """The net in one mode: a function that evaluates all layers and applies their updates."""

    def __init__(self, layers, sources, deterministic, seed):
        # type: (Sequence[Layer], Sequence[Layer], bool, int) -> None
        import theano
        from lasagne.layers import get_output

        with seeded_streams(layers, seed) as samples:
            self.values = get_output(list(layers), deterministic=deterministic)
        self.inputs = [source.input_var for source in sources]
        self.masks = [
            ("masks/%d/%d" % (k, d), sample)
            for k in sorted(samples)
            for d, sample in enumerate(samples[k])
        ]
        self.function = theano.function(
            self.inputs,
            self.values + [sample for _, sample in self.masks],
            on_unused_input="ignore",
        )

    def run(self, arrays):
        # type: (Sequence[Array]) -> tuple[list[Array], dict[str, Array]]
        """Return the values of all layers, and the masks by key."""
        results = self.function(*arrays)
        count = len(self.values)
        names = [key for key, _ in self.masks]
        return results[:count], dict(zip(names, results[count:]))

    def gradients(self, outputs, wrt, arrays):
        # type: (Sequence[int], Sequence[Variable], Sequence[Array]) -> list[Array]
        """Differentiate ``sum_J sum(cotangent_J * output_J)``, at inputs, cotangents and masks."""
        import theano

        values = [self.values[k] for k in outputs]
        weights = [value.type() for value in values]
        cost = sum((weight * value).sum() for weight, value in zip(weights, values))
        # Samples become inputs: this is the pass that drew them, and not a fresh one.
        function = theano.function(
            self.inputs + weights + [sample for _, sample in self.masks],
            theano.grad(cost, list(wrt), disconnected_inputs="ignore"),
            no_default_updates=True,
            on_unused_input="ignore",
        )
        return list(function(*arrays))


def as_text(name):
    # type: (Any) -> str | None
    """Return a name as text: Python 2's byte strings as Python 3 reads them from a pickle."""
    return name.decode("latin-1") if isinstance(name, bytes) else name


def shared_variables(expression):
    # type: (Variable) -> list[Variable]
    """Return the shared variables that a parameter, itself one or an expression, consists of."""
    from lasagne import utils

    collect = getattr(utils, "collect_shared_vars", None)  # Lasagne 0.1: no expressions
    return [expression] if collect is None else list(collect(expression))


def own_params(layer):
    # type: (Layer) -> Iterator[tuple[Variable, set[str], str | None]]
    """Yield a layer's parameters, each with its tags and the name of its attribute.

    A recurrent layer counts those of the nets inside it as its own. What it has no attribute for is
    called after the place of its layer in the net: "hidden_to_hidden.1.W".
    """
    for prefix, owner in with_inner_layers(layer):
        for expression, tags in owner.params.items():
            names = attribute_names(layer, expression)
            names += [prefix + name for name in attribute_names(owner, expression)]
            yield expression, tags, names[0] if names else None


def with_inner_layers(layer):
    # type: (Layer) -> list[tuple[str, Layer]]
    """Return a layer and those of the nets inside it, with a prefix for what they hold."""
    from lasagne.layers import get_all_layers

    owners = [("", layer)]
    for net in INNER_NETS:
        if hasattr(layer, net):
            inner = get_all_layers(getattr(layer, net))
            owners += [("%s.%d." % (net, k), owner) for k, owner in enumerate(inner)]
    return owners


def attribute_names(layer, expression):
    # type: (Layer, Variable) -> list[str]
    """Return the names of the attributes that are an expression."""
    return sorted(name for name, value in vars(layer).items() if value is expression)


def describe_params(layers, params):
    # type: (Sequence[Layer], Sequence[Variable]) -> list[dict[str, Any]]
    """Return name, tags and owners ([layer index, attribute], first owner first) of parameters."""
    found = dict((param, {"tags": set(), "owners": []}) for param in params)  # type: dict[Any, dict[str, Any]]
    for k, layer in enumerate(layers):
        for expression, tags, name in own_params(layer):
            for param in shared_variables(expression):
                found[param]["tags"] |= set(tags)
                found[param]["owners"].append([k, name])
    return [
        {"name": as_text(p.name), "tags": sorted(found[p]["tags"]), "owners": found[p]["owners"]}
        for p in params
    ]


def describe(layers, params, sources, outputs):
    # type: (Sequence[Layer], Sequence[Variable], Sequence[Layer], Sequence[Layer]) -> dict[str, Any]
    """Return the part of ``meta`` that names things; layers are referred to by their index K."""
    import lasagne
    import theano

    return {
        "format": FORMAT,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "numpy": np.__version__,
        "theano": str(theano.__version__),
        "lasagne": str(lasagne.__version__),
        "floatX": str(theano.config.floatX),
        "layers": [
            {
                "name": as_text(layer.name),
                "kind": "%s.%s" % (type(layer).__module__, type(layer).__name__),
                "incoming": [layers.index(other) for other in fed_by(layer)],
                "output_shape": [None if n is None else int(n) for n in layer.output_shape],
            }
            for layer in layers
        ],
        "params": describe_params(layers, params),
        "inputs": [layers.index(source) for source in sources],
        "outputs": [layers.index(output) for output in outputs],
    }


def numbered(prefix, values):
    # type: (str, Iterable[Array]) -> dict[str, Array]
    """Return values by key: ``prefix/0``, ``prefix/1``, ..."""
    return dict(("%s/%d" % (prefix, i), value) for i, value in enumerate(values))


@contextlib.contextmanager
def restored(params, values):
    # type: (Sequence[Variable], Sequence[Array]) -> Iterator[None]
    """Give shared variables their values back at the end."""
    try:
        yield
    finally:
        for param, value, new in zip(params, values, read_params(params, values)):
            if new is not value:
                param.set_value(value)


def read_params(params, known):
    # type: (Sequence[Variable], Sequence[Array]) -> list[Array]
    """Return the values of shared variables: the arrays that are known, where nothing changed.

    Most parameters change in no training pass, and need not be in memory once for each.
    """
    return [
        old if np.array_equal(param.get_value(borrow=True), old) else param.get_value()
        for param, old in zip(params, known)
    ]


def run_mode(mode, forward, arrays, outputs):
    # type: (str, Pass, Sequence[Array], Sequence[int]) -> dict[str, Array]
    """Return what all layers compute in a mode, and what they draw."""
    values, masks = forward.run(arrays)
    record = numbered(mode + "/layers", values)
    record.update(numbered(mode + "/outputs", [values[k] for k in outputs]))
    record.update(("%s/%s" % (mode, key), mask) for key, mask in masks.items())
    return record


def run_passes(training, params, values, batches, tell):
    # type: (Pass, Sequence[Variable], Sequence[Array], Sequence[Sequence[Array]], Tell) -> dict[str, Array]
    """Return what consecutive training passes are fed and draw, and the parameters after each."""
    record = {}  # type: dict[str, Array]
    for p, batch in enumerate(batches, 1):
        tell("training pass %d of %d" % (p, len(batches)))
        _, masks = training.run(batch)
        record.update(numbered("batches/%d" % p, batch))
        record.update(("passes/%d/%s" % (p, key), mask) for key, mask in masks.items())
        values = read_params(params, values)
        record.update(numbered("training/params/%d" % p, values))
    return record


def run_gradients(record, forward, outputs, params):
    # type: (dict[str, Array], dict[str, Pass], Sequence[int], dict[int, Variable]) -> tuple[dict[str, Array], str | None]
    """Differentiate both modes, at the inputs, masks and cotangents of a record.

    Returns the gradients by key, or none of them and the reason why Theano has none.
    """
    variables = forward["training"].inputs
    inputs = [(i, v) for i, v in enumerate(variables) if v.dtype.startswith("float")]
    keys = ["grads/%d" % n for n in sorted(params)] + ["input_grads/%d" % i for i, _ in inputs]
    wrt = [params[n] for n in sorted(params)] + [variable for _, variable in inputs]
    if not wrt:
        return {}, "neither trainable parameters nor floating point inputs"
    arrays = [record["inputs/%d" % i] for i in range(len(variables))]
    cotangents = [record["cotangents/%d" % j] for j in range(len(outputs))]
    found = {}  # type: dict[str, Array]
    for mode, _ in MODES:
        masks = [record["%s/%s" % (mode, key)] for key, _ in forward[mode].masks]
        try:
            values = forward[mode].gradients(outputs, wrt, arrays + cotangents + masks)
        except Exception as error:
            if type(error).__name__ not in NO_GRADIENT:
                raise
            reason = str(error).strip().splitlines()
            return {}, "%s: %s" % (type(error).__name__, reason[0] if reason else "no gradient")
        found.update(("%s/%s" % (mode, key), value) for key, value in zip(keys, values))
    return found, None


def probe_layers(
    net,
    inputs=None,
    batches=None,
    seed=0,
    passes=PASSES,
    grid=GRID,
    command="",
    tell=lambda stage: None,
):
    # type: (Net, Sequence[Array] | None, Sequence[Sequence[Array]] | None, int, int, float, str, Tell) -> dict[str, Array]
    """Run a net of live Lasagne layers in both modes; leave it as it was.

    Parameters
    ----------
    net : Layer, or list, tuple or dict of Layer
        The output layer or layers.
    inputs : sequence of array, optional
        One array for each input layer, in ``get_all_layers`` order; drawn from `seed` if missing.
    batches : sequence of sequence of array, optional
        For each training pass one array for each input layer; drawn from `seed` if missing.
    seed : int
        Seeds inputs, batches, cotangents, and the streams of stochastic layers.
    passes : int
        How many training passes to make, if `batches` is missing.
    grid : float
        Drawn inputs are multiples of it; a coarse one makes ties and exact zeros.
    command : str
        What to note as the command, without any path.
    tell : callable
        Told each stage.

    Returns
    -------
    dict of str to array
        The record; see the module's docstring for its keys.
    """
    from lasagne.layers import InputLayer, get_all_layers, get_all_params

    outputs = list_outputs(net) if isinstance(net, dict) else list_layers(net)
    layers = get_all_layers(outputs)
    params = get_all_params(outputs)
    sources = [layer for layer in layers if isinstance(layer, InputLayer)]
    rng = np.random.RandomState(seed)

    def draw_inputs():
        # type: () -> list[Array]
        masks = list_masks(layers)
        shapes = choose_input_shapes(layers, sources, bool(masks))
        return [
            draw_mask(rng, shape, source.input_var.dtype)
            if source in masks
            else draw_values(rng, shape, source.input_var.dtype, grid)
            for shape, source in zip(shapes, sources)
        ]

    def as_fed(arrays):
        # type: (Sequence[Array]) -> list[Array]
        return [np.asarray(a, source.input_var.dtype) for a, source in zip(arrays, sources)]

    fed = draw_inputs() if inputs is None else as_fed(inputs)
    if batches is None:
        batches = [draw_inputs() for _ in range(passes)]
    else:
        batches = [as_fed(batch) for batch in batches]
    meta = describe(layers, params, sources, outputs)
    meta.update(seed=seed, passes=len(batches), grid=grid, command=command)
    trainable = dict(
        (n, param) for n, param in enumerate(params) if "trainable" in meta["params"][n]["tags"]
    )
    record = numbered("inputs", fed)
    before = [param.get_value() for param in params]
    record.update(numbered("params", before))
    tell("building functions")
    forward = dict((mode, Pass(layers, sources, fixed, seed)) for mode, fixed in MODES)
    for mode, _ in MODES:
        tell(mode)
        with restored(params, before):
            record.update(run_mode(mode, forward[mode], fed, meta["outputs"]))
    with restored(params, before):
        record.update(run_passes(forward["training"], params, before, batches, tell))
    shapes = [record["inference/outputs/%d" % j].shape for j in range(len(outputs))]
    dtype = meta["floatX"]
    record.update(numbered("cotangents", [draw_values(rng, shape, dtype) for shape in shapes]))
    tell("gradients")
    gradients, meta["no_gradient"] = run_gradients(record, forward, meta["outputs"], trainable)
    record.update(gradients)
    text = json.dumps(meta, sort_keys=True)
    record["meta"] = np.array(text.encode("ascii").decode("ascii"))  # unicode in Python 2 too
    return dict((key, np.asarray(value, order="C")) for key, value in record.items())


def write_arrays(stream, record, compression=zipfile.ZIP_DEFLATED):
    # type: (BinaryIO, Mapping[str, Array], int) -> None
    """Write a record as the content of an npz: the same record gives the same bytes."""
    with zipfile.ZipFile(stream, "w", allowZip64=True) as archive:  # Python 2 has to be asked
        for key in sorted(record):
            buffer = BytesIO()
            np.lib.format.write_array(  # type: ignore[no-untyped-call] # numpy has no types
                buffer, record[key], allow_pickle=False
            )
            member = zipfile.ZipInfo(key + ".npy", (1980, 1, 1, 0, 0, 0))
            member.compress_type = compression
            member.external_attr = 0o644 << 16
            archive.writestr(member, buffer.getvalue())


def save_record(path, record):
    # type: (str, dict[str, Array]) -> None
    """Write a record as npz, and never half a file."""
    partial = path + ".partial"
    try:
        with open(partial, "wb") as stream:
            write_arrays(stream, record)
        if os.name == "nt" and os.path.exists(path):  # Python 2.7 has no os.replace
            os.remove(path)
        os.rename(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def unpickle(stream):
    # type: (BinaryIO) -> Net
    """Unpickle a trusted net, which runs whatever the file says."""
    # Python 2's byte strings, and the arrays in them, read as latin-1 by Python 3.
    options = {} if sys.version_info[0] == 2 else {"encoding": "latin1"}  # type: dict[str, Any]
    start = stream.read(len(ZIP))
    stream.seek(0)
    if start == ZIP:
        with zipfile.ZipFile(stream) as archive:
            unpickler = pickle.Unpickler(BytesIO(archive.read("pkl")), **options)
            array = functools.partial(read_member, archive)
            unpickler.persistent_load = array  # type: ignore[method-assign] # as pickle wants it
            net = unpickler.load()
    else:
        net = pickle.load(stream, **options)
    net = getattr(net, "layers_", net)  # nolearn's net is an object around a dict
    restore_auto(list_layers(net))
    return net


def read_member(archive, name):
    # type: (zipfile.ZipFile, str) -> Array
    """Return an array of an archive of ``theano.misc.pkl_utils``, by its kind and its name.

    Theano's own reader fails where the name has a dot, as in Lasagne's "hidden.W".
    """
    kind, _, member = name.partition(".")
    content = BytesIO(archive.read(member))
    if kind == "gpuarray":
        pickle.load(content)  # the name of the GPU stands before the array
    return np.load(content, allow_pickle=False)  # type: ignore[no-any-return] # numpy's is unknown


def restore_auto(outputs):
    # type: (Sequence[Layer]) -> None
    """Give each ExpressionLayer its 'auto' back, where unpickling made an equal one."""
    from lasagne.layers import get_all_layers

    for layer in get_all_layers(outputs):
        if getattr(layer, "_output_shape", None) == AUTO:
            layer._output_shape = AUTO


def load_net(path):
    # type: (str) -> Net
    """Unpickle a trusted net, and set floatX to the widest dtype of its parameters and inputs."""
    import theano
    from lasagne.layers import get_all_layers, get_all_params

    with open(path, "rb") as stream:
        net = unpickle(stream)
    listed = list_layers(net)
    variables = get_all_params(listed)
    variables += [x.input_var for x in get_all_layers(listed) if hasattr(x, "input_var")]
    dtypes = [np.dtype(variable.dtype) for variable in variables]
    floating = [dtype for dtype in dtypes if dtype.kind == "f"]
    if floating:
        theano.config.floatX = str(max(floating, key=lambda dtype: dtype.itemsize))
    return net


def run_script(path):
    # type: (str) -> ModuleType
    """Run a Python file as a module that can import its neighbours."""
    folder, filename = os.path.split(os.path.abspath(path))
    module = ModuleType(os.path.splitext(filename)[0])
    module.__file__ = path
    sys.path.insert(0, folder)
    sys.modules[module.__name__] = module  # what it defines can be pickled
    sys.argv = [path]
    with open(path, "rb") as stream:
        code = compile(stream.read(), path, "exec", dont_inherit=True)
    exec(code, vars(module))  # noqa: S102 - what it was given for
    return module


def load_script(path, name, kwargs):
    # type: (str, str, dict[str, Any]) -> tuple[Net, dict[str, Any]]
    """Build the net of a script's function, or of a file of cases, with arguments for the probe."""
    module = run_script(path)
    if not hasattr(module, name) and hasattr(module, "build"):
        return module.build(name), module.arguments(name)
    return getattr(module, name)(**kwargs), {}


def set_params(outputs, values):
    # type: (Sequence[Layer], Sequence[Array]) -> None
    """Give a net other parameters, in ``get_all_params`` order; none may lose precision."""
    from lasagne.layers import get_all_params

    params = get_all_params(outputs)
    if len(params) != len(values):
        raise ValueError("%d parameters for a net that has %d" % (len(values), len(params)))
    for n, (param, value) in enumerate(zip(params, values)):
        cast = np.asarray(value, param.dtype)
        if param.get_value(borrow=True).shape != value.shape or not same(cast, value):
            old = param.get_value(borrow=True)
            raise ValueError(
                "parameter %d (%s) is %s %s, and cannot be %s %s"
                % (n, as_text(param.name), old.dtype, old.shape, value.dtype, value.shape)
            )
        param.set_value(cast)


def same(one, other):
    # type: (Array, Array) -> bool
    """Tell whether two arrays hold the same numbers, NaN included."""
    return bool(((one == other) | ((one != one) & (other != other))).all())


def read_series(archive, prefix):
    # type: (Any, str) -> list[Array]
    """Return the arrays ``prefix/0``, ``prefix/1``, ... of an npz."""
    keys = [key.rpartition("/") for key in archive.files]
    count = sum(start == prefix for start, _, _ in keys)
    return [archive["%s/%d" % (prefix, i)] for i in range(count)]


def read_inputs(path):
    # type: (str) -> dict[str, Any]
    """Return the ``inputs/I`` and ``batches/P/I`` of an npz as arguments of `probe_layers`."""
    with np.load(path, allow_pickle=False) as archive:
        passes = set(key.split("/")[1] for key in archive.files if key.startswith("batches/"))
        found = {"inputs": read_series(archive, "inputs")}  # type: dict[str, Any]
        if passes:
            batches = range(1, len(passes) + 1)
            found["batches"] = [read_series(archive, "batches/%d" % p) for p in batches]
        return found


def import_lasagne():
    # type: () -> str
    """Import Theano and Lasagne, and return their versions."""
    if sys.version_info >= (3, 9):  # the others need none of lasport's repairs
        try:
            from lasport import theano_compat
        except ImportError:
            pass
        else:
            theano_compat.install()
    import theano

    # Only now: without Theano Lasagne fails in words of its own.
    python = "%d.%d.%d" % sys.version_info[:3]
    import lasagne

    return "Lasagne %s on Theano %s, Python %s" % (lasagne.__version__, theano.__version__, python)


@contextlib.contextmanager
def ending(status):
    # type: (int) -> Iterator[None]
    """End the process with a status where a block fails, and with the reason on stderr."""
    try:
        yield
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a net or a script runs, and raises anything
        told = traceback.format_exc().rstrip()
        reason = traceback.format_exception_only(type(error), error)[-1]
        reason = reason.strip().partition("\n")[0]
        sys.stderr.write(told + ("" if told.endswith(reason) else "\n" + reason) + "\n")
        raise SystemExit(status)


def parse(argv):
    # type: (Sequence[str] | None) -> argparse.Namespace
    """Return the options of a command line."""
    parser = argparse.ArgumentParser(description="Record what the real Lasagne computes for a net.")
    parser.add_argument("net", help="NET.pkl, SCRIPT.py:FUNCTION, or CASES.py:NAME")
    parser.add_argument("out", help="the record to write, an npz")
    parser.add_argument(
        "--inputs", help="npz with inputs/I and, if wanted, batches/P/I and params/N"
    )
    parser.add_argument("--seed", type=int)
    parser.add_argument("--passes", type=int)
    parser.add_argument("--outputs", type=int, nargs="+", help="places among all layers")
    parser.add_argument(
        "--kwargs", type=ast.literal_eval, default={}, help="what FUNCTION is called with"
    )
    return parser.parse_args(argv)


def load(options):
    # type: (argparse.Namespace) -> tuple[list[Layer], dict[str, Any]]
    """Return the outputs that a command line asks for, and the arguments of `probe_layers`."""
    from lasagne.layers import get_all_layers

    path, _, name = options.net.rpartition(":")
    if path.endswith(".py"):
        net, arguments = load_script(path, name, options.kwargs)
    else:
        net, arguments = load_net(options.net), {}
    layers = get_all_layers(list_layers(net))
    if not layers:
        raise ValueError("no Lasagne layers, but an object of %s" % type(net))
    places = options.outputs
    outputs = list_outputs(net) if places is None else [layers[k] for k in places]
    shown = ["probe.py", os.path.basename(options.net), "OUT.npz"]
    for option in ("seed", "passes"):
        value = getattr(options, option)
        if value is not None:
            arguments[option] = value
            shown += ["--" + option, str(value)]
    if options.inputs is not None:
        arguments.update(read_inputs(options.inputs))
        shown += ["--inputs", "IN.npz"]
        with np.load(options.inputs, allow_pickle=False) as archive:
            params = read_series(archive, "params")
        if params:
            set_params(outputs, params)
    arguments.setdefault("command", " ".join(shown))
    return outputs, arguments


def main(argv=None):
    # type: (Sequence[str] | None) -> int
    """Probe one net and write its record."""
    options = parse(argv)
    # Later flags win: the user's own.
    os.environ["THEANO_FLAGS"] = ",".join([FLAGS, os.environ.get("THEANO_FLAGS", "")])
    stdout, sys.stdout = sys.stdout, sys.stderr  # what a script prints is no stage

    def tell(stage):
        # type: (str) -> None
        stdout.write(stage + "\n")
        stdout.flush()

    tell("importing Theano and Lasagne")
    with ending(IMPORTING):
        tell(import_lasagne())
    sys.setrecursionlimit(50000)  # graphs nest deeply
    tell("loading the net")
    with ending(LOADING):
        net, arguments = load(options)
    with ending(RUNNING):
        record = probe_layers(net, tell=tell, **arguments)
    tell("writing the record")
    save_record(options.out, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The golden cases: named nets built with the real Lasagne, one for every option of every family.

Runs on Python 2.7 and 3 with Lasagne 0.2.dev1; nothing of Theano or Lasagne is imported before a
case is built. `build` returns what a user would pickle, `arguments` what `probe_layers` takes.
"""

import os
import sys
import zlib
from collections import OrderedDict, namedtuple

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from axes_families import AXES_FAMILIES
from conv_families import CONV_FAMILIES
from custom_recurrent_families import CUSTOM_RECURRENT_FAMILIES
from embedding_families import EMBEDDING_FAMILIES
from families import FAMILIES
from inverse_families import INVERSE_FAMILIES
from nets import NETS
from noise_families import NOISE_FAMILIES
from normalization_families import NORMALIZATION_FAMILIES
from pooling_families import POOLING_FAMILIES
from recurrent_families import RECURRENT_FAMILIES
from sampling_families import SAMPLING_FAMILIES
from sharing_families import SHARING_FAMILIES
from special_families import SPECIAL_FAMILIES

# Values of parameters are multiples of this, so that they are exact in float32 too.
GRID = 2.0**-18

# What a case has unless its table says otherwise:
#   passes          training passes to record; one where no layer keeps running averages
#   grid            inputs are multiples of it
#   floatX          precision of parameters and inputs
#   container       what is pickled: layer, list, tuple, dict of all layers by name
SETTINGS = {
    "passes": 1,
    "grid": GRID,
    "floatX": "float64",
    "container": "layer",
}

Case = namedtuple("Case", ["name", "family", "builder", "options", "pins"] + sorted(SETTINGS))


class MissingFromLasagneError(Exception):
    """The installed Lasagne (PyPI has 0.1) lacks a class or an option that the case needs."""


def collect_cases():
    """Return all cases by name, in the order of the tables."""
    rows = [
        (name, family, builder, options, pins, settings)
        for family, builder, table, settings in FAMILIES
        + CONV_FAMILIES
        + RECURRENT_FAMILIES
        + CUSTOM_RECURRENT_FAMILIES
        + POOLING_FAMILIES
        + AXES_FAMILIES
        + EMBEDDING_FAMILIES
        + SPECIAL_FAMILIES
        + NORMALIZATION_FAMILIES
        + NOISE_FAMILIES
        + SAMPLING_FAMILIES
        + SHARING_FAMILIES
        + INVERSE_FAMILIES
        for name, options, pins in table
    ] + [
        ("net_" + name, "nets", builder, {}, pins, dict(settings, passes=5))
        for name, builder, pins, settings in NETS
    ]
    cases = OrderedDict()
    for name, family, builder, options, pins, settings in rows:
        if name in cases:
            raise ValueError("two cases are called %r" % name)
        cases[name] = Case(name, family, builder, options, pins, **dict(SETTINGS, **settings))
    return cases


CASES = collect_cases()


def seed(name):
    """Return the seed of a case, which depends on nothing but its name."""
    return zlib.crc32(name.encode("ascii")) & 0x7FFFFFFF


def build(name):
    """Return the net of a case as its user would pickle it, with random parameters."""
    import lasagne
    import theano
    from lasagne.layers import get_all_layers

    case = CASES[name]
    theano.config.floatX = case.floatX
    lasagne.random.set_rng(np.random.RandomState(seed(name)))
    try:
        net = case.builder(**case.options)
        outputs = net if isinstance(net, list) else [net]
        for layer in get_all_layers(outputs):
            layer.output_shape  # noqa: B018 - Lasagne 0.1 cannot tell all of them
    except (AttributeError, ImportError, RuntimeError, TypeError) as error:
        if lasagne.__version__ == "0.1":
            raise MissingFromLasagneError("%s: %s" % (name, error))
        raise
    set_random_params(outputs, np.random.RandomState(seed(name) + 1))
    if case.container == "dict":
        return dict((layer.name, layer) for layer in get_all_layers(outputs))
    return {
        "layer": net,
        "list": outputs,
        "tuple": tuple(outputs),
    }[case.container]


def arguments(name):
    """Return the arguments of `probe_layers` for a case."""
    case = CASES[name]
    command = "probe.py cases.py:%s OUT.npz" % name
    return {"seed": seed(name), "passes": case.passes, "grid": case.grid, "command": command}


def set_random_params(outputs, rng):
    """Give every parameter random values, so that none can be left out unnoticed.

    Averages of batch normalization are far from what the data would give; ``inv_std`` stays within
    (0.3, 1.8), below its upper bound ``1 / sqrt(epsilon)`` for every epsilon in the tables.
    Initial states that are 0 and not learned stay so: that is what most nets have.
    """
    from lasagne.layers import get_all_params

    learned = set(get_all_params(outputs, trainable=True))
    for param in get_all_params(outputs):
        old = param.get_value()
        kind = param.name.rpartition(".")[2]
        if kind in ("hid_init", "cell_init") and param not in learned and not old.any():
            continue
        if kind == "inv_std":
            new = rng.uniform(0.3, 1.8, old.shape)
        elif kind in ("gamma", "scales"):
            new = rng.uniform(0.4, 1.6, old.shape) * rng.choice([1, 1, -1], old.shape)
        elif kind == "W":
            fan_in = old.shape[0] if old.ndim == 2 else np.prod(old.shape[1:])
            new = rng.standard_normal(old.shape) * 1.2 / np.sqrt(fan_in)
        else:
            new = rng.standard_normal(old.shape) * 0.5 + 0.1
        param.set_value((np.round(new / GRID) * GRID).astype(old.dtype))

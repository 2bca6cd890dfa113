"""How the nets were trained in Lasagne, and what that gave: the numbers of recorded/.

Python 2.7 or 3, Theano 1.0.5, Lasagne 0.2.dev1::

    python lasagne_training.py [NAME...]
"""

from __future__ import print_function

import os
import sys

import lasagne
import lasagne_nets
import numpy as np
import theano
import theano.tensor as T
from numpy.random import RandomState

HERE = os.path.dirname(os.path.abspath(__file__))
DIGITS = os.path.join(HERE, os.pardir, os.pardir, "lasport", "data", "digits.npz")
NAMES = [
    "update_ops",
    "population_statistics",
    "moving_average",
    "normalized_logits",
    "penalized",
    "towers",
]
STEPS, BATCH = 60, 32


def cross_entropy(net, x, labels, **options):
    probabilities = lasagne.layers.get_output(net, x, **options)
    return lasagne.objectives.categorical_crossentropy(probabilities, labels).mean()


def prepare(name, net, x, labels):
    """Return loss and updates of a step, and the averages of the variables that `towers` keeps."""
    params = lasagne.layers.get_all_params(net, trainable=True)
    if name == "towers":
        # Each tower normalizes its own half; the averages follow the first one.
        half = BATCH // 2
        first = cross_entropy(net, x[:half], labels[:half])
        second = cross_entropy(net, x[half:], labels[half:], batch_norm_update_averages=False)
        loss = (first + second) / 2
        updates = lasagne.updates.sgd(loss, params, 0.1)
        count = theano.shared(np.float64(0))
        # TensorFlow computes this in float32, whatever the variables are.
        number = T.cast(count, "float32")
        share = 1 - T.minimum(np.float32(0.99), (1 + number) / (10 + number))
        averages = [theano.shared(param.get_value()) for param in params]
        for average, param in zip(averages, params):
            updates[average] = average - T.cast(share, "float64") * (average - updates[param])
        updates[count] = count + 1
        return loss, updates, averages
    loss = cross_entropy(net, x, labels)
    if name == "penalized":
        weights = [p for p in params if p.name and p.name.split(".")[-1] in ("W", "b")]
        loss = loss + 5e-4 / 2 * lasagne.regularization.apply_penalty(
            weights, lasagne.regularization.l2
        )
    rules = {
        "update_ops": lambda: lasagne.updates.adam(loss, params, 0.01),
        "population_statistics": lambda: lasagne.updates.sgd(loss, params, 0.5),
        "moving_average": lambda: lasagne.updates.adam(loss, params, 0.02),
        "normalized_logits": lambda: lasagne.updates.sgd(loss, params, 0.1),
        "penalized": lambda: lasagne.updates.momentum(loss, params, 0.01, 0.9),
    }
    return loss, rules[name](), []


def project(values):
    """Return one number for each array, which any change of an entry changes."""
    return [float(np.dot(RandomState(v.size).normal(size=v.size), np.ravel(v))) for v in values]


def record(name):
    net = getattr(lasagne_nets, name)()
    shape = lasagne.layers.get_all_layers(net)[0].shape
    x, labels = (T.matrix() if len(shape) == 2 else T.tensor4()), T.ivector()
    loss, updates, averages = prepare(name, net, x, labels)
    step = theano.function([x, labels], loss, updates=updates)
    modes = [
        theano.function(
            [x], lasagne.layers.get_output(net, x, deterministic=mode, batch_norm_update_averages=0)
        )
        for mode in (True, False)
    ]
    with np.load(DIGITS) as digits:
        images, y = digits["X"].astype(np.float64), digits["y"]
    images = images.reshape((-1,) + tuple(shape[1:]))
    order = RandomState(0).permutation(len(y))
    some, rows, losses = images[order[-12:]], [], []
    before = [mode(some) for mode in modes]
    for number in range(STEPS):
        batch = order[np.arange(number * BATCH, (number + 1) * BATCH) % 1400]
        losses.append(step(images[batch], y[batch]))
        rows.append(project(lasagne.layers.get_all_param_values(net)))
    np.savez(
        os.path.join(HERE, "recorded", name + ".npz"),
        losses=losses,
        projections=rows,
        averages=project([average.get_value() for average in averages]),
        before=before,
        after=[mode(some) for mode in modes],
    )
    print(name, losses[0], losses[-1])


if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        record(name)

"""What the real Lasagne makes of a running statistic in further training, for draw.py.

The packaged digits net takes thirty steps of adam on eight digits each, without dropout, in
float64; ``running_statistics.npz`` gets ``fc_bn.inv_std`` before the first and after each of
them. Python 2.7 or 3 with Theano 1.0.5 and Lasagne 0.2.dev1::

    PYTHONPATH=LASAGNE python2.7 docs/pictures/record_statistics.py
"""
# Runs on Python 2.7 as well, which has no pathlib:
# ruff: noqa: E402, I001, PTH100, PTH118, PTH120, UP010, UP031

from __future__ import print_function

import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, os.pardir, "examples", "digits"))
import lasagne_net  # makes Theano importable
import lasagne
import theano

STEPS, BATCH = 30, 8


def main():
    theano.config.floatX = "float64"
    digits, labels, held_out, _ = lasagne_net.load_data()
    net = lasagne_net.build_net()
    lasagne_net.take_over(net, lasagne_net.trained_values())
    for layer in lasagne.layers.get_all_layers(net):
        if isinstance(layer, lasagne.layers.DropoutLayer):
            layer.p = 0
    (inv_std,) = [p for p in lasagne.layers.get_all_params(net) if p.name == "fc_bn.inv_std"]
    step = lasagne_net.compile_step(net)
    recorded = [inv_std.get_value()]
    for start in range(0, STEPS * BATCH, BATCH):
        batch = slice(start, start + BATCH)
        step(digits[~held_out][batch], labels[~held_out][batch])
        recorded.append(inv_std.get_value())
    np.savez(os.path.join(HERE, "running_statistics.npz"), inv_std=recorded)
    print("fc_bn.inv_std: %.4f to %.4f" % (recorded[0].mean(), recorded[-1].mean()))


if __name__ == "__main__":
    main()

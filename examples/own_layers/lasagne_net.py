"""Two nets with layer classes of their author's: built, given parameters, pickled and recorded.

    PYTHONPATH=LASAGNE python2.7 lasagne_net.py

writes ``attention.pkl`` and ``weight_norm.pkl`` beside this file, as their author would have, and
what Theano computes with them: ``attention.npz`` and ``weight_norm.npz``. The records come from
lasport's ``lasport/oracles/probe.py``, which Python 2.7 runs as well.
"""

import os
import pickle
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
PROBE = os.path.join(HERE, "..", "..", "lasport", "oracles")
SEEDS = {"attention": 3, "weight_norm": 4}


def build_attention():
    """Build (batch, time, 5 features) -> 3 probabilities, one attention pool in between."""
    from lasagne import layers, nonlinearities
    from lasagne_layers import AttentionPoolLayer

    net = layers.InputLayer((None, None, 5), name="steps")
    net = layers.DenseLayer(
        net, 7, nonlinearity=nonlinearities.tanh, num_leading_axes=2, name="hidden"
    )
    net = AttentionPoolLayer(net, 4, name="attention")
    return layers.DenseLayer(net, 3, nonlinearity=nonlinearities.softmax, name="probabilities")


def build_weight_norm():
    """Build (batch, 2 channels, 6 x 5) images -> 3 probabilities."""
    from lasagne import layers, nonlinearities
    from lasagne_layers import MeanOnlyBatchNormLayer, WeightNormDenseLayer

    net = layers.InputLayer((None, 2, 6, 5), name="image")
    net = layers.Conv2DLayer(net, 4, 3, pad=1, name="conv")
    net = MeanOnlyBatchNormLayer(net, alpha=0.2, name="centred")
    net = WeightNormDenseLayer(
        net, 7, nonlinearity=nonlinearities.LeakyRectify(0.1), name="normalized"
    )
    return layers.DenseLayer(net, 3, nonlinearity=nonlinearities.softmax, name="probabilities")


def build(name):
    """Return a net by name, with random parameters, in double precision."""
    import theano

    theano.config.floatX = "float64"
    net = {"attention": build_attention, "weight_norm": build_weight_norm}[name]()
    from lasagne.layers import get_all_params

    random = np.random.RandomState(SEEDS[name])
    for param in get_all_params(net):
        # Multiples of 2**-18 are exact in single precision too.
        values = np.round(random.normal(0.1, 0.5, param.get_value().shape) * 2.0**18) / 2.0**18
        param.set_value(values)
    return net


def main():
    """Write the pickles and the records."""
    sys.path[:0] = [HERE, PROBE]
    import probe

    os.environ["THEANO_FLAGS"] = probe.FLAGS
    for name in sorted(SEEDS):
        net = build(name)
        with open(os.path.join(HERE, name + ".pkl"), "wb") as stream:
            pickle.dump(net, stream, protocol=2)
        arrays = probe.probe_layers(net, seed=SEEDS[name], passes=5, command="lasagne_net.py")
        probe.save_record(os.path.join(HERE, name + ".npz"), arrays)
        print(name)


if __name__ == "__main__":
    main()

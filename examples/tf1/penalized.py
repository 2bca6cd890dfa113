"""One hidden layer of 1024 units, batch normalization of the input too, L2 on weights and biases.

tf.nn.l2_loss is half the sum of squares, lasagne.regularization.l2 the whole. Scales and offsets of
batch normalization are not penalized; the biases are, though normalization takes the hidden ones
away again.
"""

import numpy as np
import tensorflow as tf
from digits import Program, lasagne_net, report

import lasport

v1 = tf.compat.v1
PENALTY = 5e-4


def build(alpha=0.1, update=True, profile="exact"):
    net = lasagne_net("penalized", alpha=alpha)
    images = v1.placeholder(tf.float64, (None, 64))
    labels = v1.placeholder(tf.int32, (None,))
    training = v1.placeholder_with_default(False, ())
    graph = lasport.to_tf1(net, images, training, profile=profile)
    picked = tf.reduce_sum(graph.outputs * tf.one_hot(labels, 10, dtype=tf.float64), 1)
    penalized = [
        graph.variables[f"{layer}/{name}"]
        for layer in ("hidden", "output")
        for name in ("kernel", "bias")
    ]
    loss = -tf.reduce_mean(tf.math.log(picked))
    loss += PENALTY * tf.add_n([tf.nn.l2_loss(variable) for variable in penalized])
    with tf.control_dependencies(graph.update_ops if update else []):
        train_op = v1.train.MomentumOptimizer(np.float64(0.01), np.float64(0.9)).minimize(loss)
    return Program(images, labels, training, graph.outputs, loss, train_op, graph.param_values)


if __name__ == "__main__":
    report(build, "penalized")

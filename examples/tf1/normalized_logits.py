"""A deep net with batch normalization before every activation, and on the logits.

The 784-300-100-10 net of many a notebook, for digits of 64 pixels: 64-300-100-10, ELU, momentum
0.9, gradient descent, everything fed through placeholders.
"""

import numpy as np
import tensorflow as tf
from digits import Program, lasagne_net, report

import lasport

v1 = tf.compat.v1


def build(alpha=0.1, update=True, profile="exact"):
    net = lasagne_net("normalized_logits", alpha=alpha)
    X = v1.placeholder(tf.float64, (None, 64), name="X")
    y = v1.placeholder(tf.int32, (None,), name="y")
    training = v1.placeholder_with_default(False, (), name="training")
    with v1.variable_scope("dnn"):
        graph = lasport.to_tf1(net, X, training, profile=profile)
    # The layer before the softmax: names are Lasagne's.
    logits = graph.layers[net["output"].incoming[0]]
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
    # numpy's: optimizers hold Python's numbers in float32, whatever the variables are.
    optimizer = v1.train.GradientDescentOptimizer(np.float64(0.1))
    with tf.control_dependencies(graph.update_ops if update else []):
        training_op = optimizer.minimize(loss)
    return Program(X, y, training, graph.outputs, loss, training_op, graph.param_values)


if __name__ == "__main__":
    report(build, "normalized_logits")

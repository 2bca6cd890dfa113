"""Batch normalization in the style of tf.layers: momentum, update ops, a placeholder for the mode.

tf.compat.v1.layers.batch_normalization is gone since Keras 3. lasport.to_tf1 builds the same from
Lasagne's net: momentum is 1 - alpha, and what moves the averages is in UPDATE_OPS. `renorm` was
False by default, and then `renorm_momentum` was not looked at.
"""

import numpy as np
import tensorflow as tf
from digits import Program, lasagne_net, report

import lasport

v1 = tf.compat.v1


def build(alpha=0.1, update=True, profile="exact"):
    net = lasagne_net("update_ops", alpha=alpha)
    images = v1.placeholder(tf.float64, (None, 64))
    labels = v1.placeholder(tf.int32, (None,))
    training = v1.placeholder_with_default(False, ())
    graph = lasport.to_tf1(net, images, training, profile=profile)
    picked = tf.reduce_sum(graph.outputs * tf.one_hot(labels, 10, dtype=tf.float64), 1)
    loss = -tf.reduce_mean(tf.math.log(picked))
    # numpy's: optimizers hold Python's numbers in float32, whatever the variables are.
    optimizer = v1.train.AdamOptimizer(*map(np.float64, (0.01, 0.9, 0.999, 1e-8)))
    update_ops = v1.get_collection(v1.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops if update else []):
        train_op = optimizer.minimize(loss)
    return Program(images, labels, training, graph.outputs, loss, train_op, graph.param_values)


if __name__ == "__main__":
    report(build, "update_ops")

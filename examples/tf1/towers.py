"""Two towers with shared variables, as of the CIFAR-10 tutorial for several GPUs.

Each tower takes half of the batch, and normalizes it by itself. Gradients are averaged; of the
running averages, the first tower's are kept, as two towers would overwrite each other's. What is
evaluated may be the averages of the variables over the steps.
"""

import numpy as np
import tensorflow as tf
from digits import Program, lasagne_net, report

import lasport

v1 = tf.compat.v1


def tower(net, images, labels, training, profile):
    graph = lasport.to_tf1(net, images, training, profile=profile)
    picked = tf.reduce_sum(graph.outputs * tf.one_hot(labels, 10, dtype=tf.float64), 1)
    return graph, -tf.reduce_mean(tf.math.log(picked))


def average_gradients(tower_grads):
    """Return the mean over the towers, for each variable."""
    return [
        (tf.add_n([gradient for gradient, _ in pairs]) / len(pairs), pairs[0][1])
        for pairs in zip(*tower_grads)
    ]


def build(alpha=0.1, update=True, profile="exact"):
    net = lasagne_net("towers", alpha=alpha)
    images = v1.placeholder(tf.float64, (None, 1, 8, 8))
    labels = v1.placeholder(tf.int32, (None,))
    training = v1.placeholder_with_default(False, ())
    optimizer = v1.train.GradientDescentOptimizer(np.float64(0.1))
    tower_grads, losses, update_ops = [], [], []
    for number, (x, y) in enumerate(zip(tf.split(images, 2), tf.split(labels, 2))):
        # With several devices: `with tf.device(f"/gpu:{number}")` around this.
        with tf.name_scope(f"tower_{number}") as scope:
            with v1.variable_scope("net", reuse=v1.AUTO_REUSE):
                _, loss = tower(net, x, y, training, profile)
            losses.append(loss)
            tower_grads.append(optimizer.compute_gradients(loss))
            if number == 0:
                update_ops = v1.get_collection(v1.GraphKeys.UPDATE_OPS, scope)
    step = v1.train.get_or_create_global_step()
    train_op = optimizer.apply_gradients(average_gradients(tower_grads))
    with tf.control_dependencies([train_op]):
        ema = v1.train.ExponentialMovingAverage(0.99, tf.cast(step, tf.float64))
        averaged = ema.apply(v1.trainable_variables())
    with tf.control_dependencies([averaged]):
        count = v1.assign_add(step, 1)
    group = tf.group(count, *(update_ops if update else []))
    with v1.variable_scope("net", reuse=True):
        graph, _ = tower(net, images, labels, training, profile)
    # For evaluating the averages: run these, or restore by ema.variables_to_restore().
    v1.add_to_collection("averaged", [v.assign(ema.average(v)) for v in v1.trainable_variables()])
    loss = tf.add_n(losses) / 2
    return Program(
        images, labels, training, graph.outputs, loss, group, graph.param_values, towers=2
    )


if __name__ == "__main__":
    report(build, "towers")

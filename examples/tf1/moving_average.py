"""Batch normalization with tf.train.ExponentialMovingAverage and a phase switch, in float64.

The averages of tensors start at zero; Lasagne's values are assigned to them. There is no
correction for the start (`zero_debias`) and no `num_updates`: Lasagne has neither. Averages of
variances are this program's; `average="inv_std"` averages what Lasagne does.
"""

import numpy as np
import tensorflow as tf
from digits import Program, lasagne_net, report

v1 = tf.compat.v1
EPSILON = 1e-3


def variable(value):
    return v1.Variable(value, use_resource=True)


def batch_norm(x, params, phase, decay, average, update):
    beta, gamma, mean, inv_std = params
    beta, gamma = variable(beta), variable(gamma)
    batch_mean, batch_var = tf.nn.moments(x, [0, 1, 2])
    by_inv_std = average == "inv_std"
    spread = tf.math.rsqrt(batch_var + EPSILON) if by_inv_std else batch_var
    ema = v1.train.ExponentialMovingAverage(decay)

    def mean_var_with_update():
        ema_apply_op = ema.apply([batch_mean, spread])
        with tf.control_dependencies([ema_apply_op] if update else []):
            return tf.identity(batch_mean), tf.identity(batch_var)

    def averages():
        moving = ema.average(spread)
        return ema.average(batch_mean), moving**-2 - EPSILON if by_inv_std else moving

    mean_var = v1.cond(phase, mean_var_with_update, averages)
    normal = tf.nn.batch_normalization(x, *mean_var, beta, gamma, EPSILON)
    stored = ema.average(batch_mean), ema.average(spread)
    values = mean, inv_std if by_inv_std else inv_std**-2 - EPSILON
    start = [v1.assign(*pair) for pair in zip(stored, values)]
    return normal, [beta, gamma, *stored], start


def build(alpha=0.25, update=True, average="inv_std"):
    # In get_all_params order: W, beta, gamma, mean, inv_std; the same again; W, b.
    values = lasagne_net("moving_average").param_values()
    images = v1.placeholder(tf.float64, (None, 1, 8, 8))
    labels = v1.placeholder(tf.int32, (None,))
    phase = v1.placeholder_with_default(False, ())
    net, variables, start = tf.transpose(images, [0, 2, 3, 1]), [], []
    for W, *params in (values[:5], values[5:10]):
        # Lasagne flips filters, and puts channels first.
        kernel = variable(W[:, :, ::-1, ::-1].transpose(2, 3, 1, 0))
        net = tf.nn.conv2d(net, kernel, 1, "VALID")
        net, own, assigned = batch_norm(net, params, phase, 1 - alpha, average, update)
        net, start = tf.nn.elu(net), start + assigned
        variables += [kernel, *own]
    W, b = map(variable, values[10:])
    logits = tf.matmul(tf.reduce_mean(net, [1, 2]), W) + b
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    # numpy's: optimizers hold Python's numbers in float32, whatever the variables are.
    settings = map(np.float64, (0.02, 0.9, 0.999, 1e-8))
    train_op = v1.train.AdamOptimizer(*settings).minimize(loss)

    def get_values(session):
        found = session.run([*variables, W, b])
        for place in (0, 5):
            found[place] = found[place].transpose(3, 2, 0, 1)[:, :, ::-1, ::-1]
        if average == "variance":
            found[4], found[9] = ((found[i] + EPSILON) ** -0.5 for i in (4, 9))
        return found

    probabilities = tf.nn.softmax(logits)
    return Program(images, labels, phase, probabilities, loss, train_op, get_values, start)


if __name__ == "__main__":
    report(build, "moving_average", alpha=0.25)

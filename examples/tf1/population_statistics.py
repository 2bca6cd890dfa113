"""Batch normalization by hand: moments, population statistics and a decay, no layer in sight.

`decay` is the share of the old value: 1 - alpha. The population variance starts as Lasagne's
inv_std**-2 - epsilon. Averaging it is what such programs do; Lasagne averages inv_std, and
`average="inv_std"` does so.
"""

import tensorflow as tf
from digits import Program, lasagne_net, report

v1 = tf.compat.v1
EPSILON = 1e-3


def variable(value, trainable=True):
    return v1.Variable(value, trainable=trainable, use_resource=True)


def batch_norm(x, params, training, decay, average, update):
    beta, gamma, mean, inv_std = params
    beta, gamma = variable(beta), variable(gamma)
    pop_mean = variable(mean, trainable=False)
    stored = inv_std if average == "inv_std" else inv_std**-2 - EPSILON
    pop_spread = variable(stored, trainable=False)
    batch_mean, batch_var = tf.nn.moments(x, [0])
    batch_spread = tf.math.rsqrt(batch_var + EPSILON) if average == "inv_std" else batch_var

    def train():
        moves = [
            pop_mean.assign(pop_mean * decay + batch_mean * (1 - decay)),
            pop_spread.assign(pop_spread * decay + batch_spread * (1 - decay)),
        ]
        # Here the updates need no collection: the output waits for them.
        with tf.control_dependencies(moves if update else []):
            return tf.nn.batch_normalization(x, batch_mean, batch_var, beta, gamma, EPSILON)

    def test():
        pop_var = pop_spread**-2 - EPSILON if average == "inv_std" else pop_spread
        return tf.nn.batch_normalization(x, pop_mean, pop_var, beta, gamma, EPSILON)

    return v1.cond(training, train, test), [beta, gamma, pop_mean, pop_spread]


def build(alpha=0.1, update=True, average="inv_std"):
    # In get_all_params order: W, beta, gamma, mean, inv_std; the same again; W, b.
    values = lasagne_net("population_statistics").param_values()
    images = v1.placeholder(tf.float64, (None, 64))
    labels = v1.placeholder(tf.int32, (None,))
    training = v1.placeholder_with_default(False, ())
    net, variables = images, []
    for W, *params in (values[:5], values[5:10]):
        kernel = variable(W)
        net = tf.matmul(net, kernel)
        net, own = batch_norm(net, params, training, 1 - alpha, average, update)
        net = tf.sigmoid(net)
        variables += [kernel, *own]
    W, b = map(variable, values[10:])
    logits = tf.matmul(net, W) + b
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
    train_op = v1.train.GradientDescentOptimizer(0.5).minimize(loss)

    def get_values(session):
        found = session.run([*variables, W, b])
        if average == "variance":
            found[4], found[9] = ((found[i] + EPSILON) ** -0.5 for i in (4, 9))
        return found

    return Program(images, labels, training, tf.nn.softmax(logits), loss, train_op, get_values)


if __name__ == "__main__":
    report(build, "population_statistics")

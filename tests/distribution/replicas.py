"""Running recorded nets on two replicas: started by test_statistics.py, in a process of its own.

    python replicas.py GOLDEN OUT.npz CASE:PROFILE:STATISTICS ...

STATISTICS are "synchronized" or "per_replica". Batches are split as tf.data does it: the first
replica gets the larger part. Written are, for each case, the averages of batch normalization as
each replica holds them after the recorded passes, the parameters then, and the gradients of the
recorded training pass, summed over the replicas.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import lasport
from lasport.oracles.record import read_record

REPLICAS = 2


def make_strategy():
    (processor,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * REPLICAS
    tf.config.set_logical_device_configuration(processor, parts)
    return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(REPLICAS)])


def split(strategy, array):
    """Return an array's parts, one for each replica; their sizes differ where they have to."""
    parts = np.array_split(array, REPLICAS)
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )


def averages(strategy, model):
    """Yield the averages by layer, name and replica."""
    for layer in model.layers:
        for variable in layer.non_trainable_variables:
            if variable.name.startswith("moving_"):
                for replica, value in enumerate(
                    strategy.experimental_local_results(variable.value)
                ):
                    yield f"{layer.name}/{variable.name}/{replica}", value.numpy()


def gradients(strategy, record, model, optimizer):
    """Return by how much a step of plain gradient descent lowers each parameter."""

    @tf.function
    def step(x, cotangent):
        def replica(x, cotangent):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(model(x, training=True) * cotangent)
            slopes = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(slopes, model.trainable_variables, strict=True))

        strategy.run(replica, (x, cotangent))

    before = lasport.lasagne_param_values(model)
    step(split(strategy, record.inputs[0]), split(strategy, record.cotangents[0]))
    after = lasport.lasagne_param_values(model)
    return [old - new for old, new in zip(before, after, strict=True)]


def run_case(strategy, golden, name, profile, statistics):
    net = lasport.load(golden / f"{name}.pkl.bz2")
    record = read_record(golden / f"{name}.npz.bz2")
    with strategy.scope():
        model = lasport.to_keras(net, profile=profile, synchronized=statistics == "synchronized")
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build(model.trainable_variables)
    start = model.get_weights()

    @tf.function
    def training_pass(x):
        strategy.run(lambda part: model(part, training=True), (x,))

    for number in range(1, record.meta["passes"] + 1):
        training_pass(split(strategy, record.batch(number)[0]))
    yield from averages(strategy, model)
    for number, value in enumerate(lasport.lasagne_param_values(model)):
        yield f"params/{number}", value
    model.set_weights(start)
    for number, value in enumerate(gradients(strategy, record, model, optimizer)):
        yield f"grads/{number}", value


def main():
    golden, out, *cases = sys.argv[1:]
    strategy = make_strategy()
    found = {
        f"{case}/{key}": value
        for case in cases
        for key, value in run_case(strategy, Path(golden), *case.split(":"))
    }
    np.savez(out, **found)


if __name__ == "__main__":
    main()

"""Training the ported digits net on several devices, or in several processes.

The ten steps are those of ``examples/digits/lasagne_net.py --fine-tune``, which Lasagne took in one
process, on the whole batch. What it recorded then is compared with what comes out here::

    python train.py --devices 2             MirroredStrategy, on parts of this machine's processor
    python train.py                         MirroredStrategy, on all GPUs
    python local_workers.py 2 train.py      MultiWorkerMirroredStrategy, two processes here
    TF_CONFIG=... python train.py           the same on machines of a cluster, started on each
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import lasport

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "lasport" / "data"
# Of lasagne_net.py; sums of few powers of two, as Keras' Adam rounds its betas to float32.
LEARNING_RATE, BETA_1, BETA_2 = 2.0**-10, 1 - 2.0**-3, 1 - 2.0**-10
STEPS, BATCH = 10, 32


# --- 1. The strategy


def make_strategy(devices):
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if devices is None:
        return tf.distribute.MirroredStrategy()
    (processor,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * devices
    tf.config.set_logical_device_configuration(processor, parts)
    return tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(devices)])


# --- 2. The model


def build(strategy, profile, synchronized):
    net = lasport.load(DATA / "digits_bn.pkl")
    # Within the scope, variables are made once for each replica.
    with strategy.scope():
        model = lasport.to_keras(net, profile=profile, dtype="float64", synchronized=synchronized)
        optimizer = keras.optimizers.Adam(LEARNING_RATE, BETA_1, BETA_2, epsilon=1e-8)
        # Left to the first step, this would have to happen within replicas, where it cannot.
        optimizer.build(model.trainable_variables)
    # Theano's masks cannot be drawn again.
    model.get_layer("dropout").rate = 0
    return model, optimizer


# --- 3. A step


def make_step(strategy, model, optimizer):
    def replica_step(digits, labels):
        with tf.GradientTape() as tape:
            probabilities = model(digits, training=True)
            losses = -tf.math.log(tf.gather(probabilities, labels, batch_dims=1))
            # By the size of the whole batch: the replicas' gradients are added up.
            loss = tf.reduce_sum(losses) / BATCH
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    @tf.function
    def step(digits, labels):
        losses = strategy.run(replica_step, (digits, labels))
        return strategy.reduce("SUM", losses, axis=None)

    return step


# --- 4. The batches


def make_batches(strategy, digits, labels):
    batches = tf.data.Dataset.from_tensor_slices((digits, labels)).batch(BATCH, drop_remainder=True)
    options = tf.data.Options()
    # Every worker reads all batches, and takes its part of each.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return strategy.experimental_distribute_dataset(batches.take(STEPS).with_options(options))


def train(strategy, model, optimizer, digits, labels):
    step = make_step(strategy, model, optimizer)
    return [float(step(*batch)) for batch in make_batches(strategy, digits, labels)]


# --- The numbers


def load_data():
    """Return digits and labels of the training, and the held-out digits."""
    data = np.load(DATA / "digits.npz")
    held_out = np.zeros(len(data["y"]), dtype=bool)
    held_out[np.load(DATA / "digits_bn_expected.npz")["test"]] = True
    digits = data["X"].astype("float64")
    return digits[~held_out], data["y"][~held_out], digits[held_out]


def inv_std_of(norm):
    if hasattr(norm, "moving_inv_std"):
        return norm.moving_inv_std.numpy()
    return 1 / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)


def differences(model, losses, held_out):
    """Compare with what Lasagne recorded."""
    recorded = np.load(HERE.parent / "digits" / "fine_tuned.npz")
    means, inv_stds = [], []
    for name in ("conv1_bn", "conv2_bn", "conv3_bn", "fc_bn"):
        norm = model.get_layer(name)
        means.append(np.abs(norm.moving_mean.numpy() - recorded[f"{name}.mean"]).max())
        inv_stds.append(np.abs(inv_std_of(norm) / recorded[f"{name}.inv_std"] - 1).max())
    probabilities = model(held_out, training=False).numpy()
    return {
        "losses of the steps": np.abs(losses - recorded["losses"]).max(),
        "running means": max(means),
        "running inv_stds, relative": max(inv_stds),
        "held-out probabilities": np.abs(probabilities - recorded["probabilities"]).max(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--devices", type=int, help="parts of the processor to train on")
    parser.add_argument("--profile", choices=("stock", "exact"), default="exact")
    parser.add_argument(
        "--per-replica",
        action="store_true",
        help="let batch normalization see each replica's part of a batch alone",
    )
    parser.add_argument("--output", type=Path, help="where to save the trained model")
    options = parser.parse_args()
    strategy = make_strategy(options.devices)
    model, optimizer = build(strategy, options.profile, not options.per_replica)
    digits, labels, held_out = load_data()
    losses = train(strategy, model, optimizer, digits, labels)

    # All workers hold the same model now, or their own averages; the first one's is taken.
    task = json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {"index": 0})
    if task["index"] == 0:
        statistics = "per replica" if options.per_replica else "synchronized"
        print(f"{strategy.num_replicas_in_sync} replicas, {options.profile}, {statistics}")
        print("largest differences from Lasagne's ten steps")
        for label, difference in differences(model, losses, held_out).items():
            print(f"  {label:<30}{difference:>10.1e}")
        if options.output:
            model.save(options.output)


if __name__ == "__main__":
    main()

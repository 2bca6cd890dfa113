"""Ports that draw other random numbers, or draw where they should not."""

from __future__ import annotations

from tests.compare.edits import arguments, become, renamed
from tests.compare.mutant import INFER, OUT, TRAIN, D, Mutant, N, called, foreign

DROPOUT = {
    "rate off": Mutant(D, f"{TRAIN}/drop", arguments("drop", rate=0.3)),
    "what is kept for what is dropped": Mutant(D, f"{TRAIN}/drop", arguments("drop", rate=0.75)),
    "not rescaled": foreign(
        D,
        "training/outputs/prob",
        become("drop", "lasport.keras_layers.UnscaledDropout", rate=0.25),
    ),
    "rescaled though it should not": foreign(
        N, "training/outputs/out", become("drop", "keras.layers.Dropout", rate=0.5)
    ),
    "rate off where nothing is rescaled": Mutant(
        N, "drop drops 0.4 of it, the net 0.5", arguments("drop", rate=0.4)
    ),
    "missing": foreign(
        D,
        "the model in no layer",
        become("drop", "keras.layers.Activation", activation="linear"),
    ),
    "channels dropped pixel by pixel": Mutant(
        N, "dropout_2 draws a sample of", arguments("dropout_2", noise_shape=None)
    ),
    "pixels dropped in place of channels": Mutant(
        N,
        "dropout_2 draws a sample of",
        arguments("dropout_2", noise_shape=(None, None, None, 1)),
    ),
    "active in inference mode": Mutant(
        D, "inference/model/prob", remake=called("drop", training=True)
    ),
}

# Nets with noise of every kind.
Y, S = "net_noisy", "net_noisy_sequences"

NOISE = {
    "deviation off": Mutant(
        Y,
        "jitter adds noise of standard deviation 0.21, the net of 0.2",
        arguments("jitter", stddev=0.21),
    ),
    "variance taken for deviation": Mutant(
        Y,
        "jitter adds noise of standard deviation 0.04, the net of 0.2",
        arguments("jitter", stddev=0.04),
    ),
    "deviation off, above 1": Mutant(
        Y,
        "shaken adds noise of standard deviation 2.25, the net of 1.5",
        arguments("shaken", stddev=2.25),
    ),
    "deviation off, in a port with names of its own": foreign(
        S,
        "my_shaken adds noise of standard deviation 0.3, the net of 0.1",
        lambda calls: renamed(arguments("shaken", stddev=0.3)(calls)),
    ),
    "deviations of two layers exchanged": foreign(
        S,
        "my_jitter adds noise of standard deviation 0.1, the net of 0.3",
        lambda calls: renamed(
            arguments("shaken", stddev=0.3)(arguments("jitter", stddev=0.1)(calls))
        ),
    ),
    "noise of no strength": Mutant(
        Y,
        "the net draws noise in jitter (GaussianNoiseLayer), the model in no layer",
        arguments("jitter", stddev=0.0),
    ),
    "noise missing": foreign(
        Y,
        "the model in rrelu (RandomizedRectifier), channels (Dropout), shaken (WideGaussianNoise)",
        become("jitter", "keras.layers.Activation", activation="linear"),
    ),
    "noise multiplied in place of added": foreign(
        Y,
        "jitter (GaussianDropout) drew random numbers",
        become("jitter", "keras.layers.GaussianDropout", rate=0.2),
    ),
    "dropout in place of noise": foreign(
        Y,
        "the model in jitter (Dropout), rrelu",
        become("jitter", "keras.layers.Dropout", rate=0.2),
    ),
    "alpha dropout in place of dropout": foreign(
        Y,
        "drop (AlphaDropout) drew random numbers",
        become("drop", "keras.layers.AlphaDropout", rate=0.25),
    ),
    "noise active in inference mode": Mutant(
        Y, "inference/model/prob", remake=called("jitter", training=True)
    ),
    "noise of a foreign port active in inference mode": Mutant(
        S,
        "inference/model/out",
        renamed,
        outputs_only=True,
        remake=called("my_shaken", training=True),
    ),
    "slopes: lower bound off": Mutant(Y, f"{INFER}/rrelu", arguments("rrelu", lower=0.29)),
    "slopes: upper bound off": Mutant(Y, f"{INFER}/slopes", arguments("slopes", upper=0.41)),
    "slopes: one bound for both": Mutant(
        S, f"{INFER}/rrelu", arguments("rrelu", lower=0.1, upper=0.1)
    ),
    "slopes: bounds of the same mean": Mutant(
        Y,
        "rrelu draws slopes between 0.2 and 0.9, the net between 0.3 and 0.8",
        arguments("rrelu", lower=0.2, upper=0.9),
    ),
    "slopes: an entry's own": Mutant(
        Y,
        "rrelu draws a sample of (5, 4, 2, 3), the net one of",
        arguments("rrelu", shared_axes=()),
    ),
    "slopes: a place's own": Mutant(
        Y,
        "rrelu draws a sample of (1, 4, 2, 1), the net one of (1, 1, 1, 3)",
        arguments("rrelu", shared_axes=(0, 3)),
    ),
    "slopes: shared by all features": Mutant(
        Y,
        "hidden_rrelu draws a sample of (5, 1), the net one of (5, 8)",
        arguments("hidden_rrelu", shared_axes=(1,)),
    ),
    "slopes: the mean in training mode too": foreign(
        Y,
        "the model in jitter (GaussianNoise), channels",
        become("rrelu", "keras.layers.LeakyReLU", negative_slope=0.55),
    ),
    "slopes: 0": foreign(
        Y, f"{OUT}/prob", become("rrelu", "keras.layers.Activation", activation="relu")
    ),
    "slopes drawn in inference mode": Mutant(
        Y, "inference/model/prob", remake=called("rrelu", training=True)
    ),
}

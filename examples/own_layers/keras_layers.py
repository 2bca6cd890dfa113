"""The same layers in Keras, and what lasport has to know to use them."""

import keras
import numpy as np
from keras import ops

import lasport

# --- attention


@keras.saving.register_keras_serializable("own_layers")
class AttentionPooling(keras.layers.Layer):
    """Average over the second axis, weighted by a softmax of ``tanh(x W) u``."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units

    def build(self, shape):
        self.W = self.add_weight(name="W", shape=(shape[-1], self.units))
        self.u = self.add_weight(name="u", shape=(self.units,))

    def call(self, x):
        scores = ops.sum(ops.tanh(ops.matmul(x, self.W)) * self.u, axis=-1)
        attention = ops.softmax(scores, axis=1)
        return ops.sum(x * ops.expand_dims(attention, -1), axis=1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def attention_shape(layer):
    """Leave the time out."""
    batch, _, features = layer.input_shapes[0]
    return (batch, features)


def attention_in_numpy(layer, inputs, run):
    """Compute the layer, for the reference."""
    (x,) = inputs
    scores = np.tanh(x @ layer.params["W"]) @ layer.params["u"]
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    attention = exponentials / exponentials.sum(axis=1, keepdims=True)
    return np.einsum("btf,bt->bf", x, attention)


@lasport.register(
    "lasagne_layers.AttentionPoolLayer",
    output_shape=attention_shape,
    reference=attention_in_numpy,
)
def attention(layer):
    """W and u go to the variables of the same names."""
    return lasport.KerasLayer(AttentionPooling, {"units": layer.attributes["num_units"]})


# --- weight normalization


@keras.saving.register_keras_serializable("own_layers")
class WeightNormDense(keras.layers.Layer):
    """A dense layer whose kernel is ``scale * direction / |direction|``, column by column."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units

    def build(self, shape):
        self.direction = self.add_weight(name="direction", shape=(shape[-1], self.units))
        self.scale = self.add_weight(name="scale", shape=(self.units,))
        self.bias = self.add_weight(name="bias", shape=(self.units,))

    def call(self, x):
        lengths = ops.sqrt(ops.sum(ops.square(self.direction), axis=0))
        return ops.matmul(x, self.direction * (self.scale / lengths)) + self.bias

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def weight_norm_shape(layer):
    """One entry for each unit."""
    return (layer.input_shapes[0][0], layer.attributes["num_units"])


def weight_norm_in_numpy(layer, inputs, run):
    """Compute the layer, for the reference."""
    (x,) = inputs
    v, g, b = (layer.params[name] for name in ("v", "g", "b"))
    kernel = v * (g / np.sqrt(np.sum(v**2, axis=0)))
    return layer.nonlinearity()(x.reshape(len(x), -1) @ kernel + b)


@lasport.register(
    "lasagne_layers.WeightNormDenseLayer",
    output_shape=weight_norm_shape,
    reference=weight_norm_in_numpy,
)
def weight_norm(layer):
    """Flatten, multiply, and leave the nonlinearity to lasport: its profiles differ there."""
    dense = lasport.KerasLayer(
        WeightNormDense,
        {"units": layer.attributes["num_units"]},
        weights={"direction": "v", "scale": "g", "bias": "b"},
    )
    return [lasport.KerasLayer(keras.layers.Flatten, weights={}), dense, layer.nonlinearity()]


# --- a running average


@keras.saving.register_keras_serializable("own_layers")
class MeanOnlyBatchNormalization(keras.layers.Layer):
    """Subtract the mean of the last axis: the batch's in training, a running average otherwise."""

    def __init__(self, alpha, **options):
        super().__init__(**options)
        self.alpha = alpha

    def build(self, shape):
        self.mean = self.add_weight(
            name="mean", shape=(shape[-1],), initializer="zeros", trainable=False
        )

    def call(self, x, training=False):
        if not training:
            return x - self.mean
        mean = ops.mean(x, axis=tuple(range(len(x.shape) - 1)))
        self.mean.assign((1 - self.alpha) * self.mean + self.alpha * mean)
        return x - mean

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


@lasport.register("lasagne_layers.MeanOnlyBatchNormLayer", data_format="channels_last")
def mean_only(layer):
    """Work on the last axis, where the channels of a Keras image are; no transposes needed."""
    return lasport.KerasLayer(MeanOnlyBatchNormalization, {"alpha": layer.attributes["alpha"]})

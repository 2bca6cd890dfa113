"""Layer classes as their author wrote them for Lasagne: Python 2.7 or 3, Lasagne 0.2.dev1."""

import theano
import theano.tensor as T
from lasagne import init, nonlinearities
from lasagne.layers import Layer


class AttentionPoolLayer(Layer):
    """Average over time, weighted by a softmax of ``tanh(x W) u``.

    Takes (batch, time, features) and gives (batch, features). W is (features, num_units), u is
    (num_units,).
    """

    def __init__(self, incoming, num_units, W=None, u=None, **kwargs):
        super(AttentionPoolLayer, self).__init__(incoming, **kwargs)
        self.num_units = num_units
        features = self.input_shape[2]
        self.W = self.add_param(W or init.GlorotUniform(), (features, num_units), name="W")
        self.u = self.add_param(u or init.Normal(0.5), (num_units,), name="u")

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], input_shape[2])

    def get_output_for(self, input, **kwargs):
        scores = T.dot(T.tanh(T.dot(input, self.W)), self.u)
        attention = T.nnet.softmax(scores)
        return T.sum(input * attention.dimshuffle(0, 1, "x"), axis=1)


class WeightNormDenseLayer(Layer):
    """A dense layer whose kernel is ``g v / |v|``, column by column: length and direction apart.

    v is (inputs, num_units), g and b are (num_units,).
    """

    def __init__(self, incoming, num_units, nonlinearity=nonlinearities.rectify, **kwargs):
        super(WeightNormDenseLayer, self).__init__(incoming, **kwargs)
        self.num_units = num_units
        self.nonlinearity = nonlinearity
        inputs = 1
        for size in self.input_shape[1:]:
            inputs *= size
        self.v = self.add_param(init.Normal(0.05), (inputs, num_units), name="v")
        self.g = self.add_param(init.Constant(1), (num_units,), name="g", regularizable=False)
        self.b = self.add_param(init.Constant(0), (num_units,), name="b", regularizable=False)

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.num_units)

    def get_output_for(self, input, **kwargs):
        if input.ndim > 2:
            input = input.flatten(2)
        kernel = self.v * (self.g / T.sqrt(T.sum(T.sqr(self.v), axis=0)))
        return self.nonlinearity(T.dot(input, kernel) + self.b)


class MeanOnlyBatchNormLayer(Layer):
    """Subtract each channel's mean: the batch's in training, a running average otherwise.

    mean is (channels,), and not trained.
    """

    def __init__(self, incoming, alpha=0.1, **kwargs):
        super(MeanOnlyBatchNormLayer, self).__init__(incoming, **kwargs)
        self.alpha = alpha
        self.mean = self.add_param(
            init.Constant(0),
            (self.input_shape[1],),
            name="mean",
            trainable=False,
            regularizable=False,
        )

    def get_output_for(self, input, deterministic=False, **kwargs):
        mean = self.mean
        if not deterministic:
            mean = input.mean([axis for axis in range(input.ndim) if axis != 1])
            # An alias carries the update, so that functions in inference mode are free of it; it
            # has to be part of the expression, or Theano would not find it.
            running = theano.clone(self.mean, share_inputs=False)
            running.default_update = (1 - self.alpha) * running + self.alpha * mean
            mean = mean + 0 * running
        return input - mean.dimshuffle(["x", 0] + ["x"] * (input.ndim - 2))

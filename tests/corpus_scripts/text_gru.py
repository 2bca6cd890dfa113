"""Two GRU layers that predict the next character; their states are inputs."""

from lasagne.layers import DenseLayer, GRULayer, InputLayer, ReshapeLayer
from lasagne.nonlinearities import softmax


def build(characters=95, units=200, steps=7):
    sources = [InputLayer((None, steps, characters), name="text")]
    net = sources[0]
    for name in ("first", "second"):
        state = InputLayer((None, units), name=name + "_state")
        net = GRULayer(net, units, hid_init=state, grad_clipping=100, name=name)
    flat = ReshapeLayer(net, (-1, units))
    return DenseLayer(flat, characters, nonlinearity=softmax, name="next")

"""The golden cases of weights that several layers share, or that are expressions of others'."""


def nets():
    """Return what the builders below take from Lasagne."""
    from lasagne import layers, nonlinearities

    return layers, nonlinearities


def siamese(axes):
    """Two images through the same convolution and dense layer; statistics of their own."""
    layers, nonlinearities = nets()

    def branch(name, twin=None):
        shared = {} if twin is None else {"W": twin[0].W}
        image = layers.InputLayer((None, 2, 4, 3), name=name)
        conv = layers.Conv2DLayer(
            image, 3, (3, 2), b=None, nonlinearity=None, name=name + "_conv", **shared
        )
        shared = {} if twin is None else {"beta": twin[1].beta, "gamma": twin[1].gamma}
        norm = layers.BatchNormLayer(conv, axes=axes, name=name + "_norm", **shared)
        act = layers.NonlinearityLayer(norm, nonlinearities.tanh, name=name + "_tanh")
        shared = {} if twin is None else {"W": twin[2].W, "b": twin[2].b}
        dense = layers.DenseLayer(act, 4, name=name + "_code", **shared)
        return conv, norm, dense

    left = branch("left")
    right = branch("right", left)
    return layers.ConcatLayer([left[2], right[2]], name="both")


def other_biases():
    """One matrix with several biases, one of them none, and nonlinearities."""
    layers, nonlinearities = nets()
    source = layers.InputLayer((None, 7), name="input")
    first = layers.DenseLayer(source, 4, nonlinearity=nonlinearities.tanh, name="first")
    second = layers.DenseLayer(source, 4, W=first.W, name="second")
    third = layers.DenseLayer(source, 4, W=first.W, b=None, nonlinearity=None, name="third")
    bias = layers.BiasLayer(third, b=second.b, name="bias")
    return layers.ConcatLayer([first, second, bias], name="all")


def tied_dense():
    """An autoencoder whose decoder has the encoder's matrix transposed, behind an image."""
    layers, nonlinearities = nets()
    net = layers.InputLayer((None, 2, 5, 4), name="input")
    net = layers.Conv2DLayer(net, 3, (2, 3), nonlinearity=nonlinearities.tanh, name="conv")
    encoder = layers.DenseLayer(net, 5, nonlinearity=nonlinearities.sigmoid, name="encoder")
    decoder = layers.DenseLayer(encoder, 24, W=encoder.W.T, nonlinearity=None, name="decoder")
    return layers.ReshapeLayer(decoder, ([0], 3, 4, 2), name="image")


def tied_conv():
    """A convolution and the transposed one with its filters, which neither of them flips alike."""
    layers, nonlinearities = nets()
    net = layers.InputLayer((None, 2, 6, 5), name="input")
    conv = layers.Conv2DLayer(net, 3, (3, 2), nonlinearity=nonlinearities.tanh, name="conv")
    back = layers.TransposedConv2DLayer(
        conv, 2, (3, 2), W=conv.W, nonlinearity=None, name="transposed"
    )
    again = layers.Conv2DLayer(
        back, 3, (3, 2), stride=2, W=conv.W[:, :, ::-1], b=conv.b, name="strided"
    )
    swapped = layers.Conv2DLayer(
        again, 2, (3, 2), pad=1, W=conv.W.dimshuffle(1, 0, 2, 3), name="swapped"
    )
    return layers.NonlinearityLayer(swapped, nonlinearities.tanh, name="out")


def embeddings():
    """Two sequences through one matrix, and scores of its rows at the end."""
    import theano.tensor as T

    layers, nonlinearities = nets()
    words = layers.InputLayer((None, 3), input_var=T.imatrix("words"), name="words")
    more = layers.InputLayer((None, 4), input_var=T.imatrix("more"), name="more")
    first = layers.EmbeddingLayer(words, 6, 2, name="first")
    second = layers.EmbeddingLayer(more, 6, 2, W=first.W, name="second")
    joined = layers.ConcatLayer([first, second], name="joined")
    state = layers.DenseLayer(joined, 2, nonlinearity=nonlinearities.tanh, name="state")
    return layers.DenseLayer(
        state, 6, W=first.W.T, nonlinearity=nonlinearities.softmax, name="scores"
    )


def expressions():
    """What people write for W: flips, factors, parts, squares, several variables."""
    import theano.tensor as T

    layers, nonlinearities = nets()
    net = layers.InputLayer((None, 4), name="input")
    first = layers.DenseLayer(net, 5, nonlinearity=nonlinearities.tanh, name="first")
    transposed = first.W.T
    weights = [
        2 * transposed,
        -first.W[::-1],
        T.reshape(first.W, (5, 4)) - transposed,
        T.concatenate([first.W, first.W[:, 1:3] ** 2], axis=1),
        T.tanh(transposed[:, 2:]),
    ]
    net = first
    for number, weight in enumerate(weights):
        rows, columns = weight.eval().shape
        # Fits whatever came before.
        narrow = layers.SliceLayer(net, slice(0, rows), name="narrow_%d" % number)
        net = layers.DenseLayer(
            narrow, columns, W=weight, nonlinearity=nonlinearities.tanh, name="layer_%d" % number
        )
        if columns < 5:
            net = layers.PadLayer(net, [(0, 5 - columns)], batch_ndim=1, name="wide_%d" % number)
    extra = layers.DenseLayer(net, 5, b=None, nonlinearity=None, name="extra")
    out = layers.DenseLayer(net, 5, W=extra.W[:, ::-1], name="out")
    return layers.ElemwiseSumLayer([extra, out], name="sum")


def expression_alone():
    """Variables that no layer has but in an expression."""
    import numpy as np
    import theano

    layers, _ = nets()
    first, second = (theano.shared(np.ones((7, 4)), name=name) for name in ("V.W", "U.W"))
    net = layers.InputLayer((None, 7), name="input")
    return layers.DenseLayer(net, 4, W=second * 0.5 + first, b=np.ones(4), name="sum")


def recurrent():
    """Loops in both directions with the same weights, and gates that share one."""
    layers, nonlinearities = nets()
    source = layers.InputLayer((None, 5, 3), name="input")
    gate = layers.Gate
    forward = layers.LSTMLayer(source, 2, peepholes=False, name="forward")

    def of(name):
        return gate(
            W_in=getattr(forward, "W_in_to_" + name),
            W_hid=getattr(forward, "W_hid_to_" + name),
            W_cell=None,
            b=getattr(forward, "b_" + name),
            nonlinearity=nonlinearities.tanh if name == "cell" else nonlinearities.sigmoid,
        )

    names = ("ingate", "forgetgate", "cell", "outgate")
    gates = dict((name, of(name)) for name in names)
    backward = layers.LSTMLayer(
        source, 2, peepholes=False, backwards=True, name="backward", **gates
    )
    both = layers.ConcatLayer([forward, backward], axis=2, name="both")
    narrow = layers.SliceLayer(both, slice(0, 3), axis=2, name="narrow")
    third = layers.LSTMLayer(
        narrow,
        2,
        ingate=gate(W_in=forward.W_in_to_ingate, b=forward.b_ingate),
        forgetgate=gate(W_in=forward.W_in_to_ingate, b=forward.b_ingate),
        name="third",
    )
    simple = layers.RecurrentLayer(
        third,
        2,
        W_hid_to_hid=forward.W_hid_to_cell.T,
        nonlinearity=nonlinearities.tanh,
        name="simple",
    )
    return layers.RecurrentLayer(
        simple,
        2,
        W_in_to_hid=simple.W_in_to_hid,
        W_hid_to_hid=simple.W_in_to_hid,
        b=simple.b,
        only_return_final=True,
        nonlinearity=nonlinearities.tanh,
        name="final",
    )


def repeated():
    """The same layer three times in a row."""
    layers, nonlinearities = nets()
    net = layers.InputLayer((None, 4), name="input")
    net = first = layers.DenseLayer(net, 4, nonlinearity=nonlinearities.tanh, name="one")
    for name in ("two", "three"):
        net = layers.DenseLayer(
            net, 4, W=first.W, b=first.b, nonlinearity=nonlinearities.tanh, name=name
        )
    return net


def frozen():
    """A matrix that one layer trains and another does not, and one that nobody trains."""
    layers, nonlinearities = nets()
    source = layers.InputLayer((None, 4), name="input")
    first = layers.DenseLayer(source, 4, nonlinearity=nonlinearities.tanh, name="first")
    second = layers.DenseLayer(first, 4, W=first.W, nonlinearity=None, name="second")
    third = layers.DenseLayer(second, 5, nonlinearity=nonlinearities.tanh, name="third")
    fourth = layers.DenseLayer(third, 4, W=third.W.T, nonlinearity=None, name="fourth")
    first.params[first.W].remove("trainable")
    third.params[third.W].remove("trainable")
    fourth.params[fourth.W].remove("trainable")
    return fourth


def averages():
    """Two normalizations with the same running averages, of which Theano keeps one's update."""
    layers, _ = nets()
    left = layers.InputLayer((None, 3), name="left")
    right = layers.InputLayer((None, 3), name="right")
    first = layers.BatchNormLayer(left, alpha=0.25, name="first")
    second = layers.BatchNormLayer(
        right, alpha=0.25, name="second", **dict((n, getattr(first, n)) for n in NORM)
    )
    return layers.ConcatLayer([first, second], name="both")


NORM = ("beta", "gamma", "mean", "inv_std")

SHARING_FAMILIES = [
    (
        "sharing",
        siamese,
        [
            ("shared_siamese", {"axes": "auto"}, "two branches with the same weights"),
            (
                "shared_siamese_columns",
                {"axes": (0, 2)},
                "gamma and beta with an axis in space",
            ),
        ],
        {"passes": 2},
    ),
    ("sharing", other_biases, [("shared_biases", {}, "W with several biases")], {}),
    ("sharing", tied_dense, [("tied_dense", {}, "W.T, behind a flattened image")], {}),
    ("sharing", tied_conv, [("tied_conv", {}, "filters of convolutions both ways")], {}),
    ("sharing", embeddings, [("tied_embedding", {}, "one matrix of words, transposed too")], {}),
    (
        "sharing",
        expressions,
        [("tied_expressions", {}, "flips, factors, parts, sums, squares")],
        {},
    ),
    ("sharing", expression_alone, [("tied_alone", {}, "variables in no layer")], {}),
    ("sharing", recurrent, [("shared_recurrent", {}, "loops, gates, two weights in one")], {}),
    ("sharing", repeated, [("shared_repeated", {}, "one layer several times")], {}),
    ("sharing", averages, [("shared_averages", {}, "running averages")], {"passes": 2}),
    ("sharing", frozen, [("shared_frozen", {}, "trained in one layer, frozen in others")], {}),
]

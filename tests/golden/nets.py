"""The golden cases of whole nets: what people built, in miniature.

Each function returns the output layer or a list of output layers. All sizes within a net differ
where the architecture allows it.
"""


def lenet():
    """Convolutions, max pools, dense layers with dropout, softmax: Lasagne's MNIST example."""
    from lasagne.layers import Conv2DLayer, DenseLayer, InputLayer, MaxPool2DLayer, dropout
    from lasagne.nonlinearities import rectify, softmax
    from theano.tensor import tensor4

    net = InputLayer((None, 1, 12, 10), input_var=tensor4("inputs"))
    net = Conv2DLayer(net, num_filters=4, filter_size=(3, 3), nonlinearity=rectify)
    net = MaxPool2DLayer(net, pool_size=(2, 2))
    net = Conv2DLayer(net, num_filters=6, filter_size=(2, 3), nonlinearity=rectify)
    net = MaxPool2DLayer(net, pool_size=(2, 1))
    net = DenseLayer(dropout(net, p=0.5), num_units=8, nonlinearity=rectify)
    return DenseLayer(dropout(net, p=0.5), num_units=7, nonlinearity=softmax)


def vgg_block():
    """3x3 convolutions with batch_norm(), as VGG nets are retrofitted with it."""
    from lasagne.layers import Conv2DLayer, DenseLayer, InputLayer, Pool2DLayer, batch_norm
    from lasagne.nonlinearities import softmax

    net = InputLayer((None, 2, 8, 4), name="input")
    net = batch_norm(Conv2DLayer(net, 6, 3, pad=1, flip_filters=False, name="conv1_1"))
    net = batch_norm(Conv2DLayer(net, 7, 3, pad=1, flip_filters=False, name="conv1_2"))
    net = Pool2DLayer(net, 2, name="pool1")
    return DenseLayer(net, 9, nonlinearity=softmax, name="prob")


def residual_block():
    """Two batch-normalized convolutions and a strided 1x1 projection, summed, then rectified."""
    from lasagne.layers import (
        Conv2DLayer,
        ElemwiseSumLayer,
        GlobalPoolLayer,
        InputLayer,
        NonlinearityLayer,
        batch_norm,
    )
    from lasagne.nonlinearities import rectify

    source = InputLayer((None, 2, 10, 4), name="input")
    net = batch_norm(Conv2DLayer(source, 4, 3, stride=2, pad=1, name="a"), alpha=0.2)
    net = Conv2DLayer(net, 7, 3, pad="same", nonlinearity=None, name="b")
    net = batch_norm(net, epsilon=1e-5)
    shortcut = Conv2DLayer(
        source, 7, (1, 1), stride=(2, 2), pad=0, b=None, nonlinearity=None, name="projection"
    )
    net = ElemwiseSumLayer([net, batch_norm(shortcut)], name="sum")
    net = NonlinearityLayer(net, nonlinearity=rectify, name="out")
    return GlobalPoolLayer(net, name="pooled")


def inception():
    """Parallel branches of different filters, concatenated along the channels."""
    from lasagne.layers import (
        ConcatLayer,
        Conv2DLayer,
        FlattenLayer,
        InputLayer,
        MaxPool2DLayer,
        NINLayer,
    )
    from lasagne.nonlinearities import leaky_rectify

    source = InputLayer((None, 2, 6, 4), name="input")
    pooled = MaxPool2DLayer(source, pool_size=3, stride=1, pad=1, name="pool")
    branches = [
        Conv2DLayer(source, 2, 1, name="1x1"),
        Conv2DLayer(NINLayer(source, 4, name="reduce"), 7, 3, pad="same", name="3x3"),
        NINLayer(pooled, 1, nonlinearity=leaky_rectify, name="pool_proj"),
    ]
    return FlattenLayer(ConcatLayer(branches, name="concat"), name="flat")


def autoencoder():
    """A dense autoencoder with batch normalization that returns code and reconstruction."""
    from lasagne.layers import DenseLayer, InputLayer, ReshapeLayer, batch_norm
    from lasagne.nonlinearities import ScaledTanH, sigmoid, tanh

    net = InputLayer((None, 1, 4, 2), name="image")
    net = ReshapeLayer(net, ([0], -1), name="pixels")
    net = batch_norm(DenseLayer(net, 7, nonlinearity=tanh, name="encoder"), alpha=0.05)
    code = DenseLayer(net, 2, nonlinearity=ScaledTanH(0.5, 2.4), name="code")
    net = batch_norm(DenseLayer(code, 6, name="decoder"), beta=None)
    net = DenseLayer(net, 8, nonlinearity=sigmoid, name="pixels_out")
    return [code, ReshapeLayer(net, ([0], 1, 4, 2), name="reconstruction")]


def inverted_autoencoder():
    """A convolutional autoencoder whose decoder inverts the encoder, layer by layer."""
    from lasagne.layers import Conv2DLayer, DenseLayer, InputLayer, InverseLayer, MaxPool2DLayer
    from lasagne.nonlinearities import tanh

    source = InputLayer((None, 1, 9, 6), name="image")
    conv1 = Conv2DLayer(source, 3, (2, 3), nonlinearity=tanh, name="conv1")
    pool1 = MaxPool2DLayer(conv1, (2, 1), name="pool1")
    conv2 = Conv2DLayer(pool1, 4, (3, 2), pad=(1, 0), name="conv2")
    pool2 = MaxPool2DLayer(conv2, (3, 2), stride=(1, 1), name="pool2")
    code = DenseLayer(pool2, 5, nonlinearity=None, name="code")
    net = InverseLayer(code, code, name="code_back")
    net = InverseLayer(net, pool2, name="pool2_back")
    net = InverseLayer(net, conv2, name="conv2_back")
    net = InverseLayer(net, pool1, name="pool1_back")
    return [code, InverseLayer(net, conv1, name="image_back")]


def denoising_autoencoder():
    """Dropout and batch normalization inverted; one layer inverted twice, half frozen ones."""
    from lasagne.layers import (
        DenseLayer,
        DropoutLayer,
        ElemwiseSumLayer,
        InputLayer,
        InverseLayer,
        batch_norm,
    )
    from lasagne.nonlinearities import sigmoid, tanh

    source = InputLayer((None, 6), name="in")
    noisy = DropoutLayer(source, p=0.3, name="noisy")
    hidden = DenseLayer(noisy, 7, nonlinearity=tanh, name="hidden")
    hidden.params[hidden.b].remove("trainable")
    normal = batch_norm(DenseLayer(hidden, 4, nonlinearity=sigmoid, name="code"))
    norm = normal.input_layer
    norm.params[norm.gamma].remove("trainable")
    net = normal
    for layer in (normal, norm, norm.input_layer):
        net = InverseLayer(net, layer)
    once = InverseLayer(net, hidden, name="once")
    net = ElemwiseSumLayer([hidden, net], name="sum")
    twice = InverseLayer(net, hidden, name="twice")
    return [InverseLayer(once, noisy, name="out"), twice]


def batchnorm_after_rectify():
    """BatchNormLayer used directly: behind the default rectify, and the bias stays."""
    from lasagne.layers import BatchNormLayer, Conv2DLayer, DenseLayer, InputLayer, MaxPool2DLayer

    net = InputLayer((None, 2, 8, 6), name="in")
    net = BatchNormLayer(Conv2DLayer(net, 4, 3, name="conv"), name="conv_bn")
    net = MaxPool2DLayer(net, (3, 2), name="pool")
    net = BatchNormLayer(DenseLayer(net, 7, name="hidden"), alpha=0.9, name="hidden_bn")
    return DenseLayer(net, 5, nonlinearity=None, name="out")


def two_inputs_two_outputs():
    """An image and a vector go in; two heads, one of them in the middle of the net, come out."""
    from lasagne.layers import (
        BatchNormLayer,
        ConcatLayer,
        Conv2DLayer,
        DenseLayer,
        ElemwiseMergeLayer,
        InputLayer,
    )
    from lasagne.nonlinearities import sigmoid, softmax, tanh
    from theano.tensor import mul

    image = InputLayer((None, 2, 6, 4), name="image")
    vector = InputLayer((None, 8), name="vector")
    seen = DenseLayer(Conv2DLayer(image, 4, (2, 3), name="conv"), 7, name="seen")
    gate = DenseLayer(vector, 7, nonlinearity=sigmoid, name="gate")
    gated = ElemwiseMergeLayer([seen, gate], merge_function=mul, name="gated")
    merged = ConcatLayer([BatchNormLayer(gated, name="bn"), vector], name="merged")
    first = DenseLayer(merged, 4, nonlinearity=softmax, name="class")
    second = DenseLayer(first, 2, nonlinearity=tanh, name="refined")
    return [second, first]


def unnamed_layers():
    """Nobody named anything, so nothing can be told apart by name."""
    from lasagne.layers import DenseLayer, InputLayer, batch_norm

    net = InputLayer((None, 7))
    net = batch_norm(DenseLayer(net, 6))
    net = batch_norm(DenseLayer(net, 4))
    return DenseLayer(net, 5, nonlinearity=None)


def duplicate_names():
    """Several layers of one name, and layers without."""
    from lasagne.layers import BatchNormLayer, DenseLayer, InputLayer

    net = InputLayer((None, 7), name="x")
    net = DenseLayer(net, 6, name="layer")
    net = BatchNormLayer(net, name="layer")
    net = DenseLayer(net, 4, name="layer")
    return DenseLayer(net, 5, nonlinearity=None)


def odd_names():
    """Names with slashes, blanks, dots and letters beyond ASCII, and an empty one."""
    from lasagne.layers import BiasLayer, DenseLayer, InputLayer, NonlinearityLayer, ScaleLayer

    net = InputLayer((None, 7), name="data/in:0")
    net = DenseLayer(net, 6, name="fc 1 (first)", nonlinearity=None)
    net = ScaleLayer(net, name=b"scale.by.\xce\xb3".decode("utf-8"))  # a unicode in Python 2
    net = BiasLayer(net, name="")
    net = NonlinearityLayer(net, name="1+1=2;\n")
    return DenseLayer(net, 5, nonlinearity=None, name="_out")


def fixed_batch():
    """A batch size of 9 built in everywhere, as people did for speed."""
    from lasagne.layers import (
        BatchNormLayer,
        Conv2DLayer,
        DenseLayer,
        DropoutLayer,
        InputLayer,
        ReshapeLayer,
    )

    net = InputLayer((9, 2, 6, 4), name="input")
    net = Conv2DLayer(net, 3, 3, name="conv")
    net = BatchNormLayer(net, axes=(0, 2), name="bn")
    net = DropoutLayer(net, p=0.3, name="drop")
    net = ReshapeLayer(net, (9, 24), name="rows")
    return DenseLayer(net, 7, name="out")


def digits():
    """Convolutions, batch normalization, ceil-mode pool, residual sum and dropout before it."""
    from lasagne.layers import (
        Conv2DLayer,
        DenseLayer,
        DropoutLayer,
        ElemwiseSumLayer,
        InputLayer,
        MaxPool2DLayer,
        batch_norm,
    )
    from lasagne.nonlinearities import elu, leaky_rectify, softmax, tanh

    net = InputLayer((None, 1, 9, 8), name="input")
    net = batch_norm(Conv2DLayer(net, 2, 3, pad="same", name="conv1"))
    net = Conv2DLayer(
        net, 4, (3, 2), pad=(1, 0), flip_filters=False, nonlinearity=leaky_rectify, name="conv2"
    )
    net = batch_norm(net, alpha=0.05, epsilon=1e-3)
    pooled = MaxPool2DLayer(net, 2, ignore_border=False, name="pool")
    net = batch_norm(Conv2DLayer(pooled, 4, 3, pad=1, nonlinearity=elu, name="conv3"), alpha=0.2)
    net = ElemwiseSumLayer([net, pooled], name="sum")
    net = DropoutLayer(net, p=0.25, name="drop")
    net = batch_norm(DenseLayer(net, 7, nonlinearity=tanh, name="hidden"), alpha=0.5)
    return DenseLayer(net, 10, nonlinearity=softmax, name="prob")


def dropout_before_batchnorm():
    """Running averages that depend on what was dropped, in three ways."""
    from lasagne.layers import (
        BatchNormLayer,
        Conv2DLayer,
        DenseLayer,
        DropoutLayer,
        InputLayer,
        dropout_channels,
    )

    net = InputLayer((None, 2, 6, 4), name="input")
    net = dropout_channels(Conv2DLayer(net, 7, 3, name="conv"), p=0.2)
    net = BatchNormLayer(net, name="conv_bn")
    net = DropoutLayer(DenseLayer(net, 8, name="hidden"), p=0.5, rescale=False, name="drop")
    net = BatchNormLayer(net, alpha=0.5, name="hidden_bn")
    return DenseLayer(net, 5, nonlinearity=None, name="out")


def shared_weights():
    """Two branches with the same weights, compared: each parameter is listed once."""
    from lasagne.layers import DenseLayer, ElemwiseMergeLayer, InputLayer
    from theano.tensor import sub

    left = InputLayer((None, 7), name="left")
    right = InputLayer((None, 7), name="right")
    first = DenseLayer(left, 4, name="first")
    second = DenseLayer(right, 4, W=first.W, b=first.b, name="second")
    merged = ElemwiseMergeLayer([first, second], merge_function=sub, name="difference")
    return DenseLayer(merged, 5, nonlinearity=None, name="out")


def fully_convolutional():
    """Open image sizes; pads, untied order of channels and pixels, and a global pool at the end."""
    from lasagne.layers import (
        BatchNormLayer,
        Conv2DLayer,
        GlobalPoolLayer,
        InputLayer,
        NINLayer,
        PadLayer,
        Pool2DLayer,
    )
    from lasagne.nonlinearities import softmax

    net = InputLayer((None, 2, None, None), name="input")
    net = PadLayer(net, ((1, 0), (0, 2)), name="pad")
    net = Conv2DLayer(net, 4, (2, 3), stride=(1, 2), name="conv")
    net = Pool2DLayer(net, 2, stride=1, mode="average_inc_pad", name="mean")
    net = NINLayer(BatchNormLayer(net, name="bn"), 2, nonlinearity=None, name="score")
    net = GlobalPoolLayer(net, name="pooled")
    return nonlinear(net, softmax)


def noisy():
    """Noise of every kind between convolution and dense layers, before and behind flattening."""
    from lasagne.layers import (
        Conv2DLayer,
        DenseLayer,
        FlattenLayer,
        GaussianNoiseLayer,
        InputLayer,
        MaxPool2DLayer,
        batch_norm,
        dropout,
        dropout_channels,
        rrelu,
    )
    from lasagne.nonlinearities import softmax

    net = GaussianNoiseLayer(InputLayer((None, 1, 4, 2), name="input"), sigma=0.2, name="jitter")
    net = rrelu(batch_norm(Conv2DLayer(net, 3, 3, pad=1, name="conv")), name="rrelu")
    net = dropout_channels(MaxPool2DLayer(net, 2, name="pool"), p=0.4, name="channels")
    net = GaussianNoiseLayer(FlattenLayer(net, name="flat"), sigma=1.5, name="shaken")
    net = dropout(rrelu(net, lower=0.1, upper=0.4, name="slopes"), p=0.25, name="drop")
    net = rrelu(DenseLayer(net, 8, name="hidden"), shared_axes=(), name="hidden_rrelu")
    return DenseLayer(net, 7, nonlinearity=softmax, name="prob")


def noisy_sequences():
    """Noise in front of and behind a recurrent layer, in two branches."""
    from lasagne.layers import (
        ConcatLayer,
        DenseLayer,
        GaussianNoiseLayer,
        InputLayer,
        RandomizedRectifierLayer,
        RecurrentLayer,
        dropout,
    )
    from lasagne.nonlinearities import tanh

    source = InputLayer((None, 4, 3), name="input")
    net = GaussianNoiseLayer(source, sigma=0.3, name="jitter")
    net = RecurrentLayer(net, 2, nonlinearity=tanh, name="states")
    net = RandomizedRectifierLayer(net, lower=-0.2, upper=0.1, name="rrelu")
    other = GaussianNoiseLayer(dropout(source, shared_axes=(1,), name="drop"), name="shaken")
    net = ConcatLayer([net, other], axis=2, name="both")
    return DenseLayer(net, 6, num_leading_axes=2, nonlinearity=None, name="out")


def nonlinear(net, function):
    """Return a layer that applies a function."""
    from lasagne.layers import NonlinearityLayer

    return NonlinearityLayer(net, nonlinearity=function, name="prob")


# name, builder, what the case pins, settings
NETS = [
    ("lenet", lenet, "unnamed layers, dropout in front of dense layers", {}),
    ("vgg_block", vgg_block, "batch_norm() of correlations", {}),
    (
        "residual_block",
        residual_block,
        "a sum of branches, strides, a projection",
        {"container": "list"},
    ),
    ("inception", inception, "parallel branches, concatenated", {"container": "dict"}),
    ("autoencoder", autoencoder, "two outputs, one of them in the middle", {"container": "list"}),
    (
        "inverted_autoencoder",
        inverted_autoencoder,
        "a decoder of InverseLayers: dense, unpooling, transposed convolutions",
        {"container": "list"},
    ),
    (
        "denoising_autoencoder",
        denoising_autoencoder,
        "inverses of dropout, batch normalization and one layer twice",
        {"container": "list"},
    ),
    (
        "batchnorm_after_rectify",
        batchnorm_after_rectify,
        "normalization behind the nonlinearity, bias kept",
        {},
    ),
    (
        "two_inputs_two_outputs",
        two_inputs_two_outputs,
        "several inputs and outputs",
        {"container": "tuple"},
    ),
    ("unnamed_layers", unnamed_layers, "names are None", {}),
    ("duplicate_names", duplicate_names, "names are not unique", {}),
    ("odd_names", odd_names, "names that no other framework takes", {}),
    ("fixed_batch", fixed_batch, "a fixed batch size, statistics per column", {}),
    ("digits", digits, "the demo net in miniature", {"container": "dict"}),
    ("dropout_before_batchnorm", dropout_before_batchnorm, "masks move the running averages", {}),
    ("noisy", noisy, "noise of every kind in images", {}),
    ("noisy_sequences", noisy_sequences, "noise of every kind in sequences", {}),
    ("shared_weights", shared_weights, "parameters that two layers share", {}),
    ("fully_convolutional", fully_convolutional, "open image sizes", {}),
    ("lenet_float32", lenet, "single precision", {"floatX": "float32"}),
    ("digits_float32", digits, "single precision, as most saved nets", {"floatX": "float32"}),
]

"""Hand-written ports of four nets, right in several styles, or with the mistakes people make."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
from keras import layers, ops

import lasport
from lasport.readers.script import load_script
from lasport.spec import Network

__all__ = ["PORTS", "STYLES", "build", "load_net"]

SCRIPT = Path(__file__).parents[2] / "data" / "diagnosis_nets.py"
# Where numbers may lie, by the parameter's name, for a net as a trained one may be.
RANGES = {"gamma": (0.6, 1.6), "inv_std": (0.5, 2.5)}


@cache
def load_net(name: str) -> Network:
    """Return one of the nets, with parameters of its own."""
    place = Path(f"{SCRIPT}:{name}")
    rng = np.random.RandomState(zlib.crc32(name.encode()))
    values = []
    for _, param in load_script(place, untrained=True).owned_params():
        shape = param.value.shape
        if param.name in ("hid_init", "cell_init"):
            value = np.zeros(shape)
        elif param.name in RANGES:
            value = rng.uniform(*RANGES[param.name], size=shape)
        else:
            scale = np.prod(shape[:-1]) if len(shape) == 2 else np.prod(shape[1:])
            value = rng.normal(scale=0.4 if len(shape) == 1 else float(scale) ** -0.5, size=shape)
        values.append(value.astype(np.float32))
    with TemporaryDirectory() as folder:
        np.savez(Path(folder) / "params.npz", *values)
        return lasport.load(place, params=Path(folder) / "params.npz")


@keras.saving.register_keras_serializable("tests")
class LRN(layers.Layer):
    """AlexNet's normalization across channels, as people write it."""

    def __init__(
        self, alpha: float, k: float = 2.0, beta: float = 0.75, n: int = 5, **options: Any
    ):
        super().__init__(**options)
        self.alpha, self.k, self.beta, self.n = alpha, k, beta, n

    def call(self, x: Any) -> Any:
        half, channels = self.n // 2, x.shape[-1]
        squares = ops.pad(ops.square(x), [(0, 0), (0, 0), (0, 0), (half, half)])
        total = sum(squares[..., i : i + channels] for i in range(self.n))
        return x / ops.power(self.k + self.alpha * total, self.beta)

    def get_config(self) -> dict[str, Any]:
        own = {"alpha": self.alpha, "k": self.k, "beta": self.beta, "n": self.n}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("tests")
class PlainDense(layers.Dense):
    """A dense layer as Keras' own."""

    def call(self, x: Any, training: Any = None) -> Any:
        y = ops.matmul(x, self.kernel)
        return self.activation(y if self.bias is None else y + self.bias)


@keras.saving.register_keras_serializable("tests")
class ForgetfulDense(layers.Dense):
    """A dense layer that has a bias, and does not add it."""

    def call(self, x: Any, training: Any = None) -> Any:
        return self.activation(ops.matmul(x, self.kernel))


@keras.saving.register_keras_serializable("tests")
class TurnedDense(layers.Dense):
    """A square dense layer that takes its kernel for (units, inputs)."""

    def call(self, x: Any, training: Any = None) -> Any:
        return self.activation(ops.matmul(x, ops.transpose(self.kernel)))


@keras.saving.register_keras_serializable("tests")
class HastyDense(layers.Dense):
    """A dense layer that adds its bias behind the activation."""

    def call(self, x: Any, training: Any = None) -> Any:
        return self.activation(ops.matmul(x, self.kernel)) + self.bias


# Mistakes by place; what is not mistaken is as it should be.
Wrong = Mapping[str, Any]


def _params(net: Network) -> dict[str, np.ndarray]:
    return {f"{layer.name}.{param.name}": param.value for layer, param in net.owned_params()}


def _norm(wrong: Wrong, name: str, p: Mapping[str, np.ndarray], rows: Any = slice(None)) -> Any:
    """Return a batch normalization and its weights."""
    layer = layers.BatchNormalization(
        momentum=wrong.get(f"{name} momentum", 0.9),
        epsilon=wrong.get(f"{name} epsilon", 1e-4),
        trainable=wrong.get(f"{name} trainable", True),
        name=f"bn_{name}",
    )
    inv_std = p[f"{name}_bn.inv_std"]
    weights = [
        p[f"{name}_bn.gamma"],
        p[f"{name}_bn.beta"],
        p[f"{name}_bn.mean"],
        wrong.get(f"{name} variance", lambda inv_std: inv_std**-2.0 - 1e-4)(inv_std),
    ]
    return layer, [w[rows] for w in wrong.get(f"{name} weights", lambda w: w)(weights)]


class Model:
    """A functional model as it grows, with the weights to be set at the end."""

    def __init__(self, shape: tuple[int, ...], dtype: str = "float32") -> None:
        self.input = self.x = keras.Input(shape, dtype=dtype, name="x")
        self.weights: list[tuple[Any, list[np.ndarray]]] = []

    def add(self, layer: Any, *weights: Any, **call: Any) -> None:
        self.x = layer(self.x, **call)
        if weights:
            self.weights.append((layer, [np.asarray(w) for w in weights]))

    def finish(self) -> keras.Model:
        model = keras.Model(self.input, self.x)
        for layer, weights in self.weights:
            layer.set_weights(weights)
        return model


def _activate(model: Model, wrong: Wrong, name: str, right: str) -> None:
    function = wrong.get(f"{name} activation", right)
    if isinstance(function, float):
        function = layers.LeakyReLU(negative_slope=function)
    if function is not None:
        model.add(layers.Activation(function) if isinstance(function, str) else function)


def digits(net: Network, wrong: Wrong, style: str) -> keras.Model:
    """Port the net of digits."""
    p, model = _params(net), Model((17,))
    if "input scale" in wrong:
        model.add(layers.Rescaling(wrong["input scale"]))
    W = wrong.get("hidden1 W", lambda W: W)
    model.add(layers.Dense(13, use_bias=False, name="h1"), W(p["hidden1.W"]))
    norm, weights = _norm(wrong, "hidden1", p)
    if wrong.get("hidden1 order", "norm first") == "norm first":
        model.add(norm, *weights, **wrong.get("hidden1 call", {}))
        _activate(model, wrong, "hidden1", "relu")
    else:
        _activate(model, wrong, "hidden1", "relu")
        model.add(norm, *weights)
    if wrong.get("drop1", True):
        model.add(layers.Dropout(wrong.get("drop1 rate", 0.2)), **wrong.get("drop1 call", {}))
    inside = style == "inside" and "hidden2 activation" not in wrong
    slope = keras.layers.LeakyReLU(negative_slope=0.01) if inside else None
    W, b = wrong.get("hidden2 W", lambda W: W), wrong.get("hidden2 b", lambda b: b)
    dense = wrong.get("hidden2 class", layers.Dense)
    model.add(dense(11, activation=slope, name="h2"), W(p["hidden2.W"]), b(p["hidden2.b"]))
    if not inside:
        _activate(model, wrong, "hidden2", 0.01)  # type: ignore[arg-type]
    model.add(layers.Dropout(wrong.get("drop2 rate", 0.4)))
    W = wrong.get("hidden3 W", lambda W: W)
    dense = wrong.get("hidden3 class", layers.Dense)
    model.add(dense(11, use_bias=False, name="h3"), W(p["hidden3.W"]))
    norm, weights = _norm(wrong, "hidden3", p)
    model.add(norm, *weights)
    _activate(model, wrong, "hidden3", "tanh")
    function = wrong.get("softmax", "softmax")
    W, b = wrong.get("probabilities W", lambda W: W), wrong.get("probabilities b", lambda b: b)
    last = [W(p["probabilities.W"]), b(p["probabilities.b"])]
    if style == "inside":
        model.add(layers.Dense(7, activation=function, name="out"), *last)
    else:
        model.add(layers.Dense(7, name="out"), *last)
        model.add(layers.Activation(function))
    if wrong.get("softmax twice", False):
        model.add(layers.Softmax())
    return model.finish()


def _kernel(W: np.ndarray) -> np.ndarray:
    """Return what a convolution of Lasagne's becomes."""
    return W[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)


def images(net: Network, wrong: Wrong, style: str) -> keras.Model:
    """Port the net of images."""
    p = _params(net)
    first = style == "channels first"
    model = Model((3, 12, 10) if first else (12, 10, 3))
    if first:
        model.add(wrong.get("input axes", layers.Permute((2, 3, 1))))
    kernel = wrong.get("conv1 W", _kernel)
    model.add(layers.Conv2D(6, 3, padding="same", use_bias=False, name="c1"), kernel(p["conv1.W"]))
    norm, weights = _norm(wrong, "conv1", p)
    model.add(norm, *weights, **wrong.get("conv1 call", {}))
    _activate(model, wrong, "conv1", "relu")
    pool = wrong.get("pool1", layers.MaxPooling2D)
    model.add(pool(2, padding=wrong.get("pool1 padding", "valid"), name="p1"))
    constants = {"alpha": 0.05, "k": 2.0, "beta": 0.75, "n": 5, **wrong.get("norm1", {})}
    model.add(LRN(**constants, name="lrn"))
    kernel, b = wrong.get("conv2 W", _kernel), wrong.get("conv2 b", lambda b: b)
    padding = wrong.get("conv2 padding", "explicit")
    if padding == "explicit":
        model.add(layers.ZeroPadding2D(1))
    relu = "relu" if style == "inside" else None
    options = {"strides": 2, "padding": "valid" if padding == "explicit" else padding}
    conv = layers.Conv2D(6, 3, activation=relu, name="c2", **options)
    model.add(conv, kernel(p["conv2.W"]), b(p["conv2.b"]))
    if relu is None:
        _activate(model, wrong, "conv2", "relu")
    W = wrong.get("fc W", lambda W: W)(p["fc.W"])
    if style == "permuted":
        model.add(layers.Dropout(wrong.get("drop rate", 0.25)))
        model.add(layers.Permute((3, 1, 2)))
        model.add(layers.Flatten())
    else:
        # Rows in the order in which images are flattened channels last.
        nhwc = W.reshape(6, 3, 3, 14).transpose(1, 2, 0, 3).reshape(-1, 14)
        W = nhwc if wrong.get("fc rows", "permuted") == "permuted" else W
        model.add(layers.Flatten())
        model.add(layers.Dropout(wrong.get("drop rate", 0.25)))
    model.add(layers.Dense(14, use_bias=False, name="d1"), W)
    norm, weights = _norm(wrong, "fc", p)
    model.add(norm, *weights)
    _activate(model, wrong, "fc", "elu")
    W, b = wrong.get("probabilities W", lambda W: W), wrong.get("probabilities b", lambda b: b)
    last = [W(p["probabilities.W"]), b(p["probabilities.b"])]
    model.add(layers.Dense(5, activation=wrong.get("softmax", "softmax"), name="out"), *last)
    return model.finish()


def text(net: Network, wrong: Wrong, style: str) -> keras.Model:
    """Port the net of text."""
    p, model = _params(net), Model((7,), "int32")
    rows = wrong.get("words W", lambda W: W)
    model.add(layers.Embedding(19, 6, name="e"), rows(p["words.W"]))

    def stacked(layer: str, part: str, gates: tuple[str, ...]) -> np.ndarray:
        return np.concatenate([p[f"{layer}.{part}_{gate}"] for gate in gates], axis=-1)

    gates = wrong.get("lstm gates", ("ingate", "forgetgate", "cell", "outgate"))
    lstm = layers.LSTM(8, return_sequences=True, name="l", **wrong.get("lstm", {}))
    weights = [stacked("lstm", part, gates) for part in ("W_in_to", "W_hid_to", "b")]
    model.add(lstm, *wrong.get("lstm weights", lambda w: w)(weights))
    after = wrong.get("gru reset_after", True)
    gru = layers.GRU(9, reset_after=after, name="g", **wrong.get("gru", {}))
    order = wrong.get("gru gates", ("updategate", "resetgate", "hidden_update"))
    blocks = []
    for part in ("W_in_to", "W_hid_to", "b"):
        block = [p[f"gru.{part}_{gate}"] for gate in order]
        block[0] = wrong.get("gru update", np.negative)(block[0])
        blocks.append(np.concatenate(block, axis=-1))
    if after:
        blocks[2] = np.stack([blocks[2], np.zeros_like(blocks[2])])
    model.add(gru, *wrong.get("gru weights", lambda w: w)(blocks))
    model.add(layers.Dropout(wrong.get("drop rate", 0.3)))
    W, b = wrong.get("probabilities W", lambda W: W), wrong.get("probabilities b", lambda b: b)
    last = [W(p["probabilities.W"]), b(p["probabilities.b"])]
    if style == "inside":
        model.add(layers.Dense(4, activation=wrong.get("softmax", "softmax"), name="out"), *last)
    else:
        model.add(layers.Dense(4, name="out"), *last)
        model.add(layers.Activation(wrong.get("softmax", "softmax")))
    return model.finish()


@keras.saving.register_keras_serializable("tests")
class SpatialTransformer(layers.Layer):
    """Affine samples of images, as people write it, after the paper."""

    def __init__(
        self, order: Any = range(6), border: str = "nearest", corners: bool = True, **options: Any
    ):
        super().__init__(**options)
        self.order, self.border, self.corners = list(order), border, corners

    def call(self, inputs: Any) -> Any:
        images, theta = inputs
        batch, (rows, columns, channels) = ops.shape(images)[0], images.shape[1:]
        t = ops.reshape(ops.take(theta, self.order, axis=1), (-1, 2, 3))
        ends = [1 - (0 if self.corners else 1 / size) for size in (columns, rows)]
        x, y = ops.meshgrid(
            ops.linspace(-ends[0], ends[0], columns, dtype=images.dtype),
            ops.linspace(-ends[1], ends[1], rows, dtype=images.dtype),
        )
        grid = ops.reshape(ops.stack([x, y, ops.ones_like(x)]), (3, -1))
        places = ops.matmul(t, grid)
        if self.corners:
            across = (places[:, 0] + 1) / 2 * (columns - 1)
            down = (places[:, 1] + 1) / 2 * (rows - 1)
        else:
            across, down = (
                (places[:, 0] + 1) / 2 * columns - 0.5,
                (places[:, 1] + 1) / 2 * rows - 0.5,
            )
        flat = ops.reshape(images, (-1, rows * columns, channels))
        total = 0
        for right in (0, 1):
            for lower in (0, 1):
                column, row = ops.floor(across) + right, ops.floor(down) + lower
                share = (1 - ops.abs(across - column)) * (1 - ops.abs(down - row))
                inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
                if self.border == "zeros":
                    share = share * ops.cast(inside, share.dtype)
                place = ops.clip(row, 0, rows - 1) * columns + ops.clip(column, 0, columns - 1)
                pixels = ops.take_along_axis(flat, ops.cast(place, "int32")[..., None], axis=1)
                total = total + share[..., None] * pixels
        return ops.reshape(total, (batch, rows, columns, channels))

    def get_config(self) -> dict[str, Any]:
        own = {"order": self.order, "border": self.border, "corners": self.corners}
        return {**super().get_config(), **own}


def branches(net: Network, wrong: Wrong, style: str) -> keras.Model:
    """Port the net with branches."""
    p = _params(net)
    weights: list[tuple[Any, list[np.ndarray]]] = []

    def add(layer: Any, x: Any, *values: np.ndarray) -> Any:
        weights.append((layer, list(values)))
        return layer(x)

    images = x = keras.Input((12, 10, 3), name="x")
    theta = layers.Flatten()(layers.Permute((3, 1, 2))(x))
    theta = add(layers.Dense(6, name="loc"), theta, p["theta.W"], p["theta.b"])
    x = SpatialTransformer(name="stn", **wrong.get("transformer", {}))([x, theta])
    padding = wrong.get("padding", ((0, 0), (1, 2), (1, 1), (0, 0)))
    x = ops.pad(x, padding, **wrong.get("pad", {"constant_values": 0.5}))
    kernel = wrong.get("dilated W", lambda W: W.transpose(2, 3, 0, 1))(p["dilated.W"])
    options = {"dilation_rate": wrong.get("dilation", 2), "name": "wide"}
    x = add(layers.Conv2D(6, 3, **options), x, kernel, p["dilated.b"])
    rectifier = wrong.get("prelu", layers.PReLU(shared_axes=[1, 2], name="slopes"))
    alpha = wrong.get("alpha", lambda alpha: alpha)(p["prelu.alpha"]).reshape(1, 1, 6)
    x = add(rectifier, x, *([alpha] if isinstance(rectifier, layers.PReLU) else []))
    left = add(
        layers.Conv2D(6, 3, activation="relu", padding="same", name="l"),
        x,
        _kernel(p["left.W"]),
        p["left.b"],
    )
    right = add(
        layers.Conv2D(6, 3, activation="tanh", padding="same", name="r"),
        x,
        _kernel(p["right.W"]),
        p["right.b"],
    )
    last_first = style == "reversed"
    factors = wrong.get("factors", (1, 0.5))
    scaled = [
        branch
        if factor == 1
        else branch * factor
        if last_first
        else layers.Rescaling(factor)(branch)
        for factor, branch in zip(factors, (left, right), strict=True)
    ]
    total = wrong.get("sum", layers.Add)()(scaled[:: -1 if last_first else 1])
    opened = layers.Conv2D(6, 1, activation="sigmoid", name="g")
    gate = add(opened, total, _kernel(p["gate.W"]), p["gate.b"])
    product = wrong.get("product", layers.Multiply)()([total, gate])
    x = layers.Concatenate()([product, right][:: wrong.get("joined", 1)])
    x = layers.GlobalAveragePooling2D()(x)
    last = layers.Dense(5, activation=wrong.get("softmax", "softmax"), name="out")
    outputs = add(last, x, p["probabilities.W"], p["probabilities.b"])
    model = keras.Model(images, outputs)
    for layer, values in weights:
        layer.set_weights(values)
    return model


PORTS: Mapping[str, Callable[[Network, Wrong, str], keras.Model]] = {
    "digits": digits,
    "images": images,
    "text": text,
    "branches": branches,
}
STYLES = {
    "digits": ("apart", "inside"),
    "images": ("apart", "inside", "permuted", "channels first"),
    "text": ("apart", "inside"),
    "branches": ("apart", "reversed"),
}


def build(name: str, mistakes: Mapping[str, Any], style: str = "apart") -> keras.Model:
    """Return a port of one of the nets."""
    return PORTS[name](load_net(name), mistakes, style)

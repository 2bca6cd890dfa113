"""TransformerLayer: images sampled where six numbers say."""

from __future__ import annotations

import numpy as np
import pytest

from lasport.layers.sampling import spaced
from lasport.oracles.reference import run_reference
from lasport.readers.network import build_network
from tests.golden_records import load_case
from tests.inert_nets import merge, read, source

RECORDS = [
    *(f"transformer_{name}" for name in ("default", "one_row", "float32")),
    *(f"transformer_downsample_{name}" for name in ("2", "per_axis", "rounded")),
    *(f"transformer_{name}" for name in ("open_size", "open_downsampled", "localized", "in_a_net")),
    *(f"transformer_{name}" for name in ("far_nearest", "far_mirror", "far_wrap")),
    *(f"transformer_{name}" for name in ("whole_nearest", "whole_mirror", "whole_wrap")),
]


@pytest.mark.parametrize("name", RECORDS)
def test_agrees_with_lasagne(name, agreement):
    agreement(load_case(name))


OTHERS = {
    **dict.fromkeys(("far_nearest", "far_mirror", "far_wrap"), "Rescaling AffineTransformer"),
    "localized": "Flatten Dense AffineTransformer",
    # Images stay channels last from the input to the second Flatten.
    "in_a_net": ("Conv2D MaxPooling2D Conv2D Flatten Dense AffineTransformer Conv2D Flatten Dense"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_keras_layers(name, keras_layers):
    stock, _ = keras_layers(load_case(name))
    assert stock == OTHERS.get(name.removeprefix("transformer_"), "AffineTransformer")


@pytest.mark.parametrize("name", ("nearest", "mirror", "wrap"))
def test_records_lead_beyond_the_images(name):
    _, _, numbers, _ = load_case(f"transformer_far_{name}").record.layers("inference")
    x, y = spaced(4, "float64"), spaced(5, "float64")[:, None]
    t = numbers.reshape(-1, 6, 1, 1)
    for first in (0, 3):
        places = t[:, first] * x + t[:, first + 1] * y + t[:, first + 2]
        assert (places < -4).any()
        assert (places > 4).any()


TRANSFORMER = "special.TransformerLayer"


def transformer(*space, batch=None, numbers=(None, 6), without=(), **state):
    """Return a layer on images of three channels."""
    given = {"downsample_factor": (1, 1), "border_mode": "nearest", **state}
    for name in without:
        del given[name]
    return merge(TRANSFORMER, [source((batch, 3, *space)), source(numbers)], **given)


@pytest.mark.parametrize(
    ("space", "factor", "expected"),
    (
        ((5, 7), (1, 1), (5, 7)),
        ((5, 7), (2, 0.5), (2, 14)),
        ((5, 7), (1.5, 3), (3, 2)),
        ((None, 7), (2, 2), (None, 3)),
        ((10, 28), (0.7, 1.4), (14, 20)),
    ),
)
def test_output_shape(space, factor, expected):
    layer = read(transformer(*space, downsample_factor=factor))
    assert layer.output_shape == (None, 3, *expected)


def test_before_2017_there_was_but_one_border():
    rng = np.random.default_rng(31)
    inputs = [rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(2, 6))]
    there, here = (
        run_reference(build_network(net), inputs, training=False).layers[-1]
        for net in (transformer(5, 4, without=("border_mode",)), transformer(5, 4))
    )
    np.testing.assert_array_equal(there, here)


PROBLEMS = (
    (transformer(5, 4, batch=3, numbers=(2, 6)), "there are 3 images, and numbers for 2"),
    (transformer(5, 4, numbers=(None, 7)), "6 numbers per image were expected"),
    (transformer(5, 4, numbers=(None, 2, 3)), "6 numbers per image were expected"),
    (transformer(5), "(batch, channels, rows, columns) was expected, not (None, 3, 5)"),
    (transformer(5, 4, border_mode="reflect"), "nearest, mirror, wrap was expected, not 'reflect'"),
    # Pickles of August 2015: their grid reached one pixel too far.
    (transformer(5, 4, downsample_factor=2), "sampled images in another way"),
    (transformer(5, 4, downsample_factor=(2, 0)), "two positive numbers were expected"),
    (transformer(5, 4, downsample_factor=(1, 1, 1)), "two positive numbers were expected"),
    # Theano fails: it makes an index of NaN.
    (transformer(5, 4, downsample_factor=(5, 1)), "has a single row or column"),
    (transformer(1, 4, downsample_factor=(0.5, 1), border_mode="mirror"), "has no mirror image"),
    (transformer(5, 4, downsample_factor=(1, 5)), "nothing is left of 4 places divided by 5"),
    # 99 for Lasagne, and for Theano in Python mode; 100 in C.
    (transformer(10, 4, downsample_factor=(0.1, 1)), "10 // 0.1 is 99 or 100"),
    # 10 in double precision, 9 in single.
    (transformer(3, 4, downsample_factor=(0.3, 1)), "3 // 0.3 is 9 or 10"),
    (transformer(None, 4, downsample_factor=(0.3, 1)), "an axis of unknown size divided by 0.3"),
)


@pytest.mark.parametrize(("net", "message"), PROBLEMS)
def test_problems(net, message):
    assert message in read(net).problem

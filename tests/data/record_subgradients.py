"""Record what Theano's gradient is where a function has none, or several.

    PYTHONPATH=LASAGNE python2.7 tests/data/record_subgradients.py

writes subgradients.json beside this file: for each function the point, and the gradient of the sum
of the function's values there. Runs on Python 2.7 and 3.
"""

from __future__ import print_function

import io
import json
import os

os.environ["THEANO_FLAGS"] = "floatX=float64,device=cpu,cxx=,optimizer=None,blas.ldflags="

import lasagne
import theano
import theano.tensor as T
from theano.tensor.signal.pool import pool_2d

f = lasagne.nonlinearities


def window(x):
    """Pool a vector as one window of a max pool."""
    return pool_2d(x.dimshuffle("x", "x", "x", 0), (1, 3), ignore_border=True, mode="max")


def wta(x):
    """Keep what FeatureWTALayer keeps of one pool."""
    layer = lasagne.layers.FeatureWTALayer(lasagne.layers.InputLayer((1, 3)), 3)
    return layer.get_output_for(x.dimshuffle("x", 0))


def prelu(x):
    """Rectify with a slope of 0.25, as ParametricRectifierLayer does."""
    return T.nnet.relu(x, 0.25)


# name, function, point: gradients there are numbers, one for each entry of the point
POINTS = [
    ("rectify", f.rectify, [0]),
    ("T.nnet.relu", T.nnet.relu, [0]),
    ("leaky_rectify", f.leaky_rectify, [0]),
    ("very_leaky_rectify", f.very_leaky_rectify, [0]),
    ("prelu", prelu, [0]),
    ("elu", f.elu, [0]),
    ("selu", f.selu, [0]),
    ("max pool", window, [2, 2, 1]),
    ("T.max", T.max, [2, 2, 1]),
    ("T.min", T.min, [1, 1, 2]),
    ("wta", wta, [2, 2, 1]),
    ("T.maximum", lambda x: T.maximum(x[0], x[1]), [2, 2]),
    ("T.minimum", lambda x: T.minimum(x[0], x[1]), [2, 2]),
    ("T.abs_", T.abs_, [0]),
    ("T.clip", lambda x: T.clip(x, 0, 1), [0, 1]),
    ("hard_sigmoid", T.nnet.hard_sigmoid, [-2.5, 2.5]),
    ("T.sqrt", T.sqrt, [0]),
    ("norm", lambda x: T.sqrt(T.sum(T.sqr(x))), [0, 0]),
    ("T.sgn", T.sgn, [0]),
    ("T.floor", T.floor, [1]),
]


def main():
    """Measure and write."""
    measured = []
    for name, function, point in POINTS:
        x = T.dvector()
        gradient = theano.function([x], T.grad(T.sum(function(x)), x, disconnected_inputs="ignore"))
        values = [float(value) for value in gradient(point)]
        # JSON has no names for these.
        values = [v if abs(v) < float("inf") else str(v) for v in values]
        measured.append({"function": name, "point": point, "gradient": values})
    record = {"theano": theano.__version__, "lasagne": lasagne.__version__, "measured": measured}
    text = json.dumps(record, indent=1, sort_keys=True, separators=(",", ": ")) + "\n"
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "subgradients.json")
    with io.open(path, "wb") as stream:
        stream.write(text.encode("ascii"))


if __name__ == "__main__":
    main()

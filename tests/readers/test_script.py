"""Build scripts: what runs, what their stand-ins know, and how they fail."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import lasport
from lasport.errors import InvalidNetworkError, ScriptError, UsageError
from lasport.readers.script import load_script
from tests.golden_records import GOLDEN, families, load_case, pickle_of

CASES = GOLDEN / "cases.py"


@pytest.fixture
def script(tmp_path):
    """Return a function that writes a script, and gives the name of its function ``build``."""

    def write(source, name="model.py"):
        path = tmp_path / name
        path.write_text(dedent(source), encoding="utf-8")
        return f"{path}:build"

    return write


SMALL = """
    import lasagne
    from lasagne.layers import DenseLayer, InputLayer

    def build(units=4):
        net = InputLayer((None, 3), name="input")
        return DenseLayer(net, units, name="dense", nonlinearity=lasagne.nonlinearities.tanh)
"""
VALUES = [np.arange(12.0).reshape(3, 4), np.arange(4.0)]


@pytest.fixture
def saved(tmp_path):
    np.savez(tmp_path / "saved.npz", *VALUES)
    return tmp_path / "saved.npz"


# --- the stand-ins, against the real Lasagne


# Computes while it builds.
NO_SCRIPT = "tied_expressions"


@pytest.mark.parametrize("name", [name for name in families() if name != NO_SCRIPT])
def test_a_script_gives_the_net_that_the_real_lasagne_pickled(name):
    case = load_case(name).network
    net = load_script(f"{CASES}:build", kwargs={"name": name})
    assert net.outputs == case.outputs
    for layer, real in zip(net.layers, case.layers, strict=True):
        assert (layer.name, layer.kind, layer.incoming) == (real.name, real.kind, real.incoming)
        assert (layer.output_shape, layer.problem) == (real.output_shape, real.problem)
        assert layer.problem or layer.attributes == real.attributes
        assert list(layer.params) == list(real.params)
        for key, param in layer.params.items():
            assert param.tags == real.params[key].tags
            np.testing.assert_array_equal(param.value, real.params[key].value)


# --- parameters


def test_a_script_and_its_parameters_make_a_net(script, saved):
    net = lasport.load(script(SMALL), params=saved)
    assert [layer.name for layer in net.layers] == ["input", "dense"]
    for found, value in zip(net.param_values(), VALUES, strict=True):
        np.testing.assert_array_equal(found, value)
    assert lasport.verify(net)


def test_values_that_would_be_random_are_asked_for(script):
    with pytest.raises(InvalidNetworkError, match=r"1 parameter at random \(dense\.W\); give the"):
        lasport.load(script(SMALL))
    net = lasport.load(script(SMALL), untrained=True)
    assert [value.shape for value in net.param_values()] == [(3, 4), (4,)]
    assert "give the file of the trained ones" in net.notes[0]


def test_a_script_may_set_its_parameters_itself(script, saved):
    source = (
        SMALL
        + f"""
    def load():
        import numpy as np
        net = build()
        with np.load({str(saved)!r}) as f:
            values = [f['arr_%d' % i] for i in range(len(f.files))]
        lasagne.layers.set_all_param_values(net, values)
        return net
    """
    )
    net = lasport.load(script(source).replace(":build", ":load"))
    np.testing.assert_array_equal(net.param_values()[0], VALUES[0])


def test_initial_values_take_no_memory(script):
    import tracemalloc

    source = SMALL.replace("(None, 3)", "(None, 100000)")
    np_values = "params needed"
    tracemalloc.start()
    with pytest.raises(InvalidNetworkError, match="at random"):
        lasport.load(script(source), kwargs={"units": 10000})  # 8 GB in double precision
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**25, np_values


def test_arguments_reach_the_function(script):
    with pytest.raises(InvalidNetworkError):
        lasport.load(script(SMALL), kwargs={"units": 7})
    with pytest.raises(ScriptError, match=r"model\.py.*unexpected keyword argument 'unit'"):
        lasport.load(script(SMALL), kwargs={"unit": 7})


def test_only_scripts_take_arguments(saved):
    for option, value in {
        "kwargs": {},
        "python": 2,
        "lasagne_version": "0.1",
        "flip_filters": False,
    }.items():
        with pytest.raises(UsageError, match=rf"is no SCRIPT\.py:FUNCTION, and takes no {option}"):
            lasport.load(pickle_of("dense_linear"), **{option: value})


# --- what scripts do


RUNS = {
    "imports as they are spelled": """
        import lasagne.layers as L, theano.tensor as T
        from lasagne.layers.dnn import Conv2DDNNLayer as Conv
        from lasagne.layers.normalization import batch_norm
        from lasagne.init import Constant
        def build():
            x = L.InputLayer((None, 3, 9, 8), T.tensor4('x'), name='x')
            y = batch_norm(Conv(x, 4, 3, W=Constant(0.25)), name='bn')
            return L.DenseLayer(y, 2, W=Constant(0.5))
    """,
    "symbols among the results": """
        import theano.tensor as T, lasagne
        from lasagne.layers import *
        def build():
            x = T.matrix('x')
            leaky = lasagne.nonlinearities.LeakyRectify(0.2)
            y = NonlinearityLayer(InputLayer((None, 4), x), leaky)
            return y, x, get_output(y, deterministic=True), T.sqr(x).mean() / 2 + -x.T.sum()
    """,
    "training code that is only defined": """
        import theano, lasagne, cPickle
        import skimage.io, matplotlib.pyplot as plt
        from sklearn.utils import shuffle
        from lasagne.layers import InputLayer
        def train():
            skimage.io.imread('cat.jpg')
        def build():
            net = InputLayer((None, 4))
            loss = lasagne.objectives.squared_error(lasagne.layers.get_output(net), 1).mean()
            updates = lasagne.updates.adam(loss, lasagne.layers.get_all_params(net, trainable=True))
            theano.function([net.input_var], loss, updates=updates)
            return net
        if __name__ == '__main__':
            raise SystemExit('the script ran')
    """,
    "Python 2": """
        import cPickle, urllib2
        from lasagne.layers import InputLayer, SliceLayer
        def build():
            print 'building', `1`
            for i in xrange(2): n = 7 / 2
            n /= 2
            assert n == 1 and 7. / 2 == 3.5, n
            return SliceLayer(InputLayer((None, 9)), slice(0, n))
    """,
    "Python 2 by its names": """
        from lasagne.layers import InputLayer, SliceLayer
        def build():
            sizes = {'n': 7}
            for i in xrange(1): n = [value / 2 for _, value in sizes.iteritems()][i]
            assert n == 3 and not sizes.has_key('m'), n
            return SliceLayer(InputLayer((None, 9)), slice(0, n))
    """,
    "both Pythons": """
        from lasagne.layers import InputLayer
        try:
            xrange
        except NameError:
            xrange = range
        import six
        def build(unicode=str):
            assert [3 / 2 for _ in xrange(1)] == [1.5]
            return InputLayer((None, 9))
    """,
    "utilities": """
        import lasagne, theano.tensor as T
        from lasagne.layers import DenseLayer, get_output_shape, InputLayer
        from lasagne.random import get_rng
        from lasagne.utils import collect_shared_vars, create_param, floatX, one_hot
        def build():
            one_hot(T.ivector(), 3)
            source = InputLayer((None, 4))
            W = create_param(floatX(get_rng().normal(size=(4, 3))), (4, 3))
            net = DenseLayer(source, 3, W=W)
            assert get_output_shape(net, (7, 4)) == (7, 3)
            assert get_output_shape([net, source], {source: (7, 4)}) == [(7, 3), (7, 4)]
            return net
    """,
    "layers of its own": """
        import lasagne
        class Twice(lasagne.layers.Layer):
            def get_output_for(self, input, **kwargs):
                return 2 * input
            def get_output_shape_for(self, shape):
                return shape[:1] + (2 * shape[1],)
        def build():
            net = Twice(lasagne.layers.InputLayer((None, 4)), name='twice')
            assert net.output_shape == (None, 8)
            return net
    """,
}  # fmt: skip


@pytest.mark.parametrize("source", RUNS.values(), ids=RUNS)
def test_scripts_of_all_kinds_run(script, source):
    assert lasport.load(script(source)).layers[0].kind == "lasagne.layers.input.InputLayer"


SIZES = """
    import theano.tensor as T
    from lasagne.init import Constant
    from lasagne.layers import DenseLayer, InputLayer, ReshapeLayer

    def build(steps=None):
        source = InputLayer((None, steps, 3), T.tensor3('x'))
        batch, time, _ = source.input_var.shape
        net = DenseLayer(ReshapeLayer(source, (-1, source.shape[2])), 4, W=Constant(0.5))
        return ReshapeLayer(net, (batch, time, 4))
"""


def test_sizes_that_follow_from_the_input_are_found(script):
    net = lasport.load(script(SIZES), kwargs={"steps": 5})
    assert net.layers[-1].output_shape == (None, 5, 4)
    assert net.layers[-1].attributes.shape == (-1, 5, 4)
    with pytest.raises(ScriptError, match=r"line 10: 2 sizes of a reshape are open.* InputLayer a"):
        lasport.load(script(SIZES))


def test_a_class_of_its_own_is_refused_by_its_name(script):
    with pytest.raises(lasport.errors.UnsupportedLayersError, match=r"twice \(model\.Twice\)"):
        lasport.to_keras(lasport.load(script(RUNS["layers of its own"])))


def test_a_script_that_divides_as_python_2_does_can_say_so(script):
    source = """
        from lasagne.layers import InputLayer, SliceLayer
        def build():
            return SliceLayer(InputLayer((None, 9)), slice(0, 9 / 2))
    """
    with pytest.raises(ScriptError, match=r"4\.5"):
        lasport.load(script(source))
    assert lasport.load(script(source), python=2).layers[-1].output_shape == (None, 4)


def test_everything_is_as_it_was_afterwards(script):
    def state():
        names = [n for n in sys.modules if n.partition(".")[0] in ("lasagne", "theano", "model")]
        kept = {name: id(sys.modules[name]) for name in names}
        return kept, list(sys.path), list(sys.meta_path), list(sys.argv), sorted(vars(builtins))

    before = state()
    lasport.load(script("from lasagne.layers import *\ndef build(): return InputLayer((2, 3))"))
    with pytest.raises(ScriptError):
        lasport.load(script("import lasagne, theano\nraise ValueError('no')"))
    assert state() == before


EXPRESSIONS = {
    "lambda x: x[:, :, ::2, 1:4]": lambda x: x[:, :, ::2, 1:4],
    "lambda x: T.sqr(x)": np.square,
    "lambda x: T.nnet.sigmoid(x)": lambda x: 1 / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("function", EXPRESSIONS)
def test_what_a_lambda_does_with_its_argument_is_seen(script, function):
    source = f"""
        import theano.tensor as T
        from lasagne.layers import ExpressionLayer, InputLayer
        def build():
            return ExpressionLayer(InputLayer((None, 2, 6, 5)), {function}, output_shape='auto')
    """
    net = lasport.load(script(source))
    assert lasport.verify(net)
    x = np.random.default_rng(1).normal(size=(3, 2, 6, 5)).astype(np.float32)
    expected = EXPRESSIONS[function](x)
    assert net.layers[-1].output_shape == (None, *expected.shape[1:])
    np.testing.assert_allclose(lasport.to_keras(net)(x).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("function", ("lambda x: x * 2", "lambda x: x[0]"))
def test_what_is_not_known_of_a_lambda_is_refused(script, function):
    source = f"""
        from lasagne.layers import ExpressionLayer, InputLayer
        def build():
            return ExpressionLayer(InputLayer((None, 2)), {function}, output_shape=lambda s: s)
    """
    with pytest.raises(lasport.errors.LasportError, match=r"lasport\.register"):
        lasport.to_keras(lasport.load(script(source)))


# --- what they leave open


GPU_OR_NOT = """
    try:
        from lasagne.layers.dnn import Conv2DDNNLayer as Conv
    except ImportError:
        from lasagne.layers import Conv2DLayer as Conv
    from lasagne.init import Constant
    from lasagne.layers import InputLayer

    def build():
        return Conv(InputLayer((None, 2, 6, 5)), 3, 3, W=Constant(0.5))
"""


def test_filters_that_a_gpu_would_not_flip_are_noted(script):
    net = lasport.load(script(GPU_OR_NOT))
    assert not net.layers[-1].attributes.flip_filters
    (note,) = net.notes
    assert "1 Conv2DDNNLayers do not say flip_filters" in note
    assert f"note: {note}" in net.summary()
    assert note in lasport.verify(net, passes=(1,)).notes
    for flip in (True, False):
        net = lasport.load(script(GPU_OR_NOT), flip_filters=flip)
        assert net.layers[-1].attributes.flip_filters == flip
        assert not net.notes
    said = GPU_OR_NOT.replace("3, 3,", "3, 3, flip_filters=False,")
    net = lasport.load(script(said), flip_filters=True)
    assert not net.layers[-1].attributes.flip_filters
    assert not net.notes


@pytest.mark.parametrize(
    ("version", "size", "trained"),
    (("2015-08-12", 3, True), ("0.1", 2, True), ("2015-11-12", 2, False), ("0.2.dev1", 2, False)),
)
def test_defaults_are_those_of_the_version(script, version, size, trained):
    source = """
        from lasagne.init import Constant
        from lasagne.layers import Gate, GRULayer, InputLayer, MaxPool2DLayer
        def build():
            zero = Constant(0)
            gates = [Gate(W_in=zero, W_hid=zero, W_cell=None) for _ in range(3)]
            return [MaxPool2DLayer(InputLayer((None, 1, 5, 4)), 2),
                    GRULayer(InputLayer((None, 3, 2)), 4, *gates)]
    """
    net = lasport.load(script(source), lasagne_version=version)
    pool, gru = (layer for layer in net.layers if layer.incoming)
    assert pool.output_shape == (None, 1, size, 2)
    assert gru.params["hid_init"].trainable == trained


@pytest.mark.parametrize("version", ("0.1", "2015-10-01"))
def test_lstms_of_the_time_are_refused_with_peepholes(script, version):
    source = """
        from lasagne.init import Constant
        from lasagne.layers import Gate, InputLayer, LSTMLayer
        def build(peepholes=True):
            gates = [Gate(*[Constant(0.5)] * 3) for _ in range(4)]
            return LSTMLayer(InputLayer((None, 3, 2)), 4, *gates, peepholes=peepholes)
    """
    with pytest.raises(ScriptError, match=r"line 6: .*peephole was added behind the gate's"):
        lasport.load(script(source), lasagne_version=version)
    for options in ({"kwargs": {"peepholes": False}, "lasagne_version": version}, {}):
        assert lasport.load(script(source), **options).layers[-1].output_shape == (None, 3, 4)


UNDECIDED = {
    "MaxPool2DLayer(images, 2)": "1 MaxPool2DLayers do not say ignore_border",
    "MaxPool2DLayer(images, 2, ignore_border=True)": None,
    "MaxPool2DLayer(images, (3, 2))": None,  # which divide the sizes
    "LSTMLayer(sequence, 4)": "1 LSTMLayers have peepholes, which Lasagne 0.1, and any before",
    "LSTMLayer(sequence, 4, peepholes=False)": None,
}


@pytest.mark.parametrize("layer", UNDECIDED)
def test_what_the_version_alone_decides_is_noted(script, layer):
    source = f"""
        from lasagne.layers import InputLayer, LSTMLayer, MaxPool2DLayer
        def build():
            images, sequence = InputLayer((None, 1, 9, 4)), InputLayer((None, 5, 3))
            return {layer}
    """
    expected = UNDECIDED[layer]
    notes = [n for n in lasport.load(script(source), untrained=True).notes if "at random" not in n]
    assert [note[: len(expected or "")] for note in notes] == ([expected] if expected else [])
    said = lasport.load(script(source), untrained=True, lasagne_version="0.2.dev1")
    assert not [note for note in said.notes if "at random" not in note]


def test_an_unknown_version_is_no_version(script):
    with pytest.raises(UsageError, match=r"'0\.3' is no version of Lasagne: 0\.1, 0\.2\.dev1, or"):
        lasport.load(script(GPU_OR_NOT), lasagne_version="0.3")


# --- how they fail


FAILURES = {
    "no function": (
        "from lasagne.layers import batch_norm\nbuild = 3\ndef net(): pass\ndef main(): pass",
        r"model\.py: there is no function 'build' in it; it has net, main$",
    ),
    "an exception": ("def build():\n    return 1 / 0", r"model\.py, line 2: ZeroDivisionError"),
    "an exit": ("import sys\nsys.exit('bye')", r"model\.py, line 2: SystemExit: bye"),
    "neither 2 nor 3": ("def build(:\n  pass", r"model\.py, line 1: neither Python 2 nor 3"),
    "no layers": ("def build(): return [1, 2]", r"model\.py:build returns list, in place of a lay"),
    "a missing package": (
        "import skimage.io\ndef build():\n    return skimage.io.imread('x')",
        r"model\.py, line 3: skimage\.io\.imread is called, and skimage is missing",
    ),
    "a computation": (
        "import theano\ndef build():\n    return theano.function([], 3)()",
        r"line 3: the script calls a compiled function, and nothing computes here",
    ),
    "a question": (
        "import theano.tensor as T\ndef build():\n    return 1 if T.scalar() > 0 else 2",
        "line 3: the script asks whether a symbolic expression is true",
    ),
    "a module that is not Lasagne's": (
        "import lasagne.layers.attention",
        r"line 1: ModuleNotFoundError: No module named 'lasagne\.layers\.attention'",
    ),
    "a wrong option": (
        "from lasagne.layers import *\ndef build():\n    return DenseLayer((2, 3), units=4)",
        r"line 3: TypeError: missing a required argument: 'num_units'",
    ),
    "a strange size": (
        "from lasagne.layers import *\ndef build():\n    return DenseLayer((2, 3), num_units='x')",
        "line 3: ValueError: attribute 'num_units': an integer was expected",
    ),
}


@pytest.mark.parametrize(("source", "words"), FAILURES.values(), ids=FAILURES)
def test_failures_name_the_line(script, source, words):
    with pytest.raises(ScriptError, match=words):
        lasport.load(script(source))


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(ScriptError, match=r"none\.py: No such file"):
        lasport.load(f"{tmp_path / 'none.py'}:build")


def test_a_script_without_a_function_does_not_run(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef build(): pass\n")
    with pytest.raises(lasport.errors.UnreadableFileError, match=r"model\.py:FUNCTION"):
        lasport.load(path)
    assert not Path(tmp_path / "ran").exists()

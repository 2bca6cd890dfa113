"""Gradients of ports: recorded ones, slopes of the reference, and what neither can say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lasport import to_keras, verify
from lasport.compare import reference_slopes
from lasport.oracles.record import MODES, Record
from lasport.oracles.reference import reference_record
from lasport.readers.network import build_network
from tests.compare.conftest import build_mutant
from tests.compare.edits import behind
from tests.compare.mutants_of_gradients import GRADIENTS, WRONG
from tests.compare.test_verify import conv, dense, edited, norm
from tests.golden_records import load_case
from tests.inert_nets import source

keras = pytest.importorskip("keras")

# What clips gradients has slopes that say nothing.
SLOPES = {
    name: mutant
    for name, mutant in GRADIENTS.items()
    if "clipping" not in name and "trunc" not in name
}


def kinds(report: Any) -> set[str]:
    return {one.subject.split("/")[1] for one in report.comparisons}


# --- a record's gradients


@pytest.mark.parametrize("name", ("net_digits", "net_digits_float32"))
@pytest.mark.parametrize("kind", ("grads", "input_grads"))
def test_a_recorded_gradient_that_is_changed_differs(name, kind):
    case = load_case(name)
    key = next(key for key in case.record.arrays if key.startswith(f"training/{kind}/"))
    array = case.record.arrays[key].copy()
    array.flat[1] += (1e-8 if array.dtype == np.float64 else 1e-4) * np.abs(array).max()
    report = verify(case.network, oracle=edited(case.record, **{key.replace("/", "__"): array}))
    (failure,) = report.failures
    assert failure.subject.startswith(f"training/{kind.replace('_', '-')}/")
    assert failure.dtype == array.dtype.name


def test_gradients_of_trained_parameters_and_floating_point_inputs_are_compared():
    case = load_case("embedding_matrix")
    report = verify(case.network, oracle=case.record, passes=(1,))
    assert report.ok
    (name,) = (f"{owner.name}.{param.name}" for owner, param in case.network.owned_params())
    found = [one.subject for one in report.comparisons if "grads" in one.subject]
    assert found == [f"{mode}/grads/{name}" for mode in MODES]


def test_what_cancels_out_is_judged_beside_the_other_gradients():
    # A bias before normalization: whatever it adds, the batch's mean takes away.
    net = build_network(
        dense(norm(dense(source((None, 5)), 4, 5, name="in"), 4, (0,)), 3, 4, "tanh", name="out")
    )
    record = with_gradients(net, reference_record(net))
    n = [f"{owner.name}.{param.name}" for owner, param in net.owned_params()].index("in.b")
    gradient = record.arrays[f"training/grads/{n}"]
    largest = max(np.abs(each).max() for each in record.grads("training").values())
    assert np.abs(gradient).max() < 1e-12 * largest
    noise = np.linspace(-1e-15, 1e-15, 4) * largest
    assert verify(net, oracle=edited(record, **{f"training__grads__{n}": noise}))
    wrong = np.linspace(-1e-10, 1e-10, 4) * largest
    report = verify(net, oracle=edited(record, **{f"training__grads__{n}": wrong}))
    assert [one.subject for one in report.failures] == ["training/grads/in.b"]


def with_gradients(net: Any, record: Record, profile: str = "exact") -> Record:
    """Return a record as Lasagne would have made it, with the gradients of lasport's model."""
    from lasport.targets.keras_port import KerasPort

    session = KerasPort(to_keras(net, profile=profile), net).start("float64")
    arrays = dict(record.arrays)
    for mode in MODES:
        masks = {net.layers[k].name: drawn for k, drawn in record.masks.items()}
        found = session.gradients(
            record.inputs, record.cotangents, training=mode == "training", masks=masks
        )
        for kind, each in (("grads", found.params or []), ("input_grads", found.inputs)):
            kept = {n: gradient for n, gradient in enumerate(each) if gradient is not None}
            dtype = record.meta["floatX"]
            arrays |= {f"{mode}/{kind}/{n}": value.astype(dtype) for n, value in kept.items()}
    return Record({**record.meta, "no_gradient": None, "theano": "1.0.5"}, arrays)


# --- kinks and ties


@pytest.mark.parametrize("name", ("ties_rectify", "ties_maxpool", "net_batchnorm_after_rectify"))
def test_gradients_at_kinks_are_noted_under_stock_and_compared_under_exact(name):
    case = load_case(name)
    passes = (1, case.record.meta["passes"])
    exact = verify(case.network, oracle=case.record, profile="exact", passes=passes)
    assert exact.ok
    assert "input-grads" in kinds(exact)
    stock = verify(case.network, oracle=case.record, profile="stock", passes=passes)
    assert stock.ok
    notes = [note for note in stock.notes if "entries of gradients are TensorFlow's" in note]
    assert len(notes) == len(MODES)
    assert not any("entries of gradients" in note for note in exact.notes)


@pytest.mark.parametrize("name", ("ties_rectify", "net_batchnorm_after_rectify"))
@pytest.mark.parametrize("change", ("doubled", "off by a millionth"))
def test_kinks_excuse_no_other_difference(name, change, build_port):
    case = load_case(name)
    first = next(one.name for one in case.network.layers if one.incoming)
    edit = behind(first, f"{WRONG}.Backward", change=change)
    port = build_port(name, edit)
    report = verify(case.network, port, case.record, passes=(1,), outputs_only=True)
    assert not report.ok
    assert all("/input-grads/" in one.subject for one in report.failures)


def test_slopes_at_a_kink_are_not_compared_and_said_so():
    case = load_case("ties_maxpool")
    report = verify(case.network, oracle=without_gradients(case.record), passes=(1,))
    assert report.ok
    assert "slopes" not in kinds(report)
    assert sum("not known well enough" in note for note in report.notes) == len(MODES)


def test_theanos_gradient_at_ties_that_always_are_is_noted_to_be_no_derivative():
    # Zeros behind a rectifier stay equal behind normalization, and each gets all of the gradient.
    case = load_case("net_batchnorm_after_rectify")
    stock = verify(case.network, profile="stock", passes=(1,), seed=3)
    exact = verify(case.network, profile="exact", passes=(1,), seed=3)
    assert stock.ok
    assert "slopes" in kinds(stock)
    assert exact.ok
    notes = [note for note in exact.notes if "Theano's, and no derivatives" in note]
    assert len(notes) == len(MODES)


def without_gradients(record: Record) -> Record:
    kept = {key: value for key, value in record.arrays.items() if "grads/" not in key}
    return Record({**record.meta, "no_gradient": "none were recorded"}, kept)


@pytest.mark.parametrize(("offset", "excused"), ((1e-9, True), (1e-2, False)))
def test_a_float32_record_beyond_a_kink_is_excused_only_beside_the_kink(offset, excused):
    net = dense(source((2, 5)), 3, 5, "rectify", name="layer")
    weights, bias = (
        each.state["container"].state["storage"] for each in (net.state["W"], net.state["b"])
    )
    weights[0], bias[0] = weights[0].astype("float32"), np.zeros(3, "float32")
    inputs = [np.random.RandomState(1).normal(size=(2, 5)).astype("float32")]
    before = inputs[0].astype("float64") @ weights[0].astype("float64")
    # One unit is just above the kink for one example.
    shift = -before[0, 1] + offset
    weights[0] = weights[0].copy()
    weights[0][4, 1] += np.float32(shift / inputs[0][0, 4])
    network = build_network(net)
    record = with_gradients(network, reference_record(network, inputs=inputs, dtype="float32"))
    x, c = inputs[0].astype("float64"), record.cotangents[0].astype("float64")
    active = (x @ weights[0].astype("float64") > 0).astype("float64")
    active[0, 1] = 1 - active[0, 1]
    wrong = {"grads/0": x.T @ (c * active), "grads/1": (c * active).sum(0)}
    wrong["input_grads/0"] = (c * active) @ weights[0].T
    arrays = {
        f"{m}__{k.replace('/', '__')}": v.astype("float32") for m in MODES for k, v in wrong.items()
    }
    report = verify(network, oracle=edited(record, **arrays), passes=(1,))
    assert report.ok is excused
    assert any("not compared in float32" in note for note in report.notes) is excused


# --- slopes of the reference


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", SLOPES)
def test_slopes_of_the_reference_catch_wrong_gradients_at_their_place(name, net_and_record):
    mutant = SLOPES[name]
    net, _ = net_and_record(mutant.net)
    model = build_mutant(mutant)
    report = verify(net, model, passes=(1,), outputs_only=mutant.outputs_only)
    assert report.first_divergence is not None
    subject = mutant.at.replace("input-grads", "slopes")
    frozen = "frozen" in name
    assert report.first_divergence.subject == (
        subject if frozen else subject.replace("grads", "slopes")
    )


# What a slope that is known to six digits or so does not show.
TOO_SMALL = ("gradients rounded to single precision", "gradients off by a millionth")


@pytest.mark.thinned(6)
@pytest.mark.parametrize("name", [name for name in SLOPES if name not in TOO_SMALL])
def test_slopes_of_large_nets_catch_wrong_gradients(name, net_and_record, monkeypatch):
    monkeypatch.setattr(reference_slopes, "LARGE", 0)
    mutant = SLOPES[name]
    net, _ = net_and_record(mutant.net)
    report = verify(net, build_mutant(mutant), passes=(1,), outputs_only=mutant.outputs_only)
    assert not report.ok


def test_slopes_of_large_nets_take_two_passes_in_each_mode(monkeypatch):
    passes = []

    class Counted(reference_slopes.Forward):
        def __init__(self, *args, training, **kwargs):
            passes.append(training)
            super().__init__(*args, training=training, **kwargs)

    net = load_case("net_digits").network
    monkeypatch.setattr(reference_slopes, "Forward", Counted)
    monkeypatch.setattr(reference_slopes, "LARGE", 0)
    report = verify(net, passes=(1,))
    assert report.ok
    assert passes == [False, False, True, True]
    assert [one.subject for one in report.comparisons[-2:]] == [f"{m}/slopes/all" for m in MODES]
    notes = [note for note in report.notes if "one random direction" in note]
    assert len(notes) == len(MODES)


def test_what_clips_gradients_has_no_slopes_and_is_named():
    case = load_case("lstm_clipped")
    report = verify(case.network, passes=(1,))
    assert report.ok
    assert "slopes" not in kinds(report)
    (note,) = (note for note in report.notes if "clipped" in note)
    assert note.startswith("layer: gradients are clipped or truncated")


def test_what_is_behind_a_layer_that_clips_has_slopes():
    case = load_case("net_noisy_sequences")
    assert not any("clipped" in note for note in verify(case.network, passes=(1,)).notes)


# --- what is asked


def test_gradients_can_be_left_out_and_the_report_says_so():
    from lasport.compare.wording import gaps

    case = load_case("dense_tanh")
    without = verify(case.network, passes=(1,), gradients=False)
    assert without.ok
    assert "Gradients were not compared." in list(gaps(without))
    assert "Gradients were not compared." not in list(gaps(verify(case.network, passes=(1,))))
    narrow = load_case("net_digits_float32")
    for found, said in ((without, False), (verify(case.network, passes=(1,)), True)):
        assert ("Gradients were compared in float64 only." in list(gaps(found))) is said
    both = verify(narrow.network, oracle=narrow.record, passes=(1,))
    assert "Gradients were compared in float64 only." not in list(gaps(both))


def test_one_mode_alone_has_gradients_of_that_mode():
    case = load_case("dense_tanh")
    for mode in MODES:
        report = verify(case.network, oracle=case.record, modes=(mode,), passes=(1,))
        found = {
            one.subject.partition("/")[0] for one in report.comparisons if "grads" in one.subject
        }
        assert found == {mode}


def test_of_a_port_with_other_names_the_inputs_gradients_are_compared(build_port, net_and_record):
    from tests.compare.edits import renamed

    net, record = net_and_record("net_digits")
    report = verify(net, build_port("net_digits", renamed), record, outputs_only=True)
    assert report.ok
    found = {one.subject for one in report.comparisons if "grads" in one.subject}
    assert found == {f"{mode}/input-grads/{net.inputs[0]}" for mode in MODES}


def test_a_weight_that_lasagne_does_not_train_must_not_be_trained():
    net = load_case("dense_tanh").network
    frozen = replace(
        net["layer"],
        params={
            name: replace(param, tags=param.tags - {"trainable"})
            for name, param in net["layer"].params.items()
        },
    )
    model = to_keras(net)
    other = type(net)(
        tuple(frozen if one.name == "layer" else one for one in net.layers), net.outputs
    )
    report = verify(other, model, passes=(1,))
    problems = {one.problem for one in report.failures}
    assert problems == {"trained by the model, and not by Lasagne"}


def test_a_port_in_float32_of_a_net_in_float64_has_the_slopes_of_its_own_weights():
    image = source((None, 2, 7, 5), name="image")
    net = build_network(conv(image, 4, 2, name="conv"))
    model = keras.Sequential(
        [
            keras.Input((2, 7, 5)),
            keras.layers.Permute((2, 3, 1)),
            keras.layers.ZeroPadding2D(1),
            keras.layers.Conv2D(4, 3),
            keras.layers.Permute((3, 1, 2)),
        ]
    )
    params = net["conv"].params
    kernel = params["W"].value[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)
    model.set_weights([kernel, params["b"].value])
    report = verify(net, model, outputs_only=True, passes=(1,))
    assert report.ok, report.to_text()
    assert "slopes" in kinds(report)

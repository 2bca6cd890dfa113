"""What the statistics of batch normalization are on two replicas, and which of them Lasagne's.

Lasagne computed on one device, from whole batches: synchronized statistics are what it recorded.
Others are those of Lasagne on the replica's part of the batch: of the averages of the replicas the
own layer takes the mean, while with Keras' each replica goes on with its own, and who reads or
saves the model gets the first one's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lasport.layers.normalization import BatchNormAttributes
from lasport.oracles.reference import run_reference
from tests.golden_records import load_case

HERE = Path(__file__).parent
# What a few roundings amount to, relative to the largest of an array.
BOUND = 1e-12

# Case and profile. Batches are of 3 and of 5: the replicas' parts are of different sizes.
SYNCHRONIZED = (
    ("net_residual_block", "stock"),
    ("net_residual_block", "exact"),
    # Own layers, as Keras' has neither these axes nor a way back.
    ("batchnorm_axes_0", "stock"),
    ("inverse_batchnorm_image", "stock"),
)
PER_REPLICA = (("batch_norm_conv", "stock"), ("batch_norm_conv", "exact"))


@pytest.fixture(scope="module")
def on_two_replicas(run_python, golden, tmp_path_factory):
    """Return what replicas.py computes: a function of case, profile and statistics."""
    place = tmp_path_factory.mktemp("replicas")
    cases = [
        ":".join((*case, statistics))
        for statistics, those in (("synchronized", SYNCHRONIZED), ("per_replica", PER_REPLICA))
        for case in those
    ]
    program = [str(HERE / "replicas.py"), str(golden), str(place / "found.npz"), *cases]
    result = run_python(*program, cwd=place)
    assert result.returncode == 0, result.stderr
    with np.load(place / "found.npz") as archive:
        found = {key: archive[key] for key in archive.files}

    def of(*case):
        start = ":".join(case) + "/"
        return {key[len(start) :]: value for key, value in found.items() if key.startswith(start)}

    return of


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=BOUND * np.abs(expected).max())


def params_of(name, params):
    """Return parameters by the names of layer and parameter."""
    owned = load_case(name).network.owned_params()
    return {
        (layer.name, param.name): value for (layer, param), value in zip(owned, params, strict=True)
    }


def norms_of(name):
    layers = load_case(name).network.layers
    return [layer for layer in layers if isinstance(layer.attributes, BatchNormAttributes)]


def averaged_variances(name, start, histories):
    """Return Keras' average of the variances of which Lasagne averaged the inverse roots.

    Keras starts where Lasagne does, and takes as much of each batch.
    """
    result = {}
    for norm in norms_of(name):
        a, key = norm.attributes, (norm.name, "inv_std")
        old = params_of(name, start)[key]
        variance = old**-2 - a.epsilon
        for params in histories:
            new = params_of(name, params)[key]
            of_batch = (new - (1 - a.alpha) * old) / a.alpha
            variance = (1 - a.alpha) * variance + a.alpha * (of_batch**-2 - a.epsilon)
            old = new
        result[norm.name] = variance
    return result


@pytest.mark.parametrize(("name", "profile"), SYNCHRONIZED)
def test_synchronized_averages_are_lasagnes_on_every_replica(name, profile, on_two_replicas):
    found, record = on_two_replicas(name, profile, "synchronized"), load_case(name).record
    recorded = [record.params_after(number) for number in range(1, record.meta["passes"] + 1)]
    expected = params_of(name, recorded[-1])
    variances = averaged_variances(name, record.params, recorded)
    for norm in norms_of(name):
        for replica in (0, 1):
            mean = found[f"{norm.name}/moving_mean/{replica}"]
            assert_close(mean, expected[norm.name, "mean"])
            inv_std = found.get(f"{norm.name}/moving_inv_std/{replica}")
            if inv_std is not None:
                assert_close(inv_std, expected[norm.name, "inv_std"])
            else:
                variance = found[f"{norm.name}/moving_variance/{replica}"]
                np.testing.assert_allclose(variance, variances[norm.name], rtol=1e-10)


def test_synchronized_gradients_are_lasagnes(on_two_replicas):
    name = "net_residual_block"
    found, recorded = on_two_replicas(name, "exact", "synchronized"), load_case(name).record
    for number, gradient in recorded.grads("training").items():
        scale = max(np.abs(gradient).max(), np.abs(recorded.params[number]).max())
        np.testing.assert_allclose(found[f"grads/{number}"], gradient, rtol=0, atol=BOUND * scale)


def lasagne_on_parts(name, merge):
    """Return parameters after each pass, of Lasagne on either part of each batch.

    ``merge`` makes of both replicas' parameters those with which both go on.
    """
    case, histories = load_case(name), []
    params = [list(case.record.params)] * 2
    for number in range(1, case.record.meta["passes"] + 1):
        parts = np.array_split(case.record.batch(number)[0], 2)
        after = [
            list(run_reference(case.network, [part], training=True, params=before).params)
            for part, before in zip(parts, params, strict=True)
        ]
        params = merge(after)
        histories.append(params)
    return histories


def test_own_averages_per_replica_are_the_mean_of_both(on_two_replicas):
    name = "batch_norm_conv"
    found = on_two_replicas(name, "exact", "per_replica")

    def merge(after):
        return [[np.mean(both, axis=0) for both in zip(*after, strict=True)]] * 2

    expected = params_of(name, lasagne_on_parts(name, merge)[-1][0])
    lasagne = params_of(name, load_case(name).record.params_after(5))
    for norm in norms_of(name):
        for which in ("mean", "inv_std"):
            for replica in (0, 1):
                average = found[f"{norm.name}/moving_{which}/{replica}"]
                assert_close(average, expected[norm.name, which])
        # Which is not what Lasagne's are: those of parts leave out how far the parts are apart.
        ratio = average / lasagne[norm.name, "inv_std"]
        assert ratio.mean() > 1.01


def test_stock_averages_per_replica_are_those_of_its_part_alone(on_two_replicas):
    name = "batch_norm_conv"
    found = on_two_replicas(name, "stock", "per_replica")
    histories = lasagne_on_parts(name, lambda after: after)
    params = params_of(name, [found[f"params/{i}"] for i in range(len(histories[-1][0]))])
    for replica in (0, 1):
        own = [history[replica] for history in histories]
        expected = params_of(name, own[-1])
        variances = averaged_variances(name, load_case(name).record.params, own)
        for norm in norms_of(name):
            mean = found[f"{norm.name}/moving_mean/{replica}"]
            assert_close(mean, expected[norm.name, "mean"])
            variance = found[f"{norm.name}/moving_variance/{replica}"]
            np.testing.assert_allclose(variance, variances[norm.name], rtol=1e-10)
            # Who reads the model, to save it too, gets the first replica's.
            assert np.array_equal(mean, params[norm.name, "mean"]) == (replica == 0)

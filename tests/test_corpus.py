"""Files that people really published, as the corpus's manifest describes them.

The corpus is no part of the project; LASPORT_CORPUS says where it is.
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from lasport import load, to_keras, verify
from lasport.errors import LasportError, UnreadableFileError
from lasport.oracles.reference import draw_inputs, run_reference
from lasport.readers.files import read_content
from lasport.readers.parameters import read_parameters

# File: how the parameters are bound, how many arrays there are, and one array's shape.
PARAMETERS = {
    "baumgach__SonoNet-weights/SonoNet16.npz": ("in order", 75, (16, 1, 3, 3)),
    "baumgach__SonoNet-weights/SmallNet.npz": ("in order", 12, (32, 1, 7, 7)),
    "Lasagne__Recipes/cifar_model_n5.npz": ("in order", 157, (16, 3, 3, 3)),
    "Lasagne__Recipes/gan_weights.npz": ("in order", 20, (128, 640)),
    "yandexdataschool__AgentNet/weights_after_epoch2000.pcl": ("by parameter", 13, (292, 128)),
    "yandexdataschool__AgentNet/gopher.pcl": ("in order", 8, (16, 4, 8, 8)),
    "NIC-VICOROB__sub-cortical_segmentation/miccai2012_v1.pkl": ("by layer", 107, (20, 1, 3, 3)),
    "matthijsvk__multimodalSR/gru_2layer_trained.pkl": ("in order", 20, (95, 200)),
    "js3611__Deep-MRI-Reconstruction/d5_c5.npz": ("in order", 50, (64, 2, 3, 3)),
    "snipsco__ntm-lasagne/copy.npy": ("in order", 34, (1, 100)),
    "snipsco__ntm-lasagne/sort.npy": ("in order", 48, (1, 100)),
}
POLICIES = (
    "lerrel__rllab-adv/env-InvertedPendulumAdv-v1_Exp1_Itr25_BS4000_Adv0.25_"
    "stp0.01_lam0.97_831200.p"
)
# File: units of the dense layers of the nolearn net in it.
NETS = {
    "houghb__lignet/final-0-solids_net.pkl": [30, 8, 1],
    "houghb__lignet/double_hidden_ann_objects.pkl": [24, 22, 30],
}
NEITHER = {
    "NIC-VICOROB__sub-cortical_segmentation/miccai2012_v1_history.pkl": "history of a training",
    "ajbrock__Neural-Photo-Editor/IAN_simple.npz": "a pointer to a file in Git LFS",
    "Theano__Theano/sandbox__cuda__tests__old_pool_interface.pkl": "function_module",
    "Theano__Theano/scan_module__tests__inconsistent_scan.pkl": "an object of .*scan_op.Scan",
    "Theano__Theano/gof__tests__test_fg_old_crash.pkl": "theano.tensor.var.TensorVariable",
    "Theano__Theano/tensor__signal__tests__old_pool_interface.pkl": "function_module",
}
GPU_ARRAYS = (
    "Theano__Theano/gpuarray__tests__GpuArray.pkl",
    "Theano__Theano/gpuarray__tests__GpuArray.pkl.old.pkl",
    "Theano__Theano/sandbox__cuda__tests__CudaNdarray.pkl",
    "Theano__Theano/sandbox__cuda__tests__CudaNdarray_py3.pkl",
    "Theano__Theano/sandbox__gpuarray__tests__GpuArray.pkl",
)


def test_every_file_of_the_corpus_has_its_test(corpus):
    found = {str(path.relative_to(corpus)) for path in corpus.glob("*/*")}
    assert found == {*PARAMETERS, POLICIES, *NETS, *NEITHER, *GPU_ARRAYS}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_are_found(name, corpus):
    order, count, shape = PARAMETERS[name]
    found = read_parameters(corpus / name)
    assert (found.order, len(found.values), found.values[0].shape) == (order, count, shape)
    assert all(np.isfinite(value).all() for value in found.values)


def test_of_two_policies_one_is_named(corpus):
    with pytest.raises(UnreadableFileError, match="under adv_policy, pro_policy; say which"):
        read_parameters(corpus / POLICIES)
    assert read_parameters(corpus / POLICIES, "pro_policy").values[0].shape == (20802,)


@pytest.mark.parametrize("name", NETS)
def test_nets_are_read_ported_and_equal(name, corpus):
    net = load(corpus / name)
    assert [layer.output_shape[1] for layer in net.layers[1:]] == NETS[name]
    report = verify(net)
    assert report, str(report)
    (x,) = draw_inputs(net, seed=1)[0]
    expected = run_reference(net, [x], training=False).layers[-1]
    np.testing.assert_allclose(to_keras(net)(x).numpy(), expected, rtol=1e-10)


# Script, what its function is called with, parameters, and how many layers there are. The scripts
# are written from the papers and the shapes of the parameters.
SCRIPTS = [
    ("sononet", {"size": (32, 48)}, "baumgach__SonoNet-weights/SonoNet16.npz", 52),
    ("text_gru", {}, "matthijsvk__multimodalSR/gru_2layer_trained.pkl", 7),
    ("subcortical", {}, "NIC-VICOROB__sub-cortical_segmentation/miccai2012_v1.pkl", 88),
    pytest.param(
        *("cifar_resnet", {}, "Lasagne__Recipes/cifar_model_n5.npz", 132), marks=pytest.mark.full
    ),
]


@pytest.mark.parametrize(("script", "kwargs", "name", "layers"), SCRIPTS)
def test_scripts_take_all_parameters_and_are_equal(script, kwargs, name, layers, corpus):
    path = Path(__file__).parent / "corpus_scripts" / f"{script}.py"
    net = load(f"{path}:build", params=corpus / name, kwargs=kwargs)
    assert len(net.layers) == layers
    report = verify(net, passes=(1,))
    assert report, str(report)


# File: what the script is called with that builds its net once more.
SCRIPTED = {
    "houghb__lignet/final-0-solids_net.pkl": {"function": "scaled"},
    "houghb__lignet/double_hidden_ann_objects.pkl": {"function": "sigmoid"},
}


@pytest.mark.parametrize("name", SCRIPTED)
def test_scripts_build_the_pickled_nets(name, corpus, tmp_path):
    pickled = load(corpus / name)
    by_layer = {
        layer.name: [param.value for param in layer.params.values()] for layer in pickled.layers
    }
    (tmp_path / "saved.pickle").write_bytes(pickle.dumps(by_layer))
    net = load(
        f"{Path(__file__).parent / 'corpus_scripts' / 'lignet.py'}:build",
        kwargs={"units": NETS[name], **SCRIPTED[name]},
        params=tmp_path / "saved.pickle",
    )
    for built, layer in zip(net.layers, pickled.layers, strict=True):
        assert (built.name, built.kind, built.incoming) == (layer.name, layer.kind, layer.incoming)
        assert built.attributes == layer.attributes
    assert [v.dtype for v in net.param_values()] == [v.dtype for v in pickled.param_values()]
    report = verify(net, passes=(1,))
    assert report, str(report)


@pytest.mark.parametrize("name", NEITHER)
def test_what_is_neither_says_what_it_is(name, corpus):
    for read in (load, read_parameters):
        with pytest.raises(LasportError) as caught:
            read(corpus / name)
        assert re.search(NEITHER[name], str(caught.value)), str(caught.value)


@pytest.mark.parametrize("name", GPU_ARRAYS)
def test_arrays_of_a_gpu_are_arrays(name, corpus):
    root = read_content(corpus / name).root
    assert isinstance(root, np.ndarray)
    assert (root.shape, root.dtype) == ((1,), np.float32)

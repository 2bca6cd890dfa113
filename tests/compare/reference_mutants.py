"""References with one mistake each: attributes misread, formulas and adjoints wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np

from lasport.compare.metrics import STRUCTURE_BOUND, measure
from lasport.errors import ComparisonError
from lasport.layers.expression import Reduction
from lasport.layers.nonlinearities import Nonlinearity
from lasport.layers.sampling import interpolate, spaced
from lasport.layers.thin_plate_spline import bent, source_points
from lasport.oracles import forward, layer_run
from lasport.oracles.record import MODES, Record
from lasport.oracles.reference import run_reference
from lasport.registry import require_family
from lasport.spec import Array, Network
from tests.golden_records import load_case

__all__ = ["REFERENCE_MUTANTS", "Found", "ReferenceMutant", "first_difference", "misread"]

# Case, layer, and attributes as a wrong reading would give them.
MISREAD = {
    "epsilon": ("batchnorm_4d", "layer", {"epsilon": 1e-3}),
    "small epsilon": ("batchnorm_epsilon_1e_5", "layer", {"epsilon": 1e-4}),
    "alpha": ("batchnorm_4d", "layer", {"alpha": 0.11}),
    "1 - alpha": ("batchnorm_alpha_0_9", "layer", {"alpha": 0.1}),
    "flip_filters": ("conv2d_valid", "layer", {"flip_filters": False}),
    "flip_filters of a correlation": ("conv2d_unflipped", "layer", {"flip_filters": True}),
    "pad": ("conv2d_pad_2_1", "layer", {"pad": (1, 2)}),
    "stride": ("conv2d_stride_3_1", "layer", {"stride": (1, 3)}),
    "conv's nonlinearity": ("conv2d_rectify", "layer", {"nonlinearity": Nonlinearity("linear")}),
    "leakiness": (
        "dense_leaky_rectify_0_2",
        "layer",
        {"nonlinearity": Nonlinearity("leaky_rectify", {"leakiness": 0.201})},
    ),
    "scales of tanh": (
        "dense_scaled_tanh",
        "layer",
        {"nonlinearity": Nonlinearity("scaled_tanh", {"scale_in": 2.4, "scale_out": 0.5})},
    ),
    "selu's constants": (
        "nonlinearity_selu_1_3_0_7",
        "layer",
        {"nonlinearity": Nonlinearity("selu", {"scale": 0.7, "scale_neg": 1.3})},
    ),
    "default nonlinearity": ("dense_default", "layer", {"nonlinearity": Nonlinearity("linear")}),
    "pads counted": ("pool2d_exc_pad", "layer", {"mode": "average_inc_pad"}),
    "pads not counted": ("pool2d_inc_pad", "layer", {"mode": "average_exc_pad"}),
    "ignore_border": ("pool2d_max_ceil", "layer", {"ignore_border": True}),
    "pool mode": ("pool2d_max", "layer", {"mode": "sum"}),
    "pool pad": ("pool2d_max_pad", "layer", {"pad": (0, 0)}),
    "pool stride": ("pool2d_overlapping", "layer", {"stride": (3, 3)}),
    "reduction": ("globalpool_var_4d", "layer", {"pool_function": "std"}),
    "dropout rate": ("dropout_p_0_2", "layer", {"p": 0.25}),
    "rescale": ("dropout_no_rescale", "layer", {"rescale": True}),
    "shared axes of dropout": ("dropout_shared_2_3", "layer", {"shared_axes": ()}),
    "sigma": ("gaussian_sigma_2_5", "layer", {"sigma": 1.0}),
    "strong sigma": ("gaussian_images", "layer", {"sigma": 1.0}),
    "lower slope": ("rrelu_bounds", "layer", {"lower": 0.3}),
    "upper slope": ("rrelu_default", "layer", {"upper": 0.9}),
    "slopes closer to each other": ("rrelu_nothing_shared", "layer", {"lower": 0.4, "upper": 0.7}),
    "shared axes of slopes": ("rrelu_axes_0_2", "layer", {"shared_axes": (0, 3)}),
    "coefficients": ("sum_coeffs", "layer", {"coeffs": (1.0, 1.0)}),
    "cropping": ("concat_cropped_upper", "layer", {"cropping": (None, None, "lower", "lower")}),
    "width of padding": ("pad_asymmetric", "layer", {"width": ((1, 1), (1, 1))}),
    "value of padding": ("pad_value", "layer", {"val": 0.0}),
    "outdim": ("flatten_to_3", "layer", {"outdim": 2}),
    "epsilon without averages": ("standardization_epsilon", "layer", {"epsilon": 0.303}),
    "axes": ("standardization_axis_1", "layer", {"axes": (2, 3)}),
    "alpha over n": ("lrn_n_3", "layer", {"alpha": 0.1}),
    "n": ("lrn_default", "layer", {"n": 3}),
    "k": ("lrn_k", "layer", {"k": 2.0}),
    "beta": ("lrn_beta", "layer", {"beta": 0.75}),
    "border mode": ("transformer_far_mirror", "layer", {"border_mode": "wrap"}),
    "border mode of a spline": ("tps_points_9", "layer", {"border_mode": "nearest"}),
    "grid not precomputed": ("tps_default", "layer", {"precompute_grid": False}),
    "grid precomputed": ("tps_not_precomputed", "layer", {"precompute_grid": True}),
    "function": ("expression_sqr", "layer", {"function": Nonlinearity("abs")}),
    "axes of a reduction": ("expression_prod", "layer", {"function": Reduction("prod", (1, 2))}),
    "reduction of an expression": (
        "expression_mean",
        "layer",
        {"function": Reduction("sum", (2,))},
    ),
    "in a whole net": ("net_residual_block", "b_bn", {"epsilon": 1e-4}),
    "at the end of a net": ("net_digits", "hidden_bn", {"alpha": 0.4}),
}

Formula = Callable[[Any, Mapping[str, Array], Sequence[Array], Any], Array]


def normalize(a: Any, params: Mapping[str, Array], x: Array, mean: Array, inv_std: Array) -> Array:
    scale = np.expand_dims(inv_std * params["gamma"], a.axes)
    shift = np.expand_dims(params["beta"], a.axes)
    return (x - np.expand_dims(mean, a.axes)) * scale + shift


def average(a: Any, params: Mapping[str, Array], run: Any, **batch: Array) -> None:
    for name, value in batch.items():
        run.update(name, (1 - a.alpha) * params[name] + a.alpha * value)


def unbiased_variance(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    if not run.training:
        return normalize(a, params, x, params["mean"], params["inv_std"])
    mean, inv_std = x.mean(a.axes), 1 / np.sqrt(x.var(a.axes, ddof=1) + a.epsilon)
    average(a, params, run, mean=mean, inv_std=inv_std)
    return normalize(a, params, x, mean, inv_std)


def averaged_variance(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    if not run.training:
        return normalize(a, params, x, params["mean"], params["inv_std"])
    mean, variance = x.mean(a.axes), x.var(a.axes)
    average(a, params, run, mean=mean)
    before = params["inv_std"] ** -2.0 - a.epsilon
    after = (1 - a.alpha) * before + a.alpha * variance
    run.update("inv_std", 1 / np.sqrt(after + a.epsilon))
    return normalize(a, params, x, mean, 1 / np.sqrt(variance + a.epsilon))


def epsilon_outside_the_root(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    if not run.training:
        return normalize(a, params, x, params["mean"], params["inv_std"])
    mean, inv_std = x.mean(a.axes), 1 / (np.sqrt(x.var(a.axes)) + a.epsilon)
    average(a, params, run, mean=mean, inv_std=inv_std)
    return normalize(a, params, x, mean, inv_std)


def no_update(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    if not run.training:
        return normalize(a, params, x, params["mean"], params["inv_std"])
    return normalize(a, params, x, x.mean(a.axes), 1 / np.sqrt(x.var(a.axes) + a.epsilon))


def averages_in_training(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    if run.training:
        inv_std = 1 / np.sqrt(x.var(a.axes) + a.epsilon)
        average(a, params, run, mean=x.mean(a.axes), inv_std=inv_std)
    return normalize(a, params, x, params["mean"], params["inv_std"])


def scaled_by_keep(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    return x * run.binomial(x.shape, 1 - a.p) * (1 - a.p) if run.training else x


def rescaled_in_inference(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    return x * run.binomial(x.shape, 1 - a.p) if run.training else x * (1 - a.p)


def noise_in_inference(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    return np.asarray(x + run.normal(x.shape, a.sigma))


def noise_multiplied(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    return x * (1 + run.normal(x.shape, a.sigma)) if run.training else x


def noise_missing(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    return np.asarray(x)


def slopes_in_inference(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    return np.where(x > 0, x, run.uniform((1, *x.shape[1:]), a.lower, a.upper) * x)


def mean_slope_in_training(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    return np.where(x > 0, x, (a.lower + a.upper) / 2 * x)


def slopes_of_what_is_positive(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    mean = np.array((a.lower + a.upper) / 2)
    slope = run.uniform((1, *x.shape[1:]), a.lower, a.upper) if run.training else mean
    return np.where(x < 0, x, slope * x)


def softmax_over_the_batch(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    e = np.exp(x - x.max(axis=0))
    return np.asarray(e / e.sum(axis=0))


def rows_channels_last(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    flat = np.moveaxis(x, 1, -1).reshape(len(x), -1)
    return np.maximum(flat @ params["W"] + params["b"], 0)


def slope_above_0(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    (x,) = inputs
    slope = np.expand_dims(params["alpha"], a.shared(x.ndim))
    return np.minimum(x, 0) + slope * np.maximum(x, 0)


def exchanged(across: Array, down: Array, space: Sequence[int]) -> Sequence[Array]:
    return down, across


def one_pixel_more(across: Array, down: Array, space: Sequence[int]) -> Sequence[Array]:
    return [(at + 1) * n / (n - 1) - 1 for at, n in zip((down, across), space, strict=True)][::-1]


def wrapped_at_the_last_pixel(across: Array, down: Array, space: Sequence[int]) -> Sequence[Array]:
    return (across + 1) % 2 - 1, (down + 1) % 2 - 1


def misplaced(wrong: Callable[[Array, Array, Sequence[int]], Sequence[Array]]) -> Formula:
    """Return a spatial transformer with wrong places."""

    def formula(a: Any, params: Any, inputs: Any, run: Any) -> Array:
        images, theta = inputs
        x, y = spaced(images.shape[3], "float64"), spaced(images.shape[2], "float64")[:, None]
        t = theta.reshape(-1, 6, 1, 1)
        across, down = (t[:, i] * x + t[:, i + 1] * y + t[:, i + 2] for i in (0, 3))
        return interpolate(images, *wrong(across, down, images.shape[2:]), a.border_mode)

    return formula


def bent_by_the_distance(a: Any, params: Any, inputs: Any, run: Any) -> Array:
    images, offsets = inputs
    points = source_points(a.control_points)
    x, y = (axis.ravel() for axis in np.meshgrid(*(np.linspace(-1, 1, n) for n in (4, 5))))
    right = bent(points, x, y)
    right[3:] /= 2  # the logarithm of the distance, not of its square
    places = (points + offsets.reshape(len(images), 2, -1)) @ a.inverse @ right
    across, down = places.reshape(-1, 2, *images.shape[2:]).swapaxes(0, 1)
    return interpolate(images, across, down, a.border_mode)


# Case, and the formula that one layer's family gets wrong.
WRONG_FORMULAS: dict[str, tuple[str, Formula]] = {
    "unbiased variance": ("batchnorm_4d", unbiased_variance),
    "variance averaged": ("batchnorm_4d", averaged_variance),
    "epsilon outside the root": ("batchnorm_epsilon_1e_1", epsilon_outside_the_root),
    "averages never moved": ("batchnorm_2d", no_update),
    "averages used in training mode": ("batchnorm_2d", averages_in_training),
    "dropout scaled the other way": ("dropout_p_0_2", scaled_by_keep),
    "dropout rescaled in inference mode": ("dropout_p_0_2", rescaled_in_inference),
    "noise added in inference mode": ("gaussian_default", noise_in_inference),
    "noise multiplied": ("gaussian_default", noise_multiplied),
    "noise missing": ("gaussian_default", noise_missing),
    "slopes drawn in inference mode": ("rrelu_default", slopes_in_inference),
    "mean slope in training mode": ("rrelu_default", mean_slope_in_training),
    "slopes of what is positive": ("rrelu_default", slopes_of_what_is_positive),
    "softmax over the batch": ("nonlinearity_softmax", softmax_over_the_batch),
    "slope above 0": ("prelu_auto_4d", slope_above_0),
    "rows and columns exchanged": ("transformer_default", misplaced(exchanged)),
    "an image one pixel too large": ("transformer_default", misplaced(one_pixel_more)),
    "wrapped at the last pixel": ("transformer_far_wrap", misplaced(wrapped_at_the_last_pixel)),
    "bent by the distance": ("tps_default", bent_by_the_distance),
    "dense rows channels last": ("dense_on_images", rows_channels_last),
}


Adjoint = Callable[[Any, Mapping[str, Array], Sequence[Array], Array, Any], Array]


def derivative_left_out(a: Any, params: Any, inputs: Any, g: Array, run: Any) -> Array:
    return np.asarray(g @ params["W"].T)


def to_the_first_maximum(a: Any, params: Any, inputs: Any, g: Array, run: Any) -> Array:
    (x,) = inputs
    first = x.argmax(axis=2, keepdims=True) == np.arange(x.shape[2])
    return np.asarray(first * g[..., None])


def statistics_taken_for_constants(a: Any, params: Any, inputs: Any, g: Array, run: Any) -> Array:
    inv_std = params["inv_std"]
    if run.training:
        inv_std = 1 / np.sqrt(inputs[0].var(a.axes) + a.epsilon)
    return g * np.expand_dims(inv_std * params["gamma"], a.axes)


def averages_used(a: Any, params: Any, inputs: Any, g: Array, run: Any) -> Array:
    return g * np.expand_dims(params["inv_std"] * params["gamma"], a.axes)


def mask_forgotten(a: Any, params: Any, inputs: Any, g: Array, run: Any) -> Array:
    return g / (1 - a.p) if run.training else g


def wrong_shares(a: Any, params: Any, inputs: Any, g: Array, run: Any) -> Array:
    (x,) = inputs
    return np.ones_like(x) * g[..., None, None]


# Case, and what it makes of a gradient.
WRONG_ADJOINTS: dict[str, tuple[str, Adjoint]] = {
    "derivative left out": ("inverse_dense", derivative_left_out),
    "gradient to the first maximum": ("ties_inverse_globalpool_max", to_the_first_maximum),
    "batch statistics taken for constants": ("inverse_batchnorm", statistics_taken_for_constants),
    "averages on the way back": ("inverse_batchnorm", averages_used),
    "mask forgotten": ("inverse_of_input_dropout", mask_forgotten),
    "shares of a mean": ("inverse_globalpool_mean", wrong_shares),
}


def misread(network: Network, layer: str, wrong: Mapping[str, object]) -> Network:
    """Return a network with one layer's attributes changed."""
    attributes: Any = network[layer].attributes
    changed = replace(network[layer], attributes=replace(attributes, **wrong))
    layers = tuple(changed if one.name == layer else one for one in network.layers)
    return Network(layers, network.outputs)


@dataclass(frozen=True)
class Found:
    """What differs: a subject and by how much, relative, or what kept it from being computed."""

    subject: str
    relative: float | None = None


@dataclass(frozen=True)
class ReferenceMutant:
    """A mistake in the reference, or in what it is told of the net.

    Attributes
    ----------
    case : str
        The golden case whose record shows it.
    layer : str
        The one with the mistake.
    attributes : mapping
        As a wrong reading would give them.
    reference, adjoint : callable or None
        In place of those of the layer's family.
    """

    case: str
    layer: str = "layer"
    attributes: Mapping[str, object] = field(default_factory=dict)
    reference: Formula | None = None
    adjoint: Adjoint | None = None

    def first_difference(self) -> Found | None:
        """Return what the record shows of the mistake."""
        case = load_case(self.case)
        network = misread(case.network, self.layer, self.attributes)
        kind = network[self.layer].kind
        with (
            _family(forward, kind, reference=self.reference),
            _family(layer_run, kind, adjoint=self.adjoint),
        ):
            return first_difference(network, case.record)


def _family(
    module: ModuleType, kind: str, **parts: Formula | Adjoint | None
) -> AbstractContextManager[object]:
    """Replace parts of the family of a class, where a module asks for it."""
    if None in parts.values():
        return nullcontext()

    def wrong_family(layer: Any) -> Any:
        family = require_family(layer)
        return replace(family, **parts) if layer.kind == kind else family

    return patch.object(module, "require_family", wrong_family)


def first_difference(network: Network, record: Record) -> Found | None:
    """Return where the reference and a float64 record part, of every layer and pass."""
    try:
        for subject, found, recorded in _computed(network, record):
            if found.shape != recorded.shape:
                return Found(f"`{subject}`: shape {found.shape}, not {recorded.shape}")
            relative = measure(found, recorded).relative
            if not relative <= STRUCTURE_BOUND:
                return Found(f"`{subject}`", relative)
    except ComparisonError as error:
        return Found(str(error))
    return None


def _computed(network: Network, record: Record) -> Iterator[tuple[str, Array, Array]]:
    for mode in MODES:
        training = mode == "training"
        found = run_reference(network, record.inputs, training=training, masks=record.masks)
        layers = zip(network.layers, found.layers, record.layers(mode), strict=True)
        yield from (
            (f"{mode}/layers/{layer.name}", value, wanted) for layer, value, wanted in layers
        )
    params = None
    for number in range(1, record.meta["passes"] + 1):
        batch, masks = record.batch(number), record.pass_masks(number)
        params = run_reference(network, batch, training=True, masks=masks, params=params).params
        owned = zip(network.owned_params(), params, record.params_after(number), strict=True)
        for (layer, param), value, wanted in owned:
            yield f"training/params/{number}/{layer.name}.{param.name}", value, wanted


REFERENCE_MUTANTS: dict[str, ReferenceMutant] = {
    **{
        f"misread: {name}": ReferenceMutant(case, layer, attributes)
        for name, (case, layer, attributes) in MISREAD.items()
    },
    **{
        f"formula: {name}": ReferenceMutant(case, reference=formula)
        for name, (case, formula) in WRONG_FORMULAS.items()
    },
    **{
        f"adjoint: {name}": ReferenceMutant(case, adjoint=adjoint)
        for name, (case, adjoint) in WRONG_ADJOINTS.items()
    },
}

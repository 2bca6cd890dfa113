"""Images sampled at computed places."""

from __future__ import annotations

from lasport.operations import AffineSample, SplineSample
from lasport.targets.keras_calls.call import Context, Made, Mappings

__all__ = ["MAPPINGS"]


def _options(op: AffineSample | SplineSample) -> dict[str, object]:
    options: dict[str, object] = {}
    if op.downsampling != (1, 1):
        options["downsampling"] = op.downsampling
    if op.border != "nearest":
        options["border"] = op.border
    return options


def _affine_sample(op: AffineSample, context: Context) -> list[Made]:
    return [Made("lasport.keras_layers.AffineTransformer", _options(op))]


def _spline_sample(op: SplineSample, context: Context) -> list[Made]:
    arguments = {"points": op.points, **_options(op)}
    if not op.bends:
        arguments["bends"] = False
    arguments["inverse"] = op.inverse
    return [Made("lasport.keras_layers.ThinPlateSplineTransformer", arguments)]


MAPPINGS: Mappings = {
    AffineSample: _affine_sample,
    SplineSample: _spline_sample,
}

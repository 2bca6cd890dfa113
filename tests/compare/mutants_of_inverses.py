"""Ports of InverseLayer that are wrong."""

from __future__ import annotations

from dataclasses import replace

from lasport.targets.keras_calls import Call
from tests.compare.edits import Edit, arguments, each, fed_by
from tests.compare.mutant import INFER, OUT, TRAIN, Mutant, foreign

C, E = "net_inverted_autoencoder", "net_denoising_autoencoder"


def left_out(name: str) -> Edit:
    """Hand on the gradient as it is."""

    def pass_on(call: Call) -> Call:
        identity = {"activation": "linear"}
        return replace(
            call, layer="keras.layers.Activation", inputs=call.inputs[1:], arguments=identity
        )

    return each(name, pass_on)


INVERSES = {
    "derivative of the nonlinearity left out": foreign(
        C, f"{OUT}/image_back", left_out("image_back_activation")
    ),
    "derivative of another function": Mutant(
        C, f"{INFER}/image_back", arguments("image_back_activation", function="sigmoid")
    ),
    "derivative behind the function": Mutant(
        C,
        f"{INFER}/image_back",
        fed_by("image_back_activation", "conv1_nonlinearity", "pool1_back"),
    ),
    "unpooled everywhere": Mutant(C, f"{INFER}/pool2_back", arguments("pool2_back", mode="sum")),
    "unpooled by what was pooled": Mutant(
        C, f"{INFER}/pool2_back", fed_by("pool2_back", "conv2", "code_back_channels_last")
    ),
    "unpooled without its stride": Mutant(
        C,
        f"{INFER}/pool2_back",
        arguments("pool2_back", mode="average_exc_pad"),
    ),
    "mask left out": Mutant(E, f"{TRAIN}/out", fed_by("out", "once", "noisy_mask_oneslike")),
    "derivative in front of the bias": Mutant(
        E, f"{INFER}/once", fed_by("once_activation", "hidden", "inverse_8")
    ),
}

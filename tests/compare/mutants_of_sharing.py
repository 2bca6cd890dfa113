"""Ports whose layers share other weights than the net's, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lasport.targets.keras_calls import Call
from tests.compare.edits import Edit, arguments, renamed, weights
from tests.compare.mutant import INFER, Mutant, foreign

SIAMESE, BIASES, TIED, FILTERS = "net_shared_weights", "shared_biases", "tied_dense", "tied_conv"
WORDS, EXPRESSIONS, GATES = "tied_embedding", "tied_expressions", "shared_recurrent"
NORM = "shared_siamese"
TRAINED = "part company in training"
WEIGHTS = ("Parameter", "Derived")


def copied(calls: list[Call]) -> list[Call]:
    """Give each user of a shared weight a copy: its values are right."""
    by_name = {call.name: call for call in calls}

    def copies(name: str, user: str) -> list[Call]:
        """Return copies for one user of what gives it a weight, that one last."""
        call = by_name[name]
        if not call.layer.endswith(WEIGHTS):
            return []
        own = [copies(source, user) for source in call.inputs]
        inputs = tuple(made[-1].name if made else call.inputs[n] for n, made in enumerate(own))
        last = replace(call, name=f"{name}_for_{user}", inputs=inputs)
        return [*(each for made in own for each in made), last]

    edited: dict[str, Call] = {}
    for call in calls:
        user = call
        if call.reuses is not None:
            user = replace(call, reuses=None, weights=by_name[call.reuses].weights)
        if call.layer.endswith("Borrowing"):
            made = [copies(name, call.name) for name in call.inputs]
            edited.update((each.name, each) for several in made for each in several)
            named = zip(call.inputs, made, strict=True)
            inputs = tuple(each[-1].name if each else name for name, each in named)
            user = replace(user, inputs=inputs)
        if not call.layer.endswith(WEIGHTS):
            edited[call.name] = user
    return list(edited.values())


def copied_and_renamed(calls: list[Call]) -> list[Call]:
    """Copy, and let nothing show that lasport made the port."""
    return renamed(copied(calls))


def formula(name: str, *plain: Any) -> Edit:
    """Compute a weight otherwise."""
    return arguments(name, formula=list(plain))


VARIABLE = ["variable", [0]]

SHARING = {
    "a siamese net of copies": foreign(SIAMESE, TRAINED, copied_and_renamed),
    "one matrix, two copies": foreign(BIASES, TRAINED, copied_and_renamed),
    "an autoencoder of copies": foreign(TIED, TRAINED, copied_and_renamed),
    "filters copied": foreign(FILTERS, TRAINED, copied_and_renamed),
    "words copied": foreign(WORDS, TRAINED, copied_and_renamed),
    "expressions of copies": foreign(EXPRESSIONS, TRAINED, copied_and_renamed),
    "gates copied": foreign(GATES, TRAINED, copied_and_renamed),
    "copies that have lasport's names": Mutant(BIASES, "has no layers for", copied),
    "the shared matrix nudged": Mutant(
        BIASES,
        f"{INFER}/first",
        weights("first_W", value=lambda w: w + 1e-6),
        also=("second", "third"),
    ),
    "a shared bias reversed": Mutant(
        BIASES,
        f"{INFER}/second",
        weights("second_b", value=lambda b: b[::-1]),
        also=("bias",),
    ),
    "transposed and reversed": Mutant(
        TIED,
        f"{INFER}/decoder",
        formula("decoder_kernel", "slice", [[None, None, -1]], ["transpose", [1, 0], VARIABLE]),
    ),
    "reshaped in place of transposed": Mutant(
        TIED, f"{INFER}/decoder", formula("decoder_kernel", "reshape", [5, 24], VARIABLE)
    ),
    "rows of a tied kernel in Lasagne's order": Mutant(
        TIED, f"{INFER}/encoder", formula("encoder_kernel", "reshape", [24, 5], VARIABLE)
    ),
    "a factor forgotten": Mutant(
        EXPRESSIONS,
        f"{INFER}/layer_0",
        formula("layer_0_kernel", "transpose", [1, 0], VARIABLE),
    ),
    "gamma of two branches nudged": Mutant(
        NORM,
        f"{INFER}/left_norm",
        weights("left_norm_gamma", value=lambda w: w * (1 + 1e-6)),
        also=("right_norm",),
    ),
}

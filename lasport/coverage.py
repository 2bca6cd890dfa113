"""The table of the documentation that says which layers are ported, generated so that it is true.

    python -m lasport.coverage tests/golden > docs/coverage.md

Classes and reasons come from the registry; Keras layers and counts from what is
done with the golden records, so a table row is no promise but an observation.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lasport import registry
from lasport.errors import UnsupportedLayersError
from lasport.operations import TransposeAxes
from lasport.oracles.record import read_record
from lasport.passes import lower
from lasport.readers.saved_net import load_network
from lasport.targets.keras_calls import PROFILES, Calls, Profile, keras_calls
from lasport.translate import translate

__all__ = ["table"]

PAGE = """\
# Which layers are ported

{ported} of the {total} layer classes of Lasagne 0.1 and 0.2.dev1 are ported: in inference and in
training mode, under both profiles, with every function of `lasagne.nonlinearities`. A net with any
other layer is refused, and the error names all layers that are in the way, each with its reason.
What classes of your own are in Keras, [you can say](own-layers.md).

This page is generated from the registry and from what becomes of the nets that the real Lasagne
recorded; `lasport inspect` tells it of a single net.

## Ported

The Keras layers are those that the recorded nets take, one or several of them according to the
options of a layer. Names with `lasport` are its own layers, the others are Keras'. Where a net goes
from Lasagne's order of axes to channels last and back, `Permute` layers come on top. A recorded net
has both modes; for so many of them the record has the gradients of both modes, too.

| Lasagne class | stock profile | exact profile | recorded nets | with gradients |
| --- | --- | --- | --- | --- |
{rows}

## Not ported

| why | Lasagne classes |
| --- | --- |
{refusals}

## Records

Each class with the records under `tests/golden` that pin it; input layers are in all of them.

{records}
"""


# What Lasagne adds to the name of a class that cuDNN, corrmm or cuda-convnet computes.
GPU = re.compile("DNN|MM|CC|_c01b")
SUFFIX = ".npz.bz2"
INPUT = "lasagne.layers.input.InputLayer"


@dataclass
class Observation:
    """What was seen of one class in the recorded nets.

    Attributes
    ----------
    nets : list of str
        The names of those that have a layer of it.
    gradients : int
        How many of their records have gradients.
    layers : mapping of str to set of str
        By profile, the Keras layers that those layers took.
    """

    nets: list[str] = field(default_factory=list)
    gradients: int = 0
    layers: Mapping[Profile, set[str]] = field(default_factory=lambda: defaultdict(set))


def table(golden: Path) -> str:
    """Write the page.

    Parameters
    ----------
    golden : Path
        Directory of the golden records ``NAME.npz.bz2``, each with its net
        ``NAME.pkl.bz2``.

    Returns
    -------
    str
        Markdown.
    """
    observed = observe(golden)
    families, refusals = registry.families(), registry.refusals()
    refused: defaultdict[str, list[str]] = defaultdict(list)
    for kind, reason in refusals.items():
        # What follows is what to do about it, for whoever meets the reason in an error.
        refused[reason.partition(";")[0]].append(f"`{_title(kind)}`")
    return PAGE.format(
        ported=len(families),
        total=len(families) + len(refusals),
        rows="\n".join(_row(kind, observed) for kind in sorted(families)),
        refusals="\n".join(f"| {why} | {', '.join(refused[why])} |" for why in sorted(refused)),
        records="\n".join(
            f"- `{_title(kind)}`: {', '.join(observed[kind].nets)}"
            for kind in sorted(observed)
            if kind != INPUT
        ),
    )


def observe(golden: Path) -> Mapping[str, Observation]:
    """Translate nets and note, by class, what their layers become; refused nets count for none."""
    observed: defaultdict[str, Observation] = defaultdict(Observation)
    for path in sorted(golden.glob(f"*{SUFFIX}")):
        name = path.name.removesuffix(SUFFIX)
        network = load_network(golden / f"{name}.pkl.bz2")
        try:
            plan = lower(translate(network), "channels_last")
        except UnsupportedLayersError:
            continue
        differentiated = read_record(path).meta["no_gradient"] is None
        for kind in {layer.kind for layer in network.layers}:
            observed[kind].nets.append(name)
            observed[kind].gradients += differentiated
        for profile in PROFILES:
            for kind, layer in _keras_layers(keras_calls(plan, profile)):
                observed[kind].layers[profile].add(layer)
    return observed


def _keras_layers(calls: Calls) -> Iterator[tuple[str, str]]:
    """Yield the class of a Lasagne layer with each Keras layer that it takes."""
    kinds = {layer.name: layer.kind for layer in calls.plan.network.layers}
    for step, its_calls in calls.by_step():
        if not isinstance(step.operation, TransposeAxes):
            yield from ((kinds[step.layer], call.layer) for call in its_calls)


def _row(kind: str, observed: Mapping[str, Observation]) -> str:
    seen, nets, gradients = observed.get(kind), "none", "none"
    twin = _twin(kind, observed)
    if seen is not None:
        nets, gradients = str(len(seen.nets)), str(seen.gradients)
    elif twin is not None:
        seen, nets = observed[twin], f"none: the code of `{_title(twin)}`"
    stock, exact = (_spell(seen.layers[profile]) if seen else "unknown" for profile in PROFILES)
    exact = "the same" if exact == stock else exact
    return f"| `{_title(kind)}` | {stock} | {exact} | {nets} | {gradients} |"


def _twin(kind: str, observed: Mapping[str, Observation]) -> str | None:
    """Return the observed class that one on a GPU, or in another module, shares its code with."""
    name = GPU.sub("", kind.rpartition(".")[2])
    # A layer on permuted axes wraps the translation of its sibling.
    code = inspect.unwrap(registry.families()[kind].translate)
    for other, family in registry.families().items():
        if other in observed and other.endswith(f".{name}") and family.translate is code:
            return other
    return None


def _title(kind: str) -> str:
    return kind.removeprefix("lasagne.layers.")


def _spell(layers: set[str]) -> str:
    """Return the names of layers, those of Keras first."""
    names = [
        name.replace("keras_layers.", "") if name.startswith("lasport") else name.split(".")[-1]
        for name in sorted(layers)
    ]
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(table(Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden")))

"""A stand-alone Keras script: the calls of a model, printed."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from lasport.errors import UsageError
from lasport.targets.keras_calls import Call, Calls
from lasport.targets.keras_source.code import (
    INDENT,
    WIDTH,
    Brackets,
    Expression,
    assign,
    call,
    constant,
)
from lasport.targets.keras_source.loops import Loop, rolled
from lasport.targets.keras_source.statements import (
    COUNTER,
    OWN,
    Statement,
    build_name,
    statements,
)

__all__ = ["keras_source", "weights_beside"]

# Layers that go by Keras' configuration where nobody tells them the order of axes.
SPATIAL = (
    "AveragePooling",
    "Conv",
    "Cropping",
    "DepthwiseConv",
    "Flatten",
    "Global",
    "MaxPooling",
    "SpatialDropout",
    "UpSampling",
    "ZeroPadding",
)


def keras_source(calls: Calls, name: str, weights: str) -> str:
    """Print a model as a script that builds it and loads its weights.

    The statements are the very calls that :func:`lasport.to_keras` executes, so
    the two cannot disagree.

    Parameters
    ----------
    calls : Calls
        What would be executed.
    name : str
        The model's.
    weights : str
        Name of the file with the weights, which lies beside the script.

    Returns
    -------
    str
        Python, as black and ruff format it.

    Raises
    ------
    UsageError
        If a layer class of a user's own has no name to import it by.
    """
    used = list(_all_calls(calls))
    sections = [
        "\n".join(_docstring(calls, used)),
        "\n".join(_imports(calls, used)),
        f"WEIGHTS = Path(__file__).with_name({constant(weights)})",
        *("\n".join(lines) for lines in _functions(calls, name, used)),
        "\n".join(_load()),
        'if __name__ == "__main__":\n    load().summary()\n',
    ]
    head, body = sections[:3], sections[3:]
    return "\n\n".join(head) + "\n\n\n" + "\n\n\n".join(body)


def weights_beside(path: str | os.PathLike[str]) -> Path:
    """Return where the weights of a script are written: NAME.weights.h5 beside NAME.py."""
    return Path(path).with_suffix(".weights.h5")


def _all_calls(calls: Calls) -> Iterator[Call]:
    for each in calls.calls:
        yield each
        for net in each.nets.values():
            yield from _all_calls(net)


def _docstring(calls: Calls, used: Sequence[Call]) -> Iterator[str]:
    yield '"""A network that was trained with Lasagne, as a Keras model.'
    yield ""
    yield f"Made by lasport, profile {calls.profile}. The weights are in the file beside this one."
    own = sorted({each.layer.removeprefix(OWN) for each in used if each.layer.startswith(OWN)})
    if own:
        yield ""
        yield from textwrap.wrap(
            "Keras ships no layer for some of what this net computes, so lasport is needed, for: "
            f"{', '.join(own)}.",
            WIDTH,
        )
    yield '"""'


def _imports(calls: Calls, used: Sequence[Call]) -> Iterator[str]:
    yield "from pathlib import Path"
    yield ""
    yield "import keras"
    modules: dict[str, set[str]] = {}
    if any(each.layer.startswith("keras.layers.") for each in used):
        modules["keras"] = {"layers"}
    for each in used:
        if each.own is not None:
            if "." in each.own.__qualname__ or each.own.__module__ == "__main__":
                raise UsageError(
                    f"{each.name}: a script cannot import {each.layer}; define the class in a "
                    "module of its own"
                )
            modules.setdefault(each.own.__module__, set()).add(each.own.__name__)
    if any(each.layer.startswith(OWN) for each in used):
        modules.setdefault("lasport", set()).add("keras_layers")
    for module in sorted(modules):
        yield f"from {module} import {', '.join(sorted(modules[module]))}"


def _functions(calls: Calls, name: str, used: Sequence[Call]) -> Iterator[list[str]]:
    for each in calls.calls:
        for net, inner in each.nets.items():
            yield from _nets(inner, f"{each.name}_{net}", build_name(each.name, net))
    about = "Return the model with weights that were not trained."
    yield list(_function(calls, name, "build", about, guarded=any(map(_is_spatial, used))))


def _nets(calls: Calls, name: str, function: str) -> Iterator[list[str]]:
    for each in calls.calls:
        for net, inner in each.nets.items():
            yield from _nets(inner, f"{each.name}_{net}", build_name(each.name, net))
    yield list(_function(calls, name, function, f"Return the net {name}."))


def _function(
    calls: Calls, name: str, function: str, about: str, *, guarded: bool = False
) -> Iterator[str]:
    dtype = None if calls.dtype == "float32" else str(constant(calls.dtype))
    body, variables = statements(calls, dtype)
    yield f"def {function}():"
    yield f'{INDENT}"""{about}"""'
    if guarded:
        yield f'{INDENT}if keras.config.image_data_format() != "channels_last":'
        message = '"set Keras\' image_data_format to channels_last"'
        yield f"{INDENT * 2}raise RuntimeError({message})"
    plan = calls.plan
    inputs = [variables[calls.results[value.id]] for value in plan.inputs]
    outputs = [variables[calls.results[value.id]] for value in plan.outputs]
    for part in rolled(body, [*inputs, *outputs]):
        if isinstance(part, Loop):
            yield f"{INDENT}for {COUNTER} in {part.values}:"
            for statement in part.body:
                yield from _lines(statement, 2)
        else:
            yield from _lines(part, 1)
    model = call("keras.Model", _single(inputs), _single(outputs), name=constant(name))
    yield from assign("return", model, 1)


def _lines(statement: Statement, indent: int) -> Iterator[str]:
    if statement.comment is not None:
        yield f"{INDENT * indent}# {statement.comment}"
    yield from assign(statement.target, statement.value, indent)


def _load() -> Iterator[str]:
    yield "def load(weights=WEIGHTS):"
    yield f'{INDENT}"""Return the model with the weights that Lasagne trained."""'
    yield f"{INDENT}model = build()"
    yield f"{INDENT}model.load_weights(weights)"
    yield f"{INDENT}return model"


def _is_spatial(each: Call) -> bool:
    described = each.arguments.get("layer")
    inner = str(described["class_name"]) if isinstance(described, dict) else ""
    return each.layer.rpartition(".")[2].startswith(SPATIAL) or inner.startswith(SPATIAL)


def _single(variables: Sequence[str]) -> Expression:
    if len(variables) == 1:
        return variables[0]
    return Brackets("", "[", tuple(("", name) for name in variables), "]")

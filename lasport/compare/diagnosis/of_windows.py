"""How ports of windows go wrong: pools, padding, strides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Literal

import numpy as np

from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis
from lasport.compare.diagnosis.roles import MOVES
from lasport.compare.diagnosis.steps import Step, changed
from lasport.layers.conv import ConvAttributes
from lasport.layers.dilated_conv import DilatedConvAttributes
from lasport.layers.filters import widths
from lasport.layers.pool import MODES, GlobalPoolAttributes, PoolAttributes
from lasport.layers.shape import PadAttributes
from lasport.registry import Run
from lasport.spec import Array
from lasport.targets.parts import Part

__all__ = ["HYPOTHESES"]

AVERAGES = ("average_inc_pad", "average_exc_pad")
Margins = tuple[tuple[int, int], ...]


def _sizes(value: object, count: int) -> tuple[int, ...] | None:
    if isinstance(value, int):
        return (value,) * count
    if isinstance(value, (tuple, list)) and len(value) == count:
        return tuple(int(each) for each in value)
    return None


def _like_tensorflow(
    space: Sequence[int], window: Sequence[int], strides: Sequence[int]
) -> Margins:
    """Return what TensorFlow's 'same' puts before and behind each axis."""
    found = []
    for size, width, stride in zip(space, window, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + width - size, 0)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def _margins_of(
    case: Case, space: Sequence[int], window: Sequence[int], strides: Sequence[int]
) -> Margins | None:
    """Return what the port puts around its images, as far as its layers show that."""
    if case.part is None or case.part.config.get("padding") not in ("same", "valid"):
        return None
    before = [0] * len(space)
    behind = [0] * len(space)
    for part in case.parts:
        explicit = _explicit(part, len(space))
        for axis, (low, high) in enumerate(explicit):
            before[axis] += low
            behind[axis] += high
    if case.part.config["padding"] == "same":
        padded = [n + b + e for n, b, e in zip(space, before, behind, strict=True)]
        for axis, (low, high) in enumerate(_like_tensorflow(padded, window, strides)):
            before[axis] += low
            behind[axis] += high
    return tuple(zip(before, behind, strict=True))


def _explicit(part: Part, count: int) -> Margins:
    padding = part.config.get("padding")
    if re.fullmatch(r"ZeroPadding\dD", part.kind) is None or not isinstance(padding, (tuple, list)):
        return ()
    pairs = [each if isinstance(each, (tuple, list)) else (each, each) for each in padding]
    return tuple((int(low), int(high)) for low, high in pairs) if len(pairs) == count else ()


# --- convolutions


def pad(case: Case) -> Iterator[Edit]:
    """Other zeros around the image."""
    a = case.step.attributes
    if not isinstance(a, ConvAttributes):
        return
    ours = widths(a.pad, a.filter_size)
    count = len(a.filter_size)
    choices: list[Margins] = [tuple((n, n) for _ in range(count)) for n in range(4)]
    for run in case.x.values():
        space = run.shape[2:]
        choices.append(_like_tensorflow(space, a.filter_size, a.stride))
        known = _margins_of(case, space, a.filter_size, a.stride)
        if known is not None:
            choices = [known]
    for theirs in dict.fromkeys(choices):
        if theirs != ours:
            rule = " (Lasagne's 'same' is k // 2 on both sides)" if a.pad == "same" else ""
            fix = f"the padding {theirs} becomes {ours}{rule}"
            yield case.edit(fix, _padded(theirs))


def _padded(margins: Margins) -> Callable[[Step], Step]:
    def change(step: Step) -> Step:
        def compute(
            a: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
        ) -> Array:
            assert isinstance(a, ConvAttributes)
            x = np.pad(inputs[0], ((0, 0), (0, 0), *margins))
            return step.compute(replace(a, pad="valid"), params, [x], run)

        return replace(step, compute=compute)

    return change


def dilation(case: Case) -> Iterator[Edit]:
    """Other distances between the entries of a window."""
    a = case.step.attributes
    if not isinstance(a, (ConvAttributes, DilatedConvAttributes)):
        return
    ours = a.dilation if isinstance(a, DilatedConvAttributes) else (1,) * len(a.filter_size)
    known = None if case.part is None else _sizes(case.part.config.get("dilation_rate"), len(ours))
    choices = {known} if known else {tuple(reversed(ours)), *((n,) * len(ours) for n in (1, 2, 4))}
    for theirs in sorted(choices):
        if theirs != ours:
            fix = f"dilation {theirs} becomes {ours}"
            yield case.edit(fix, lambda s, d=theirs: _dilated(s, d))  # type: ignore[misc]


def _dilated(step: Step, dilation: tuple[int, ...]) -> Step:
    if isinstance(step.attributes, DilatedConvAttributes):
        return changed(step, dilation=dilation)
    W = step.params["W"]
    sizes = tuple((n - 1) * d + 1 for n, d in zip(W.shape[2:], dilation, strict=True))
    apart = np.zeros((*W.shape[:2], *sizes), W.dtype)
    places = (slice(None), slice(None), *(slice(None, None, d) for d in dilation))
    apart[places] = W
    return changed(step, {"W": apart}, filter_size=sizes)


# --- padding by a layer of its own


def around(case: Case) -> Iterator[Edit]:
    """Something else around the image, or at other sides."""
    a = case.step.attributes
    if not isinstance(a, PadAttributes):
        return
    for theirs in sorted({0.0, 1.0, -a.val, -1.0} - {a.val}):
        fix = f"the value {theirs:g} that it pads with becomes {a.val:g}"
        yield case.edit(fix, lambda s, v=theirs: changed(s, val=v))  # type: ignore[misc]
    for mode in ("edge", "reflect", "symmetric"):
        yield case.edit(f"it pads with {a.val:g}, not by np.pad's {mode!r}", _mirrored(mode))
    pairs = a.width if isinstance(a.width, tuple) else ()
    sides = tuple(pair[::-1] if isinstance(pair, tuple) else pair for pair in pairs)
    for theirs_too, what in ((pairs[::-1], "axes"), (sides, "sides")):
        if theirs_too != pairs:
            fix = f"its widths become {pairs}: its {what} are exchanged"
            yield case.edit(fix, lambda s, w=theirs_too: changed(s, width=w))  # type: ignore[misc]


def _mirrored(mode: Literal["edge", "reflect", "symmetric"]) -> Callable[[Step], Step]:
    def change(step: Step) -> Step:
        def compute(
            a: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
        ) -> Array:
            assert isinstance(a, PadAttributes)
            return np.pad(inputs[0], a.widths(inputs[0].ndim), mode=mode)

        return replace(step, compute=compute)

    return change


def strides(case: Case) -> Iterator[Edit]:
    """Other steps between windows."""
    a = case.step.attributes
    if not isinstance(a, (ConvAttributes, PoolAttributes)):
        return
    ours = a.stride if isinstance(a, ConvAttributes) else a.strides
    choices = {tuple(reversed(ours)), (1,) * len(ours), (2,) * len(ours)}
    known = None if case.part is None else _sizes(case.part.config.get("strides"), len(ours))
    for theirs in sorted({known} if known else choices):
        if theirs != ours:
            fix = f"strides {theirs} become {ours}"
            yield case.edit(fix, lambda s, t=theirs: changed(s, stride=t))  # type: ignore[misc]


# --- pools


def mode(case: Case) -> Iterator[Edit]:
    """Another reduction."""
    a = case.step.attributes
    if not isinstance(a, PoolAttributes):
        return
    # Without padding the two averages are one.
    partly = any(a.pad) or not a.ignore_border
    for theirs in MODES if partly else ("max", "average_inc_pad", "sum"):
        if theirs != a.mode and (partly or not {theirs, a.mode} <= set(AVERAGES)):
            fix = f"the pool's mode {theirs} becomes {a.mode}"
            yield case.edit(fix, lambda s, m=theirs: changed(s, mode=m))  # type: ignore[misc]


def size(case: Case) -> Iterator[Edit]:
    """Other windows."""
    a = case.step.attributes
    if not isinstance(a, PoolAttributes):
        return
    config: Mapping[str, object] = {} if case.part is None else case.part.config
    theirs = _sizes(config.get("pool_size"), len(a.pool_size)) or tuple(reversed(a.pool_size))
    if theirs != a.pool_size:
        fix = f"pool_size {theirs} becomes {a.pool_size}"
        strides = a.strides
        yield case.edit(fix, lambda s: changed(s, pool_size=theirs, stride=strides))


def border(case: Case) -> Iterator[Edit]:
    """Windows that reach beyond the border counted or not, and other margins."""
    a = case.step.attributes
    if not isinstance(a, PoolAttributes):
        return
    ours = f"pad {a.pad} with ignore_border={a.ignore_border}"
    for ignores, *pads in product((True, False), *(range(window) for window in a.pool_size)):
        theirs = tuple(pads)
        if (ignores or not any(theirs)) and (ignores, theirs) != (a.ignore_border, a.pad):
            fix = f"what it does at borders (pad {theirs}, ignore_border={ignores}) becomes {ours}"
            yield case.edit(
                fix,
                lambda s, p=theirs, i=ignores: changed(s, pad=p, ignore_border=i),  # type: ignore[misc]
            )
    for run in case.x.values():
        margins = _like_tensorflow(run.shape[2:], a.pool_size, a.strides)
        if any(before != behind for before, behind in margins):
            yield case.edit(f"padding='same' becomes {ours}", _pooled_like_tensorflow(margins))
            return


def _pooled_like_tensorflow(margins: Margins) -> Callable[[Step], Step]:
    def change(step: Step) -> Step:
        def compute(
            a: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
        ) -> Array:
            assert isinstance(a, PoolAttributes)
            (x,) = inputs
            around = ((0, 0), (0, 0), *margins)
            whole = replace(a, pad=(0,) * len(a.pad), ignore_border=True)
            if a.mode == "max":
                padded = np.pad(x, around, constant_values=-np.inf)
                return step.compute(whole, params, [padded], run)
            total = replace(whole, mode="sum")
            sums = step.compute(total, params, [np.pad(x, around)], run)
            return np.asarray(
                sums / step.compute(total, params, [np.pad(np.ones_like(x), around)], run)
            )

        return replace(step, compute=compute)

    return change


def reduction(case: Case) -> Iterator[Edit]:
    """Reduce whole maps by another function."""
    a = case.step.attributes
    if not isinstance(a, GlobalPoolAttributes):
        return
    for theirs in ("mean", "max", "sum", "min"):
        if theirs != a.pool_function:
            fix = f"the function {theirs} of the global pool becomes {a.pool_function}"
            yield case.edit(fix, lambda s, f=theirs: changed(s, pool_function=f))  # type: ignore[misc]


HYPOTHESES = (
    Hypothesis("pool mode", ("global pool",), reduction),
    Hypothesis("padding", ("convolution",), pad),
    Hypothesis("padding", (MOVES,), around),
    Hypothesis("dilation", ("convolution",), dilation),
    Hypothesis("strides", ("convolution", "pool"), strides),
    Hypothesis("pool mode", ("pool",), mode),
    Hypothesis("pool size", ("pool",), size),
    Hypothesis("pool borders", ("pool",), border),
)

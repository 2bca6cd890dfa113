"""How ports of convolutions and dense layers go wrong.

The port's kernel is compared with Lasagne's W in every order in which people put it; where the
kernel can be seen only the orders that it has are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from lasport.compare.diagnosis.arrangement import as_image
from lasport.compare.diagnosis.edits import Case, Edit, Hypothesis
from lasport.compare.diagnosis.steps import Step, changed
from lasport.layers.dilated_conv import DilatedConvAttributes
from lasport.layers.filters import FilterAttributes
from lasport.registry import Run
from lasport.spec import Array

__all__ = ["HYPOTHESES", "Form", "filters_of", "forms_of_filters", "forms_of_rows"]


@dataclass(frozen=True, eq=False)
class Form:
    """One way to put W into a kernel.

    Attributes
    ----------
    fix : str
        What has to be done about a kernel of this form.
    kernel : ndarray
        What W becomes.
    """

    fix: str
    kernel: Array


# --- convolutions: W is (filters, channels, *space), a kernel (*space, channels, filters)

AXES = ("filters", "channels", "rows", "columns", "depths")


def forms_of_filters(W: Array, *, flipped: bool) -> Iterator[Form]:
    """Yield the kernels that people make of W; the right one first.

    Parameters
    ----------
    W : ndarray
        (filters, channels, *space).
    flipped : bool
        Whether the layer flips its filters.
    """
    space = tuple(range(2, W.ndim))
    right = (*space, 1, 0)
    shape = tuple(W.shape[axis] for axis in right)
    wording = "not flipped" if not flipped else "flipped along all spatial axes"
    turned = np.flip(W, space) if flipped else W
    other = W if flipped else np.flip(W, space)
    yield Form("", turned.transpose(right))
    yield Form(
        f"its kernel is {wording} (Lasagne's flip_filters is {flipped})", other.transpose(right)
    )
    for axes in permutations(range(W.ndim)):
        if axes != right and tuple(W.shape[axis] for axis in axes) == shape:
            for array, too in ((turned, ""), (other, f", and {wording}")):
                named = ", ".join(AXES[axis] for axis in axes)
                fix = f"the axes of its kernel, which are W's ({named}), become "
                fix += f"({', '.join(AXES[axis] for axis in right)}){too}"
                yield Form(fix, array.transpose(axes))
    for array, too in ((turned, ""), (other, f", and {wording}")):
        yield Form(f"W is transposed for its kernel, not reshaped{too}", array.reshape(shape))
    for some in space:
        partly = np.flip(turned, some)
        fix = f"its kernel is reversed along {AXES[some]} once more"
        if len(space) > 1:
            yield Form(fix, partly.transpose(right))
    reversed_channels = turned[:, ::-1]
    yield Form(
        "the channels of its kernel are put in the net's order, which is the reverse (RGB, BGR)",
        reversed_channels.transpose(right),
    )


def filters_of(step: Step) -> Array:
    """Return W as (filters, channels, *space), which a dilated convolution has otherwise."""
    W = step.params["W"]
    return W.swapaxes(0, 1) if isinstance(step.attributes, DilatedConvAttributes) else W


def filters(case: Case) -> Iterator[Edit]:
    """Put W into the kernel in another order."""
    a, forms = case.step.attributes, _filter_forms(case)
    if isinstance(a, FilterAttributes):
        for form in _seen(case, forms[1:]):
            yield case.edit(form.fix, _with_kernel(form.kernel, flipped=a.flip_filters))


def filter_numbers(case: Case) -> Iterator[Edit]:
    """Put other numbers into the kernel."""
    a, forms, stored = case.step.attributes, _filter_forms(case), case.weight("kernel")
    if isinstance(a, FilterAttributes) and forms and stored is not None:
        yield from _numbers(case, forms, _with_kernel(stored, flipped=a.flip_filters))


def _filter_forms(case: Case) -> list[Form]:
    a = case.step.attributes
    if not isinstance(a, FilterAttributes) or case.step.params["W"].ndim < 3:
        return []
    return _distinct(forms_of_filters(filters_of(case.step), flipped=a.flip_filters))


def _with_kernel(kernel: Array, *, flipped: bool) -> Callable[[Step], Step]:
    def change(step: Step) -> Step:
        channels_first = isinstance(step.attributes, DilatedConvAttributes)
        W = np.moveaxis(kernel, (-2, -1) if channels_first else (-1, -2), (0, 1))
        return changed(step, {"W": np.flip(W, tuple(range(2, W.ndim))) if flipped else W})

    return change


def _distinct(forms: Iterable[Form]) -> list[Form]:
    """Return the forms without those whose kernel is an earlier one's."""
    found: list[Form] = []
    for form in forms:
        if not any(np.array_equal(form.kernel, earlier.kernel) for earlier in found):
            found.append(form)
    return found


def _seen(case: Case, forms: Sequence[Form]) -> Iterator[Form]:
    """Yield the forms that the port's kernel has; all where it cannot be seen."""
    stored = case.weight("kernel")
    for form in forms:
        if stored is None or (
            stored.shape == form.kernel.shape and np.array_equal(stored, form.kernel)
        ):
            yield form


def _numbers(case: Case, forms: Sequence[Form], change: Callable[[Step], Step]) -> Iterator[Edit]:
    """Yield a change to the port's own numbers, where these are in none of the forms."""
    stored, right = case.weight("kernel"), forms[0].kernel
    if stored is None or stored.shape != right.shape:
        return
    if any(np.array_equal(stored, form.kernel) for form in forms):
        return
    with np.errstate(all="ignore"):
        ratio = float(np.median(stored / right))
    scaled = np.isfinite(ratio) and abs(ratio - 1) > 1e-5
    if scaled and np.allclose(stored, ratio * right, rtol=1e-6, atol=0):
        yield case.edit(f"its kernel, which is W times {ratio:.6g}, becomes W", change, 2)
    elif np.array_equal(np.sort(stored, axis=None), np.sort(right, axis=None)):
        fix = "its kernel, which holds W's numbers in another order, becomes W"
        yield case.edit(fix, change, 4)
    else:
        different = int((stored != right).sum())
        fix = f"W is copied to its kernel; {different} of {right.size} numbers are others"
        yield case.edit(fix, change, 3)


# --- dense layers: W is (inputs, units), and so is a kernel


def forms_of_rows(W: Array, image: tuple[int, ...] | None, order: Array | None) -> Iterator[Form]:
    """Yield the kernels that people make of W; the right one first.

    Parameters
    ----------
    W : ndarray
        (inputs, units).
    image : tuple of int or None
        (channels, *space) of what was flattened.
    order : ndarray of int or None
        In which order the port holds the inputs: the places in Lasagne's order.
    """
    rows = np.arange(len(W)) if order is None else order.ravel()
    yield Form("", W[rows])
    if len(W) == W.shape[1]:
        yield Form("its kernel is transposed: W is (inputs, units)", W.T[rows])
    yield Form(
        "W is not reshaped for its kernel, which is (inputs, units)", W.T.reshape(W.shape)[rows]
    )
    if image is None or len(image) < 2 or np.prod(image) != len(W):
        return
    ours = tuple(range(len(image)))
    for axes in permutations(ours):
        held = np.arange(len(W)).reshape(image).transpose(axes).ravel()
        if np.array_equal(held, rows):
            right = axes
            break
    else:
        right = ours
    for axes in permutations(ours):
        held = np.arange(len(W)).reshape(image).transpose(axes).ravel()
        if not np.array_equal(held, rows):
            fix = (
                f"the rows of its kernel, which are in the order {_order(axes)}, are put in that "
                f"of what it flattens, {_order(right)}"
            )
            yield Form(fix, W[held])
    # Rows that somebody permuted the wrong way round.
    back = np.argsort(rows)
    if not np.array_equal(back, rows):
        yield Form("the permutation of the rows of its kernel is turned round", W[back])


def _order(axes: Sequence[int]) -> str:
    return f"({', '.join(AXES[1 + axis] for axis in axes)})"


def rows(case: Case) -> Iterator[Edit]:
    """Put W into the kernel in another order."""
    for form in _seen(case, _row_forms(case)[1:]):
        yield case.edit(form.fix, _with_rows(case, form.kernel))


def row_numbers(case: Case) -> Iterator[Edit]:
    """Put other numbers into the kernel."""
    stored = case.weight("kernel")
    if stored is not None and stored.size == case.step.params["W"].size:
        yield from _numbers(case, _row_forms(case), _with_rows(case, stored))


def _row_forms(case: Case) -> list[Form]:
    W, stored = case.step.params["W"], case.weight("kernel")
    forms = _distinct(forms_of_rows(W, case.image, _order_of_rows(case)))
    if stored is None or stored.size != W.size or stored.shape == W.shape:
        return forms
    # A convolution of the whole image, or of single places, in a dense layer's stead.
    return [Form(form.fix, form.kernel.reshape(stored.shape)) for form in forms]


def _with_rows(case: Case, kernel: Array) -> Callable[[Step], Step]:
    def change(step: Step) -> Step:
        W, order = step.params["W"], _order_of_rows(case)
        result = np.empty_like(W)
        result[slice(None) if order is None else order.ravel()] = kernel.reshape(W.shape)
        return changed(step, {"W": result})

    return change


def _order_of_rows(case: Case) -> Array | None:
    if case.source is None or case.source.order.size != len(case.step.params["W"]):
        return None
    return case.source.order


# --- biases


def bias(case: Case) -> Iterator[Edit]:
    """No bias, or another."""
    ours, stored = case.step.params.get("b"), case.weight("bias")
    if ours is None:
        if stored is not None and stored.any():
            held = stored
            yield case.edit(
                "its bias is left out: the net has none here",
                lambda step: changed(step, {"b": held}) if held.ndim == 1 else step,
                2,
            )
        return
    if stored is None:
        left_out = "its bias, which it lacks or does not add, is added"
    else:
        left_out = "its bias, which is 0 throughout, becomes Lasagne's b"
    if stored is None or not stored.any():
        yield case.edit(left_out, lambda step: changed(step, {"b": np.zeros_like(ours)}))
    elif stored.shape == ours.shape and not np.array_equal(stored, ours):
        held = stored
        different = int((stored != ours).sum())
        fix = f"b is copied to its bias; {different} of {ours.size} numbers are others"
        yield case.edit(fix, lambda step: changed(step, {"b": held}), 3)


# --- images


def interpreted(case: Case) -> Iterator[Edit]:
    """Images whose axes were reshaped, or not transposed, on the way."""
    if case.source is None or case.source.order.ndim < 2:
        return
    config: Mapping[str, object] = {} if case.part is None else case.part.config
    last = config.get("data_format", "channels_last") != "channels_first"
    source, meant = case.source, as_image(case.source.order.shape, channels_last=last)
    if np.array_equal(source.order, meant.order) and source.sizes == meant.sizes:
        return

    def change(step: Step) -> Step:
        def compute(
            a: object, params: Mapping[str, Array], inputs: Sequence[Array], run: Run
        ) -> Array:
            held = source.from_lasagne(inputs[0], len(inputs[0]))
            return step.compute(a, params, [meant.to_lasagne(held), *inputs[1:]], run)

        return replace(step, compute=compute)

    fix = (
        f"images of {source.sizes} are transposed for it, so that channels are "
        f"{'last' if last else 'first'}: they are reshaped, or taken as they are"
    )
    yield case.edit(fix, change)


KERNELS = ("convolution", "transposed convolution", "pointwise", "dense")
HYPOTHESES = (
    Hypothesis("order of the kernel", ("convolution",), filters),
    Hypothesis("order of the kernel", ("dense", "pointwise"), rows),
    Hypothesis("weights not copied", ("convolution",), filter_numbers),
    Hypothesis("weights not copied", ("dense", "pointwise"), row_numbers),
    Hypothesis("bias", KERNELS, bias),
    Hypothesis(
        "order of the image",
        ("convolution", "pool", "normalization", "response", "pointwise"),
        interpreted,
    ),
)

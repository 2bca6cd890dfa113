"""Which Lasagne class belongs to which family, and which are refused.

Each file in :mod:`lasport.layers` registers its family here. Readers, the
reference, the translation and the coverage table all look classes up by the
full path that a pickle holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, cast

from lasport.errors import RegistrationError
from lasport.plan import Value
from lasport.spec import Array, Layer, Network, Param, Shape

__all__ = [
    "Attributes",
    "Family",
    "Run",
    "attribute",
    "families",
    "family_of",
    "refusal_of",
    "refusals",
    "refuse",
    "register",
    "register_alike",
    "register_users",
    "restored",
    "taken_for",
]

T = TypeVar("T")
Attributes = TypeVar("Attributes")


class Run(Protocol):
    """What a family's reference may ask of the pass it takes part in.

    The samplers are those of Theano's random streams that Lasagne uses. In a
    comparison they give what the original drew.
    """

    training: bool

    def binomial(self, shape: tuple[int, ...], p: float) -> Array:
        """Return this layer's next sample of ones (probability ``p``) and zeros."""
        ...

    def normal(self, shape: tuple[int, ...], std: float) -> Array:
        """Return this layer's next sample of a normal distribution around 0."""
        ...

    def uniform(self, shape: tuple[int, ...], low: float, high: float) -> Array:
        """Return this layer's next sample from between two bounds."""
        ...

    def update(self, param: str, value: Array) -> None:
        """Set one of this layer's running averages once the pass is over."""
        ...

    def net(self, network: Network, x: Array) -> Array:
        """Return what a net inside this layer, with one input and one output, makes of ``x``."""
        ...

    def pull_back(self, number: int, inputs: Sequence[Array], cotangent: Array) -> Array:
        """Return the gradient of a layer's input, for a gradient of its output, in this pass.

        The layer is the one that feeds this one as number ``number``.
        """
        ...


@dataclass(frozen=True)
class Family:
    """Everything lasport knows about one family of Lasagne layers.

    Attributes
    ----------
    attributes : type
        Frozen dataclass whose fields are made by :func:`attribute`.
    params : tuple of str or None
        Attribute names of the parameters, in Lasagne's order; None for whatever the layer has.
    output_shape : callable
        ``(attributes, input_shapes) -> Shape``; raises ValueError when they
        contradict each other.
    param_shapes : callable
        ``(attributes, input_shapes) -> {name: shape}`` for the parameters that
        have to be checked.
    reference : callable
        ``(attributes, params, inputs, run) -> ndarray``: Lasagne's arithmetic
        in numpy, in the inputs' dtype.
    translate : callable
        ``(attributes, layer, inputs, builder) -> Value``; raises ValueError
        with the reason where a combination of options has no translation.
    adjoint : callable or None
        ``(attributes, params, inputs, cotangent, run) -> ndarray``: the gradient
        of the only input, for a gradient of the output; in numpy. None where an
        InverseLayer of such a layer is not translated.
    note : str
        One line for the coverage table.
    optional : frozenset of str
        Those of ``params`` that a layer may lack; by default what Lasagne leaves
        out when it is given None.
    has_reference : bool
        False where a user registered a class without saying its arithmetic: ``reference`` is not
        called then.
    nets : tuple of str
        Attributes that hold layers whose parameters Lasagne counts as this
        layer's own. A reader makes networks of them.
    """

    attributes: type
    params: tuple[str, ...] | None
    output_shape: Callable[..., Shape]
    reference: Callable[..., Array]
    translate: Callable[..., Value]
    param_shapes: Callable[..., Mapping[str, Shape]] = lambda attributes, inputs: {}
    adjoint: Callable[..., Array] | None = None
    note: str = ""
    absent: Mapping[str, object] = field(default_factory=dict)
    nets: tuple[str, ...] = ()
    optional: frozenset[str] = frozenset({"b", "beta", "gamma"})
    has_reference: bool = True

    def held(self, attributes: object) -> dict[str, Network]:
        """Return the nets that attributes hold, by name.

        A plain recurrent layer keeps only some facts of its little nets.
        """
        held = {name: getattr(attributes, name, None) for name in self.nets}
        return {name: net for name, net in held.items() if isinstance(net, Network)}

    def read(
        self,
        values: Mapping[str, object],
        params: Mapping[str, Param] = MappingProxyType({}),
        name: str = "",
    ) -> object:
        """Return the attributes that a saved layer's state describes.

        Parameters
        ----------
        values : mapping
            The layer's instance attributes as a reader found them.
        params : mapping of str to Param
            Its parameters.
        name : str
            Its name.

        Raises
        ------
        ValueError
            If one is missing or is not what it should be, naming it.
        """
        read: dict[str, object] = {}
        for item in fields(self.attributes):
            names = (item.name, *item.metadata["formerly"])
            present = [name for name in names if name in values]
            if present:
                convert = cast("Callable[[object], object]", item.metadata["read"])
                try:
                    read[item.name] = convert(values[present[0]])
                except ValueError as error:
                    raise ValueError(f"attribute {present[0]!r}: {error}") from None
            elif item.name in self.absent:
                read[item.name] = self.absent[item.name]
            elif item.metadata["absent"] is not MISSING:
                read[item.name] = item.metadata["absent"]
            else:
                raise ValueError(f"attribute {item.name!r} is missing")
        return self.attributes(**read)


def attribute(
    read: Callable[[object], T],
    *,
    absent: object = MISSING,
    formerly: tuple[str, ...] = (),
    compare: bool = True,
) -> T:
    """Declare one attribute of a family.

    Parameters
    ----------
    read : callable
        Turns what a file holds into the typed value; ValueError if it cannot.
    absent : object
        The value where an instance of an older Lasagne lacks the attribute.
        Without it the attribute is required.
    formerly : tuple of str
        Older names of the attribute.
    compare : bool
        Whether attributes that differ in this are unlike each other.

    Returns
    -------
    dataclasses.Field
        Typed as what ``read`` returns, as :func:`dataclasses.field` does.
    """
    metadata = {"read": read, "absent": absent, "formerly": formerly}
    return cast("T", field(compare=compare, metadata=metadata))


LASAGNE_ROOTS = ("lasagne.layers", "nntools.layers")

_families: dict[str, Family] = {}
_refusals: dict[str, str] = {}
# Where each class of Lasagne's lives, by its bare name.
_paths: dict[str, str] = {}
# Users' classes that compute what another class does, as they said.
_alike: dict[str, str] = {}


def register(family: Family, kinds: Sequence[str]) -> None:
    """Let ``family`` speak for the Lasagne classes in ``kinds`` (full class paths)."""
    for kind in kinds:
        _claim(kind)
        _families[kind] = family


def register_users(family: Family, kind: str) -> None:
    """Let ``family`` speak for a class of a user's, which must not be one of Lasagne's."""
    known = canonical(kind)
    if kind.startswith(LASAGNE_ROOTS) and (known in _families or known in _refusals):
        raise RegistrationError(f"{kind} is a class of Lasagne's, for which lasport speaks itself")
    register(family, kinds=[kind])


def register_alike(kind: str, like: str) -> None:
    """Let the family of the class ``like`` speak for ``kind`` too, which a user says is like it."""
    family = family_of(like)
    if family is None:
        reason = refusal_of(like)
        why = f": {reason}" if reason else ""
        raise RegistrationError(f"{kind} cannot be like {like}, which lasport does not port{why}")
    register_users(family, kind)
    _alike[kind] = canonical(like)


@contextmanager
def restored() -> Iterator[None]:
    """Forget at the end of the block what was registered in it."""
    tables: tuple[dict[str, Any], ...] = (_families, _refusals, _paths, _alike)
    before = [dict(table) for table in tables]
    try:
        yield
    finally:
        for table, entries in zip(tables, before, strict=True):
            table.clear()
            table.update(entries)


def refuse(reason: str, kinds: Sequence[str]) -> None:
    """Record why the Lasagne classes in ``kinds`` are not translated."""
    for kind in kinds:
        _claim(kind)
        _refusals[kind] = reason


def _claim(kind: str) -> None:
    if kind in _families or kind in _refusals:
        raise RegistrationError(f"{kind} is registered twice")
    if kind.startswith(LASAGNE_ROOTS):
        _paths.setdefault(kind.rpartition(".")[2], kind)


def canonical(kind: str) -> str:
    """Return the registered path of a class of Lasagne's that once lived elsewhere.

    Lasagne was called nntools before December 2014 and kept all layers in one
    module; class names have been unique throughout.
    """
    root, _, name = kind.rpartition(".")
    if kind in _families or kind in _refusals or not root.startswith(LASAGNE_ROOTS):
        return kind
    return _paths.get(name, kind)


def family_of(kind: str) -> Family | None:
    """Return the family of a class path, or ``None``."""
    return _families.get(canonical(kind))


def refusal_of(kind: str) -> str | None:
    """Return why a class path is refused, or ``None``."""
    return _refusals.get(canonical(kind))


def taken_for(kind: str) -> str | None:
    """Return the class that a user said a class of his is like, or ``None``."""
    return _alike.get(kind)


def families() -> Mapping[str, Family]:
    """Return all registered class paths with their families."""
    return dict(_families)


def refusals() -> Mapping[str, str]:
    """Return all refused class paths with the reasons."""
    return dict(_refusals)


def require_family(layer: Layer) -> Family:
    """Return the family of a layer that was checked to have one."""
    family = family_of(layer.kind)
    if family is None:
        raise RegistrationError(f"{layer.name}: no family is registered for {layer.kind}")
    return family

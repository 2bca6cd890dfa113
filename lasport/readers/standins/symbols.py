"""Theano: symbolic and shared variables, and functions that note down what they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from lasport.errors import ScriptError
from lasport.spec import Array, Shape

__all__ = [
    "CONFIG",
    "ELEMENTWISE",
    "TENSORS",
    "Function",
    "SharedVariable",
    "Symbol",
    "function_named",
    "make_tensor",
    "new_tensor",
    "resolve_sizes",
    "shared",
    "shared_variables",
]

CONFIG = SimpleNamespace(
    floatX="float32",
    device="cpu",
    mode="FAST_RUN",
    optimizer="fast_run",
    compute_test_value="off",
    exception_verbosity="low",
)


class TensorType:
    """What kind of array a variable is."""

    __module__ = "theano.tensor.type"

    def __init__(self, dtype: str, broadcastable: tuple[bool, ...]) -> None:
        self.dtype = dtype
        self.broadcastable = broadcastable
        self.ndim = len(broadcastable)

    def __call__(self, name: str | None = None) -> Symbol:
        """Return a variable of this type."""
        return Symbol(self, name=name)


class Apply:
    """Which function a variable is the result of, and of what."""

    __module__ = "theano.gof.graph"

    def __init__(self, op: object, inputs: list[object]) -> None:
        self.op = op
        self.inputs = inputs


class Symbol:
    """A symbolic variable: an input of the net, or the result of a function."""

    __module__ = "theano.tensor.var"
    __qualname__ = "TensorVariable"
    __hash__ = object.__hash__

    def __init__(
        self, kind: TensorType | None = None, owner: Apply | None = None, name: str | None = None
    ) -> None:
        self.type = kind or TensorType(CONFIG.floatX, ())
        self.owner = owner
        self.name = name
        # Of an input, as its layer declares them.
        self.sizes: Shape | None = None

    @property
    def shape(self) -> Any:
        """The sizes, one variable for each axis; of an unknown number of axes one for all."""
        if not self.ndim:
            return _result("theano.tensor.shape", (self,))
        scalar = TensorType("int64", ())
        return tuple(Symbol(scalar, Apply(Size(axis), [self])) for axis in range(self.ndim))

    @property
    def dtype(self) -> str:
        """The dtype's name."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """The number of axes; 0 for the result of a function, of which nobody knows."""
        return self.type.ndim

    @property
    def T(self) -> Symbol:  # noqa: N802 - Theano's name
        """The transposed variable."""
        return self.dimshuffle(*reversed(range(self.ndim)))

    def dimshuffle(self, *pattern: object) -> Symbol:
        """Return the variable with its axes in another order."""
        order = tuple(pattern[0] if isinstance(pattern[0], (list, tuple)) else pattern)
        kind = TensorType(self.dtype, (False,) * len(order))
        return Symbol(kind, Apply(DimShuffle(order), [self]))

    def eval(self) -> Array:
        """Refuse: there is nothing that could compute the value."""
        raise ScriptError("the script evaluates an expression, and nothing computes it here")

    def __getattr__(self, name: str) -> Callable[..., Symbol]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args, **kwargs: _result(f"theano.tensor.{name}", (self, *args))

    def __bool__(self) -> bool:
        raise ScriptError(
            "the script asks whether a symbolic expression is true, and nothing computes it here"
        )

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Refuse: what could be called would be a compiled function."""
        raise ScriptError("the script calls a compiled function, and nothing computes here")

    def __iter__(self) -> Iterator[object]:
        raise ScriptError("the script iterates over a symbolic expression")

    def __getitem__(self, place: object) -> Symbol:
        places = list(place) if isinstance(place, tuple) else [place]
        if all(isinstance(each, slice) for each in places):
            return Symbol(self.type, Apply(Subtensor(places), [self]))
        return _result("theano.tensor.subtensor", (self, place))


class SharedVariable(Symbol):
    """A parameter: a value, or only the shape of one that an initializer would have drawn."""

    __module__ = "theano.tensor.sharedvar"
    __qualname__ = "TensorSharedVariable"

    def __init__(self, value: Array, name: str | None = None, *, drawn: bool = False) -> None:
        super().__init__(TensorType(value.dtype.name, (False,) * value.ndim), name=name)
        self.container = SimpleNamespace(storage=[value])
        self.drawn = drawn

    def eval(self) -> Array:
        """Return the value."""
        return self.get_value()

    def get_value(self, borrow: bool = False, return_internal_type: bool = False) -> Array:
        """Return the value, read-only."""
        value: Array = self.container.storage[0]
        return value

    def set_value(self, value: object, borrow: bool = False) -> None:
        """Set the value, of the same number of axes."""
        array = np.asarray(value)
        if array.ndim != self.ndim:
            raise ScriptError(f"{self.name} has {self.ndim} axes, the value set {array.ndim}")
        self.container.storage[0] = array.astype(self.dtype)
        self.drawn = False


class DimShuffle:
    """The function behind ``dimshuffle``."""

    __module__ = "theano.tensor.elemwise"

    def __init__(self, new_order: tuple[object, ...]) -> None:
        self.new_order = new_order


class Size:
    """The function behind an entry of ``shape``."""

    __module__ = "theano.compile.ops"

    def __init__(self, axis: int) -> None:
        self.axis = axis


def resolve_sizes(shape: Any) -> tuple[Any, ...]:
    """Return the target of a reshape in which variables are replaced by what they stand for.

    That is the size that an InputLayer declares, or where one alone is open, -1: nothing else
    would fit.
    """
    entries = [_declared(entry) for entry in shape]
    places = [place for place, entry in enumerate(entries) if isinstance(entry, Symbol)]
    free = [entry for entry in entries if isinstance(entry, int) and entry == -1]
    if len(places) > 1 or (places and free):
        raise ScriptError(
            f"{len(places)} sizes of a reshape are open, and depend on the size of an input; give "
            "its InputLayer a number in the place of None"
        )
    for place in places:
        entries[place] = -1
    return tuple(entries)


def _declared(entry: Any) -> Any:
    match getattr(entry, "owner", None):
        case Apply(op=Size(axis=axis), inputs=[Symbol(sizes=(*sizes,))]):
            return entry if sizes[axis] is None else sizes[axis]
    return entry


class Subtensor:
    """The function behind slices."""

    __module__ = "theano.tensor.subtensor"

    def __init__(self, idx_list: list[object]) -> None:
        self.idx_list = idx_list


class Function:
    """A function of Theano's or Lasagne's by its path; calling it notes the call down."""

    def __init__(self, path: str) -> None:
        self.__module__, _, self.__qualname__ = path.rpartition(".")
        self.__name__ = self.__qualname__

    def __call__(self, *args: object, **kwargs: object) -> Symbol:
        """Return a variable that stands for the result."""
        return _result(f"{self.__module__}.{self.__qualname__}", args)

    def __getattr__(self, name: str) -> Function:
        if name.startswith("__"):
            raise AttributeError(name)
        return Function(f"{self.__module__}.{self.__qualname__}.{name}")


def _scalar_op(path: str) -> object:
    module, _, name = path.rpartition(".")
    return type(name, (), {"__module__": module})()


def shared_variables(expression: object) -> list[SharedVariable]:
    """Return the shared variables in an expression, in the order that Theano finds them."""
    if isinstance(expression, SharedVariable):
        return [expression]
    inputs = expression.owner.inputs if isinstance(expression, Symbol) and expression.owner else []
    return list(dict.fromkeys(found for each in inputs for found in shared_variables(each)))


class Elemwise:
    """A function of each element, as Theano pickles it: by the class of its scalar operation."""

    __module__ = "theano.tensor.elemwise"

    def __init__(self, scalar_op: object) -> None:
        self.scalar_op = scalar_op

    def __call__(self, *args: object) -> Symbol:
        kinds = [each.type for each in args if isinstance(each, Symbol)]
        widest = max(kinds, key=lambda kind: kind.ndim, default=None)
        return Symbol(widest, Apply(self, list(args)))


def _result(path: str, args: tuple[object, ...]) -> Symbol:
    return Symbol(owner=Apply(Function(path), list(args)))


def _arithmetic(name: str) -> Callable[..., Symbol]:
    return lambda *args: _result(f"theano.tensor.{name}", args)


def _elementwise(name: str, *, swapped: bool = False) -> Callable[..., Symbol]:
    function = Elemwise(_scalar_op(f"theano.scalar.basic.{name}"))
    return lambda *args: function(*(reversed(args) if swapped else args))


for _name, _class in {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "truediv": "TrueDiv",
    "pow": "Pow",
}.items():
    setattr(Symbol, f"__{_name}__", _elementwise(_class))
    setattr(Symbol, f"__r{_name}__", _elementwise(_class, swapped=True))
for _name, _class in {"neg": "Neg", "abs": "Abs"}.items():
    setattr(Symbol, f"__{_name}__", _elementwise(_class))
for _name in [
    "floordiv",
    "mod",
    "matmul",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "and",
    "or",
]:
    setattr(Symbol, f"__{_name}__", _arithmetic(_name))
    setattr(Symbol, f"__r{_name}__", _arithmetic(f"r{_name}"))
for _name in ("invert", "pos"):
    setattr(Symbol, f"__{_name}__", _arithmetic(_name))

# Functions of theano.tensor, and of its nnet, that are instances and not functions.
ELEMENTWISE = {
    "tensor.abs_": "theano.scalar.basic.Abs",
    "tensor.add": "theano.scalar.basic.Add",
    "tensor.ceil": "theano.scalar.basic.Ceil",
    "tensor.cos": "theano.scalar.basic.Cos",
    "tensor.cosh": "theano.scalar.basic.Cosh",
    "tensor.exp": "theano.scalar.basic.Exp",
    "tensor.expm1": "theano.scalar.basic.Expm1",
    "tensor.floor": "theano.scalar.basic.Floor",
    "tensor.inv": "theano.scalar.basic.Inv",
    "tensor.log": "theano.scalar.basic.Log",
    "tensor.log10": "theano.scalar.basic.Log10",
    "tensor.log1p": "theano.scalar.basic.Log1p",
    "tensor.log2": "theano.scalar.basic.Log2",
    "tensor.maximum": "theano.scalar.basic.Maximum",
    "tensor.minimum": "theano.scalar.basic.Minimum",
    "tensor.mul": "theano.scalar.basic.Mul",
    "tensor.neg": "theano.scalar.basic.Neg",
    "tensor.nnet.sigmoid": "theano.tensor.nnet.sigm.ScalarSigmoid",
    "tensor.nnet.softplus": "theano.tensor.nnet.sigm.ScalarSoftplus",
    "tensor.nnet.softsign": "theano.tensor.nnet.nnet.ScalarSoftsign",
    "tensor.nnet.ultra_fast_sigmoid": "theano.tensor.nnet.sigm.UltraFastScalarSigmoid",
    "tensor.sgn": "theano.scalar.basic.Sgn",
    "tensor.sin": "theano.scalar.basic.Sin",
    "tensor.sinh": "theano.scalar.basic.Sinh",
    "tensor.sqr": "theano.scalar.basic.Sqr",
    "tensor.square": "theano.scalar.basic.Sqr",
    "tensor.sqrt": "theano.scalar.basic.Sqrt",
    "tensor.sub": "theano.scalar.basic.Sub",
    "tensor.tan": "theano.scalar.basic.Tan",
    "tensor.tanh": "theano.scalar.basic.Tanh",
    "tensor.tensor_copy": "theano.scalar.basic.Identity",
    "tensor.true_div": "theano.scalar.basic.TrueDiv",
}
# Functions that live elsewhere than where scripts find them.
MOVED = {
    "tensor.nnet.conv3d": "theano.tensor.nnet.abstract_conv.conv3d",
    "tensor.nnet.relu": "theano.tensor.nnet.nnet.relu",
    "tensor.nnet.elu": "theano.tensor.nnet.nnet.elu",
    "tensor.nnet.selu": "theano.tensor.nnet.nnet.selu",
    "tensor.nnet.logsoftmax": "theano.tensor.nnet.nnet.logsoftmax",
    "tensor.nnet.softmax": "theano.tensor.nnet.nnet.softmax",
    "tensor.nnet.hard_sigmoid": "theano.tensor.nnet.sigm.hard_sigmoid",
}
TENSORS = {"scalar": 0, "vector": 1, "matrix": 2, "tensor3": 3, "tensor4": 4, "tensor5": 5}
# "row" and "col" are matrices of one row or column.
PREFIXES = {
    "": None, "f": "float32", "d": "float64", "i": "int32", "l": "int64", "b": "int8", "w": "int16",
}  # fmt: skip


def new_tensor(ndim: int, dtype: str | None = None, name: str | None = None) -> Symbol:
    """Return a variable of so many axes, of floats by default."""
    return Symbol(TensorType(dtype or CONFIG.floatX, (False,) * ndim), name=name)


def make_tensor(constructor: str) -> Callable[..., Symbol] | None:
    """Return what ``theano.tensor`` calls so, if that makes variables: matrix, ftensor4, ..."""
    for prefix, dtype in PREFIXES.items():
        ndim = TENSORS.get(constructor.removeprefix(prefix))
        if constructor.startswith(prefix) and ndim is not None:

            def make(
                name: str | None = None, dtype: str | None = dtype, ndim: int = ndim
            ) -> Symbol:
                return new_tensor(ndim, dtype, name)

            return make
    return None


def function_named(path: str) -> object:
    """Return what stands at a path of Theano's: "theano.tensor.tanh"."""
    short = path.removeprefix("theano.").replace("tensor.basic.", "tensor.")
    if short in ELEMENTWISE:
        return Elemwise(_scalar_op(ELEMENTWISE[short]))
    return Function(MOVED.get(short, path))


def shared(value: object, name: str | None = None, **kwargs: object) -> SharedVariable:
    """Stand in for ``theano.shared``."""
    return SharedVariable(np.array(value), name)

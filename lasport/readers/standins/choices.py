"""What a build script leaves to the machine and the version of Lasagne that it ran with."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from lasport.errors import ScriptError, UsageError

__all__ = ["CEILED_BEFORE", "CHOICES", "NEWEST", "ON_GPU", "Choices"]

NEWEST = "0.2.dev1"
RELEASES = {"0.1": "2015-08-13", NEWEST: "9999-12-31"}
DATE = re.compile(r"\d{4}-\d\d-\d\d")
# Pools that gave one more where the size was no multiple, unless told otherwise.
CEILED_BEFORE = ("MaxPool1DLayer", "MaxPool2DLayer", "Pool2DLayer")
# Until the day before, these classes had this default; found in Lasagne's history.
FORMER_DEFAULTS = (
    ("2015-08-13", CEILED_BEFORE, "ignore_border", False),
    ("2015-11-12", ("GRULayer",), "learn_init", True),
)
# Until the day before, an LSTM's output gate had its peephole behind the nonlinearity.
PEEPHOLE_INSIDE_SINCE = "2015-10-02"
# What arguments were called in development versions before 0.1.
FORMER_NAMES = {
    "border_mode": "pad",
    "ds": "pool_size",
    "filter_length": "filter_size",
    "input_layer": "incoming",
    "input_layers": "incomings",
    "st": "stride",
    "strides": "stride",
}
# Modules whose layers only a GPU computes, and that Lasagne has only where there is one.
ON_GPU = (".dnn", ".corrmm", ".cuda_convnet")


NOTES = {
    "flip": "do not say flip_filters and are taken not to flip; a machine without cuDNN may have "
    "trained Conv2DLayers in their place, which do (flip_filters=True, --flip-filters yes)",
    "pool": "do not say ignore_border, which was False before 2015-08-13 and matters for the sizes "
    "that they meet (lasagne_version=, --lasagne-version)",
    "peephole": "have peepholes, which Lasagne 0.1, and any before 2015-10-02, computed otherwise "
    "(lasagne_version='0.1', --lasagne-version 0.1)",
}


@dataclass
class Choices:
    """What is taken where a script does not say, and which layers did not say it.

    Attributes
    ----------
    version : str
        "0.1", "0.2.dev1", or the day of the development version, such as "2015-07-01".
    flip_filters : bool or None
        Of convolutions that only a GPU computes and that leave it open; by default theirs.
    unflipped : list of str
        Such layers, by class, that `flip_filters` leaves to the default.
    said : bool
        Whether somebody named the version.
    undecided : dict of str to list of str
        Layers, by class, whose output another version would have computed otherwise: by what they
        do not say.
    """

    version: str = NEWEST
    flip_filters: bool | None = None
    unflipped: list[str] = field(default_factory=list)
    said: bool = True
    undecided: dict[str, list[str]] = field(default_factory=lambda: {"pool": [], "peephole": []})

    def __post_init__(self) -> None:
        if self.version not in RELEASES and not DATE.fullmatch(self.version):
            raise UsageError(
                f"{self.version!r} is no version of Lasagne: {', '.join(RELEASES)}, or the day of "
                "a development version, such as 2015-07-01"
            )

    @property
    def release(self) -> str:
        """What ``lasagne.__version__`` says."""
        return self.version if self.version in RELEASES else f"0.1.dev ({self.version})"

    @property
    def day(self) -> str:
        """The day of the version."""
        return RELEASES.get(self.version, self.version)

    @property
    def peephole_inside(self) -> bool:
        """Whether LSTMs compute what they do today."""
        return self.day >= PEEPHOLE_INSIDE_SINCE

    def renamed(
        self, name: str, known: Collection[str], given: Mapping[str, object]
    ) -> dict[str, object]:
        """Return the arguments of a layer class under today's names.

        Parameters
        ----------
        name : str
            Of the class.
        known : collection of str
            What it takes today.
        given : mapping of str to object
        """
        former = {
            old: new
            for old, new in FORMER_NAMES.items()
            if old in given and old not in known and new in known
        }
        if former and self.day >= RELEASES["0.1"]:
            raise ScriptError(
                f"{name} took {next(iter(former))} before Lasagne 0.1, which had other defaults: "
                "say the day of the version that the script was written for (lasagne_version=, "
                "--lasagne-version 2015-03-01)"
            )
        # Some took border_mode beside pad, either of them None.
        return {
            former.get(key, key): value
            for key, value in given.items()
            if key not in former or value is not None
        }

    def defaults(self, kind: str, given: Collection[str]) -> dict[str, object]:
        """Return the arguments of a layer class that are not those of the newest version."""
        module, _, name = kind.rpartition(".")
        found: dict[str, object] = {
            argument: default
            for until, names, argument, default in FORMER_DEFAULTS
            if name in names and self.day < until and argument not in given
        }
        if name.startswith("Conv") and module.endswith(ON_GPU) and "flip_filters" not in given:
            if self.flip_filters is None:
                self.unflipped.append(name)
            else:
                found["flip_filters"] = self.flip_filters
        return found

    def notes(self) -> tuple[str, ...]:
        """Return what somebody should know who trusts the net."""
        noted = {"flip": self.unflipped, **({} if self.said else self.undecided)}
        return tuple(
            f"{len(names)} {names[0]}s {NOTES[what]}" for what, names in noted.items() if names
        )


# Outside of a script, the defaults.
CHOICES: ContextVar[Choices] = ContextVar("CHOICES", default=Choices())  # noqa: B039

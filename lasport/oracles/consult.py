"""Asking an oracle by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lasport.errors import UsageError
from lasport.oracles.oracle import Oracle, ReferenceOracle
from lasport.oracles.record import Record, read_record
from lasport.spec import Network

__all__ = ["consult", "find_oracle"]

NUMPY = "the numpy reference"


def find_oracle(
    net: Network,
    oracle: str | Record,
    *,
    seed: int = 0,
    passes: int = 5,
    timeout: float | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> tuple[Oracle, str]:
    """Return who says what is right, and what to call it; the reference computes as it is asked.

    Parameters, and errors, are those of :func:`consult`.
    """
    if oracle == "reference" and timeout is None:
        return ReferenceOracle(net, seed=seed, passes=passes), NUMPY
    return consult(net, oracle, seed=seed, passes=passes, timeout=timeout, progress=progress)


def consult(
    net: Network,
    oracle: str | Record,
    *,
    seed: int = 0,
    passes: int = 5,
    timeout: float | None = None,
    progress: Callable[[str], None] = lambda stage: None,
) -> tuple[Record, str]:
    """Return a record of what an oracle computes, and what to call the oracle.

    Parameters
    ----------
    net : Network
        The original.
    oracle : str or Record
        "reference", "theano", "python:PATH", "record:PATH", or a record.
    seed : int
        Seeds random inputs, batches and masks.
    passes : int
        Number of training passes.
    timeout : float, optional
        Seconds after which another interpreter is stopped; by default an hour.
    progress : callable
        Told each stage.

    Raises
    ------
    UsageError
        For another oracle, or a timeout for one that has none.
    """
    if isinstance(oracle, Record):
        return oracle, "a record"
    kind, _, place = oracle.partition(":")
    if timeout is not None and kind != "python":
        raise UsageError(f"timeout is for the oracle python:PATH; {oracle!r} runs to its end")
    progress("running the original")

    def tell(stage: str) -> None:
        progress(f"running the original: {stage}")

    if oracle == "reference":
        from lasport.oracles.reference import reference_record

        return reference_record(net, seed=seed, passes=passes), NUMPY
    if oracle == "theano":
        from lasport.oracles.theano_live import theano_record

        made = theano_record(net, seed=seed, passes=passes, tell=tell)
        return made, f"Lasagne {made.meta['lasagne']} on Theano {made.meta['theano']}"
    if kind == "python" and place:
        from lasport.oracles.theano_process import TIMEOUT, process_record

        limit = TIMEOUT if timeout is None else timeout
        made = process_record(net, place, seed=seed, passes=passes, timeout=limit, tell=tell)
        lasagne, theano, python = (made.meta[name] for name in ("lasagne", "theano", "python"))
        return made, f"Lasagne {lasagne} on Theano {theano}, in Python {python}"
    if kind == "record" and place:
        return read_record(place), f"record {Path(place).name}"
    known = "reference, theano, python:PATH or record:PATH"
    raise UsageError(f"oracle must be {known}, not {oracle!r}")

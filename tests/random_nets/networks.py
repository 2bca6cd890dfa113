"""Random nets as hypothesis draws them, so that it shrinks those that fail."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st

from lasport.random_nets import random_network
from lasport.spec import Network

__all__ = ["examples", "networks", "replay"]


def replay(choices: Sequence[int], kinds: Collection[str] | None = None) -> Network:
    """Return the net that a failure printed."""
    left = iter(choices)
    return random_network(lambda n: next(left), kinds=kinds)


@st.composite
def networks(draw: st.DrawFn, kinds: Collection[str] | None = None) -> Network:
    """Draw a net, and note what it is made of."""
    choices: list[int] = []

    def below(n: int) -> int:
        choices.append(draw(st.integers(0, n - 1)))
        return choices[-1]

    net = random_network(below, kinds=kinds)
    note(net.summary())
    note(f"replay({choices})" if kinds is None else f"replay({choices}, kinds=...)")
    return net


def examples(count: int) -> settings:
    """Return settings for so many nets, each of which takes its time."""
    return settings(max_examples=count, suppress_health_check=list(HealthCheck))

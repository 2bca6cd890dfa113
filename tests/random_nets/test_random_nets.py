"""Random nets against their ports: 500 of them with ``pytest -m full``, some in every run.

A failure is shrunk to the simplest net that still fails. It is printed with the numbers that make
it: ``replay(CHOICES)`` gives it back.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, note, seed, settings
from hypothesis import strategies as st

from lasport.passes import DataFormat
from lasport.random_nets import random_network
from lasport.spec import Network
from lasport.targets.keras_calls import Profile
from tests.random_nets.agreement import assert_port_agrees

VARIANTS: Sequence[tuple[Profile, DataFormat]] = (
    ("stock", "channels_first"),
    ("exact", "channels_last"),
    ("exact", "channels_first"),
    ("stock", "channels_last"),
)
BLOCKS = [
    *(pytest.param(block, 15, id=f"quick{block}") for block in range(4)),
    *(pytest.param(block, 25, id=f"{block}", marks=pytest.mark.full) for block in range(4, 24)),
]


def replay(choices: Sequence[int]) -> Network:
    """Return the net that a failure printed."""
    left = iter(choices)
    return random_network(lambda n: next(left))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draw a net, and note what it is made of."""
    choices: list[int] = []

    def below(n: int) -> int:
        choices.append(draw(st.integers(0, n - 1)))
        return choices[-1]

    net = random_network(below)
    note(net.summary())
    note(f"replay({choices})")
    return net


@pytest.mark.parametrize(("block", "examples"), BLOCKS)
def test_ports_of_random_nets_agree_with_the_reference(block: int, examples: int) -> None:
    profile, data_format = VARIANTS[block % len(VARIANTS)]
    checked = []

    @seed(block)
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(networks(), st.integers(0, 2**16))
    def check(net: Network, number: int) -> None:
        note(f"seed of the inputs: {number}, profile {profile}, {data_format}")
        assert_port_agrees(net, profile, data_format, number)
        checked.append(net)

    check()
    assert len(checked) >= examples


def test_a_net_is_made_again_of_its_choices() -> None:
    choices: list[int] = []
    numbers = iter(range(10**6))

    def below(n: int) -> int:
        choices.append(next(numbers) % n)
        return choices[-1]

    net = random_network(below)
    assert replay(choices).summary() == net.summary()

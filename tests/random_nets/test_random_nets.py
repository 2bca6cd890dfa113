"""Random nets against their ports: 500 of them with ``pytest -m full``, some in every run.

A failure is shrunk to the simplest net that still fails. It is printed with the numbers that make
it, which ``replay`` turns into the net again.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, note, seed
from hypothesis import strategies as st

from lasport.passes import DataFormat
from lasport.random_nets import random_network
from lasport.spec import Network
from lasport.targets.keras_calls import Profile
from tests.random_nets.agreement import assert_port_agrees
from tests.random_nets.networks import examples, networks, replay

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


@pytest.mark.parametrize(("block", "count"), BLOCKS)
def test_ports_of_random_nets_agree_with_the_reference(block: int, count: int) -> None:
    profile, data_format = VARIANTS[block % len(VARIANTS)]
    checked = []

    @seed(block)
    @examples(count)
    @given(networks(), st.integers(0, 2**16))
    def check(net: Network, number: int) -> None:
        note(f"seed of the inputs: {number}, profile {profile}, {data_format}")
        assert_port_agrees(net, profile, data_format, number)
        checked.append(net)

    check()
    assert len(checked) >= count


def test_a_net_is_made_again_of_its_choices() -> None:
    choices: list[int] = []
    numbers = iter(range(10**6))

    def below(n: int) -> int:
        choices.append(next(numbers) % n)
        return choices[-1]

    net = random_network(below)
    assert replay(choices).summary() == net.summary()

"""The page on JSON reports has every field that is written, and of the type that is written."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lasport import verify
from lasport.compare.report import SCHEMA

PAGE = Path(__file__).parent.parent.parent / "docs" / "report.md"
PLAIN = {"text": str, "integer": int, "boolean": bool}
NOT_IN_JSON = ("inf", "-inf", "nan")


def documented():
    """Return, by object, the types of its fields."""
    parts = re.split(r"^## (\w+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    rows = re.compile(r"^\| `(\w+)` \| ([^|]+) \|", flags=re.MULTILINE)
    return {
        name: dict(rows.findall(text)) for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }


OBJECTS = documented()


def mistakes(value, kind, place="report"):
    """Yield what of a value is not as the page says."""
    if kind.endswith(" or null"):
        if value is not None:
            yield from mistakes(value, kind.removesuffix(" or null"), place)
    elif kind.startswith(("list of ", "map of ")):
        container, _, inner = kind.partition(" of ")
        if not isinstance(value, {"list": list, "map": dict}[container]):
            yield f"{place} is no {container}"
            return
        items = value.items() if container == "map" else enumerate(value)
        for key, item in items:
            yield from mistakes(item, inner, f"{place}[{key!r}]")
    elif kind in OBJECTS:
        if value.keys() != OBJECTS[kind].keys():
            yield f"{place} has {sorted(value)}, the page {sorted(OBJECTS[kind])}"
        for key in value.keys() & OBJECTS[kind].keys():
            yield from mistakes(value[key], OBJECTS[kind][key], f"{place}.{key}")
    elif kind == "number":
        if type(value) not in (int, float) and value not in NOT_IN_JSON:
            yield f"{place} is {value!r}, no number"
    elif kind != "any" and type(value) is not PLAIN[kind]:
        yield f"{place} is {value!r}, not {kind}"


@pytest.fixture(scope="module")
def written(net_and_record, build_port, tmp_path_factory):
    """Return a report with something in every field."""
    net, record = net_and_record("net_digits")
    path = tmp_path_factory.mktemp("reports") / "report.json"
    verify(net, build_port("net_digits"), record, passes=(1, 2)).to_json(path)
    return json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)


def test_a_report_is_as_the_page_says(written):
    assert list(mistakes(written, "Report")) == []
    assert written["schema"] == SCHEMA == 1


def test_every_object_of_the_page_was_looked_at(written):
    assert written["drifts"]
    assert written["running_statistics"]
    assert written["provenance"]
    assert written["worst_layer"]["outputs"]
    for field in ("difference", "rounding", "agreement"):
        assert any(one[field] for one in written["comparisons"]), field


@pytest.mark.parametrize(
    ("change", "mistake"),
    (
        (lambda r: r.pop("notes"), "report has"),
        (lambda r: r.update(more=1), "report has"),
        (lambda r: r.update(ok="yes"), "report.ok is 'yes', not boolean"),
        (lambda r: r["provenance"].update(seed=1.5), "seed is 1.5, not integer"),
        (lambda r: r["comparisons"][0]["difference"].update(ulp=None), "ulp is None, no number"),
        (lambda r: r["comparisons"][0]["difference"].update(ulp="big"), "ulp is 'big', no number"),
        (lambda r: r.update(drifts={}), "report.drifts is no list"),
    ),
)
def test_what_is_otherwise_is_noticed(written, change, mistake):
    changed = json.loads(json.dumps(written))
    change(changed)
    assert any(mistake in found for found in mistakes(changed, "Report"))

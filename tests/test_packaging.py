"""The installed distribution and the checkout's metadata say the same, and say it right."""

from __future__ import annotations

import configparser
import hashlib
import importlib.metadata
from pathlib import Path

import pytest

import lasport
from lasport import cli, demo, pytest_plugin

ROOT = Path(__file__).parent.parent

# The demo's files as they were recorded: an editor or a line-ending filter that touches one shows.
DATA_SHA256 = {
    "digits_bn.pkl": "9edeb8847ad502241c9bf6ed0a4915d3c78aea41ec41c193f0415c637ba39876",
    "digits.npz": "38b34a8d1cf846aa28b1ef04ab0d9f4fd9bd1957ef01a06c638f1d40e201f7f9",
    "digits_bn_expected.npz": "d07b9d72512c9cd480f93e2a416091fb9b1bc454cac5ba955f2ab39f6b9be845",
}


@pytest.fixture(scope="module")
def configuration() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@pytest.fixture(scope="module")
def distribution() -> importlib.metadata.Distribution:
    """Return the installed distribution, where the lasport under test is an installed one."""
    package = Path(lasport.__file__).parent
    if package == ROOT / "lasport":
        pytest.skip("lasport is imported from the checkout, not installed")
    return importlib.metadata.distribution("lasport")


def test_version_is_the_one_of_setup_cfg(configuration):
    assert lasport.__version__ == configuration["metadata"]["version"]


def test_changelog_starts_with_this_version_or_unreleased(configuration):
    headings = [
        line
        for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("## ")
    ]
    version = configuration["metadata"]["version"]
    assert headings[0].startswith("## [Unreleased]" if ".dev" in version else f"## [{version}]")


def test_pyproject_holds_nothing_but_the_build_system_and_ruff():
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    tables = [line.strip("[]") for line in lines if line.startswith("[")]
    assert [table for table in tables if table != "build-system" and "ruff" not in table] == []


def test_every_dependency_is_justified(configuration):
    note = (ROOT / "docs" / "design" / "dependencies.md").read_text(encoding="utf-8")
    options = configuration["options"]
    requirements = options["install_requires"].split("\n")
    for extra in configuration["options.extras_require"].values():
        requirements += extra.split("\n")
    names = {line.split(";")[0].strip() for line in requirements if line.strip()}
    missing = {name for name in names if not name.startswith("lasport[") and name not in note}
    assert missing == set(), "docs/design/dependencies.md gives no reason for these ranges"


@pytest.mark.parametrize(("name", "sha256"), DATA_SHA256.items())
def test_packaged_data_is_what_was_recorded(name, sha256):
    data = Path(lasport.__file__).parent / "data"
    assert hashlib.sha256((data / name).read_bytes()).hexdigest() == sha256


def test_demo_paths_point_into_the_package():
    paths = demo.paths()
    for path in (paths.net, paths.digits, paths.expected):
        assert Path(path).name in DATA_SHA256
        assert Path(path).is_file()


def test_the_package_is_typed():
    assert (Path(lasport.__file__).parent / "py.typed").is_file()


def test_the_command_is_installed(distribution):
    (command,) = (entry for entry in distribution.entry_points if entry.group == "console_scripts")
    assert command.name == "lasport"
    assert command.load() is cli.main


def test_the_pytest_plugin_is_installed(distribution):
    (plugin,) = (entry for entry in distribution.entry_points if entry.group == "pytest11")
    assert plugin.load() is pytest_plugin


def test_installed_files_are_those_of_the_checkout(distribution):
    package = Path(lasport.__file__).parent

    def files(root: Path) -> set[str]:
        return {
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }

    assert files(package) == files(ROOT / "lasport")


def test_nothing_but_the_package_is_installed(distribution):
    tops = {file.parts[0] for file in distribution.files or ()}
    assert {top for top in tops if not top.startswith(("lasport", ".."))} == set()

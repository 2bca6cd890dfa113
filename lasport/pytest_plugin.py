"""pytest's option ``--lasport-report``: what :mod:`lasport.testing` compared, as pages.

pytest imports this module at every start where lasport is installed, so
everything else is imported only when the option is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from lasport.suite_reports import SuiteReports

__all__ = ["pytest_addoption", "pytest_configure"]

SPOOL = "lasport_spool"  # where pytest-xdist's workers leave reports for the one that started them


class Node(Protocol):
    """What pytest-xdist says of a worker that it is about to start."""

    workerinput: dict[str, object]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("lasport").addoption(
        "--lasport-report",
        metavar="PATH",
        type=Path,
        help="write what assert_equivalent finds: to a directory, with a page and JSON for each "
        "call and an index, or to one NAME.html",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect reports, if that is asked for."""
    path: Path | None = config.getoption("lasport_report")
    if path is None:
        return
    from lasport.errors import UsageError
    from lasport.suite_reports import SuiteReports

    spool = getattr(config, "workerinput", {}).get(SPOOL)
    try:
        # pytest may be started in one directory and have its tests change to another.
        reports = SuiteReports(path.absolute(), spool)
    except UsageError as error:
        raise pytest.UsageError(f"--lasport-report: {error}") from error
    config.pluginmanager.register(_Session(reports), "lasport-reports")


class _Session:
    """The hooks of a run that collects reports."""

    def __init__(self, reports: SuiteReports) -> None:
        self.reports = reports
        reports.listen()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Node) -> None:
        """Tell a worker of pytest-xdist where to leave its reports."""
        node.workerinput[SPOOL] = str(self.reports.spool)

    def pytest_sessionfinish(self) -> None:
        """Write the index when all tests have run, or nobody wants to wait for the others."""
        self.reports.write()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was written."""
        terminalreporter.write_line(self.reports.summary())

    def pytest_unconfigure(self) -> None:
        """Clean up."""
        self.reports.close()

"""With ATUM_REQUIRE=all a skipped test is a failed one, so that no suite goes unnoticed."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest


def _all_required() -> bool:
    return os.environ.get("ATUM_REQUIRE") == "all"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and _all_required() and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} may not skip while ATUM_REQUIRE=all: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and _all_required():
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} may not skip while ATUM_REQUIRE=all: {report.longrepr}"
    return report

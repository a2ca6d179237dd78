"""A settlement's report as a workbook: a sheet for each of its tables."""

from __future__ import annotations

from datetime import datetime

from connectors.kit.settlement import workbook
from connectors.payment.settlement_report import TABLES, Report


def as_xlsx(report: Report, now: datetime) -> bytes:
    """The workbook. The same report at the same time gives the same bytes."""
    day = report.head.business_date
    title = f"Đối soát {report.head.provider} ngày {day[6:]}/{day[4:6]}/{day[:4]}"
    return workbook.as_xlsx(title, (report.table(name) for name in TABLES), now)

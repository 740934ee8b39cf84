"""A test report as JUnit's XML: a suite for each check, a test case for each row."""

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from toolkit.checking.formats.judged import CheckRow, Judged


def write(judged: Judged) -> str:
    """A finding is a failure; accepted and unknown rows are skipped, with the reason; the others have passed.

    The reason of a row that has passed, such as what its verdict assumes, is the output of its test case.
    """
    report = JUnitXml("tls-toolkit check")
    suites: dict[str, TestSuite] = {}
    for row in judged.rows():
        suites.setdefault(row.check, TestSuite(row.check)).add_testcase(_case(row))
    for suite in suites.values():
        suite.timestamp = judged.now.isoformat()
        suite.add_property("source", judged.harmless_source)
        report.add_testsuite(suite)
    return bytes(report.tostring()).decode() + "\n"


def _case(row: CheckRow) -> TestCase:
    case = TestCase(f"{row.kind}: {row.found}" if row.found else row.kind, classname=row.service)
    if row.state == "finding":
        failure = Failure(f"{row.severity}: {row.title}", row.finding_id)
        failure.text = f"{row.message}. {row.advice}"
        case.result = [failure]
    elif row.state == "accepted":
        case.result = [Skipped(f"accepted until {row.accepted_until_at:%Y-%m-%d}: {row.message}", row.finding_id)]
    elif row.state == "unknown":
        case.result = [Skipped(f"unknown: {row.reason}")]
    elif row.reason:
        case.system_out = row.reason
    return case

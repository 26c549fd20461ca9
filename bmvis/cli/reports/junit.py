"""Test report in the JUnit XML format, as https://github.com/testmoapp/junitxml describes it."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bmvis.cli.exit_codes import BROKEN, EXIT_CODES, FailOn, fails
from bmvis.cli.results import Result
from bmvis.untrusted.log_text import lines, one_line


def to_junit(results: Sequence[Result], fail_on: FailOn) -> str:
    """Return one test case for each model.

    A model that cannot be built is an error, and any other result that makes the command fail is a failure. Changes
    that do not are in the output of the test case.
    """
    tags = [_tag(result) if fails(result, fail_on) else "" for result in results]
    counts: dict[str, str] = {
        "tests": str(len(results)),
        "failures": str(tags.count("failure")),
        "errors": str(tags.count("error")),
    }
    top = Element("testsuites", {"name": "bmvis", **counts})
    suite = SubElement(top, "testsuite", {"name": "bmvis", **counts})
    for result, tag in zip(results, tags, strict=True):
        case = SubElement(suite, "testcase", classname="bmvis", name=one_line(result.name), file=one_line(result.file))
        if tag:
            about = {"message": one_line(result.headline or result.message or result.status), "type": result.status}
            SubElement(case, tag, about).text = lines(result.report)
        elif not result.is_same:
            report = result.report if result.message else f"{result.title}\n{result.report}"
            SubElement(case, "system-out").text = lines(report)
    indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(top, encoding="unicode")


def _tag(result: Result) -> str:
    return "error" if EXIT_CODES[result.status] == BROKEN else "failure"

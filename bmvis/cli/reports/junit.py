"""A test report in JUnit's XML: https://github.com/testmoapp/junitxml describes what CI systems read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from bmvis.cli.results import BROKEN, EXIT_CODES, Result
from bmvis.log_text import lines, one_line


def to_junit(results: Sequence[Result]) -> str:
    """Return one test case for each model. A model that cannot be built is an error, all else a failure."""
    counts: dict[str, str] = {
        "tests": str(len(results)),
        "failures": str(sum(_tag(result) == "failure" for result in results)),
        "errors": str(sum(_tag(result) == "error" for result in results)),
    }
    top = Element("testsuites", {"name": "bmvis", **counts})
    suite = SubElement(top, "testsuite", {"name": "bmvis", **counts})
    for result in results:
        case = SubElement(suite, "testcase", classname="bmvis", name=one_line(result.name), file=one_line(result.file))
        if not result.is_well:
            about = {"message": one_line(result.headline or result.message or result.status), "type": result.status}
            SubElement(case, _tag(result), about).text = lines(result.report)
    indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(top, encoding="unicode")


def _tag(result: Result) -> str:
    code = EXIT_CODES[result.status]
    return "error" if code == BROKEN else "failure" if code else ""

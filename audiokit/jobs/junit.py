"""Verdicts as JUnit XML, which CI servers show as tests."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from audiokit.files.atomic import replacing
from audiokit.jobs.gates import Verdict

__all__ = ["junit_xml", "write_junit"]

# What XML 1.0 cannot hold, section 2.2; a file name may hold any of it.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(verdicts: Sequence[Verdict], *, name: str) -> bytes:
    """Return one test case for each file: passed, failed at a gate, or in error if unreadable.

    No times: the same verdicts give the same bytes.

    Args:
        verdicts: In the order of the files.
        name: What the suite is called.

    References:
        The schema of Jenkins, https://github.com/jenkinsci/xunit-plugin, junit-10.xsd.
    """
    counts = {
        "tests": str(len(verdicts)),
        "failures": str(sum(bool(each.faults) for each in verdicts)),
        "errors": str(sum(each.error is not None for each in verdicts)),
    }
    suites = ET.Element("testsuites", {"name": name, **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": name, **counts, "skipped": "0"})
    for verdict in verdicts:
        source = _text(verdict.source)
        folder = str(PurePosixPath(source).parent)
        case = ET.SubElement(suite, "testcase", {"name": source, "classname": folder})
        if verdict.error is not None:
            message = _text(verdict.error)
            ET.SubElement(case, "error", {"message": message, "type": "unreadable"}).text = message
        elif verdict.faults:
            gates = ",".join(dict.fromkeys(fault.gate for fault in verdict.faults))
            about = {"message": _text(verdict.sentence()), "type": gates}
            failure = ET.SubElement(case, "failure", about)
            failure.text = "\n".join(_text(fault.sentence) for fault in verdict.faults)
    ET.indent(suites)
    written: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def write_junit(target: Path, verdicts: Sequence[Verdict], *, name: str) -> None:
    """Write `junit_xml` to a file that takes its place when it is whole.

    Raises:
        ResourceError: The disk is full, or the place may not be written.
    """
    with replacing(target) as temporary:
        temporary.write_bytes(junit_xml(verdicts, name=name))


def _text(text: str) -> str:
    return _NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)

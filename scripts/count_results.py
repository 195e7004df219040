"""Prints `N passed, N failed` from the result files of ctest and pytest. Exits 1 if a file is missing or a test failed.

ctest counts programs. Where a program left a GoogleTest report its cases are counted instead; a program that failed
without a failed case in its report (it crashed or ran out of time) counts as one failure more.
"""

import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def cases(path):
    """Counts (passed, failed) in a JUnit file. A skipped case is neither."""
    passed = failed = 0
    for case in ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
            failed += 1
        elif case.find("skipped") is None and case.get("status") not in ("notrun", "disabled"):
            passed += 1
    return passed, failed


def ctest_cases(folder):
    passed = failed = 0
    for program in ElementTree.parse(folder / "ctest.xml").iter("testcase"):
        program_failed = program.get("status") in ("fail", "notrun")  # notrun: the program is missing
        try:
            counts = cases(folder / "gtest" / f"{program.get('name')}.xml")
        except (FileNotFoundError, ElementTree.ParseError):
            counts = (0, 0) if program_failed else (int(program.get("status") == "run"), 0)
        passed += counts[0]
        failed += max(counts[1], int(program_failed))
    return passed, failed


def main(folder):
    try:
        counts = [ctest_cases(folder), cases(folder / "pytest.xml")]
    except FileNotFoundError as error:
        sys.exit(f"error: {error.filename} is missing: not all tests ran")
    passed, failed = map(sum, zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))

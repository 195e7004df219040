"""Prints `N passed, N failed` from the result files of a folder, or from one file of pytest.

Exits 1 if a file is missing or a test failed. ctest counts programs. Where a program left a GoogleTest report its
cases are counted instead; a program that failed without a failed case in its report (it crashed or ran out of time)
counts as one failure more.
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


def ctest_cases(path):
    """ctest-NAME.xml, with GoogleTest's reports in gtest-NAME beside it."""
    passed = failed = 0
    reports = path.with_name(path.stem.replace("ctest", "gtest", 1))
    for program in ElementTree.parse(path).iter("testcase"):
        if (skipped := program.find("skipped")) is not None and "SKIP_" in skipped.get("message", ""):
            continue  # the program said that it cannot run here
        program_failed = program.get("status") in ("fail", "notrun")  # notrun: the program is missing
        try:
            counts = cases(reports / f"{program.get('name')}.xml")
        except (FileNotFoundError, ElementTree.ParseError):
            counts = (0, 0) if program_failed else (int(program.get("status") == "run"), 0)
        passed += counts[0]
        failed += max(counts[1], int(program_failed))
    return passed, failed


def counts_of(folder):
    for needed in ("ctest.xml", "pytest.xml"):
        if not (folder / needed).exists():
            sys.exit(f"error: {folder / needed} is missing: not all tests ran")
    counts = [ctest_cases(path) for path in sorted(folder.glob("ctest*.xml"))]
    return counts + [cases(path) for path in sorted([*folder.glob("pytest*.xml"), *folder.glob("gtest-*.xml")])]


def main(path):
    counts = [cases(path)] if path.is_file() else counts_of(path)
    passed, failed = map(sum, zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))

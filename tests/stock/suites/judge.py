"""Runs python-pkcs11's own tests, each file in a process of its own, and holds the outcomes against a list.

    judge.py TESTS LIST COLUMN

TESTS is a folder whose package `tests` is theirs. LIST has a row for each test that does not pass as it is: test, outcome as it is,
outcome adapted, reason. COLUMN is `original` or `adapted`: which of the two outcomes this run is to have. A test without a row
passes. A test that newly fails, newly passes, comes or goes makes the run fail.
"""

import collections
import csv
import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

FILES = 17
TESTS = 163


def outcome(case):
    for child in case:
        if child.tag in ("failure", "error"):
            return "failed", child.get("message", "")
        if child.tag == "skipped":
            return "skipped", child.get("message", "")
    return "passed", ""


def run(folder, file):
    report = folder / f"{file.stem}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", f"tests/{file.name}"]
    log = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not report.exists():
        sys.exit(f"{file.name} ended with {log.returncode} and without a report:\n{log.stdout}")
    for case in xml.parse(report).iter("testcase"):
        name = "::".join([file.name, case.get("classname").rsplit(".", 1)[-1], case.get("name")])
        yield name, outcome(case)


def main(folder, listed, column):
    folder = Path(folder)
    with open(listed, newline="") as rows:
        expected = {row["test"]: row[column] for row in csv.DictReader(rows, delimiter="\t", quoting=csv.QUOTE_NONE)}
    files = sorted(folder.glob("tests/test_*.py"))
    found = {name: result for file in files for name, result in run(folder, file)}
    wrong = []
    for name, (what, why) in sorted(found.items()):
        due = expected.pop(name, "passed")
        if os.environ.get("SHOW_ALL"):
            print(what, name, why.split("\n")[0], sep="\t")
        if what != due:
            wrong.append(f"{name}: the list says {due}, and it {what}: {why}")
    wrong += [f"{name}: the list has it, and the suite does not" for name in expected]
    if (len(files), len(found)) != (FILES, TESTS):
        wrong.append(f"{len(found)} tests in {len(files)} files, not {TESTS} in {FILES}")
    counts = collections.Counter(what for what, _ in found.values())
    print(f"python-pkcs11, {column}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    for line in wrong:
        print(line)
    sys.exit(bool(wrong))


main(*sys.argv[1:])

"""The planted faults fit the code, whether or not they are run."""

from __future__ import annotations

import subprocess
import sys

from tests.proof.mutations import APP, FAULTS, ROOT


def test_every_fault_fits_one_place_and_compiles():
    mismatches = []
    for fault in FAULTS:
        source = (APP / fault.file).read_text(encoding="utf-8")
        if source.count(fault.old) != 1:
            mismatches.append(fault.name)
        compile(source.replace(fault.old, fault.new), fault.file, "exec")
    assert mismatches == []


def test_every_fault_names_tests_that_exist():
    missing = []
    for fault in FAULTS:
        for test in fault.tests:
            file, _, function = test.partition("::")
            name = function.partition("[")[0]
            if name and f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8"):
                missing.append(test)
            assert (ROOT / file).is_file()
    assert missing == []


def test_every_fault_names_cases_that_exist():
    cases = {test for fault in FAULTS for test in fault.tests if test.endswith("]")}
    files = sorted({test.partition("::")[0] for test in cases})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0", "-m", "", *files]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603  # our own names
    assert cases - set(found.stdout.splitlines()) == set()


def test_every_fault_has_its_own_name():
    names = [fault.name for fault in FAULTS]
    assert sorted(set(names)) == sorted(names)

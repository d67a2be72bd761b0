"""The planted faults fit the code, whether or not they are run."""

from __future__ import annotations

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


def test_every_fault_has_its_own_name():
    names = [fault.name for fault in FAULTS]
    assert sorted(set(names)) == sorted(names)

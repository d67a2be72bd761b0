from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.pains.register import PAINS

pytestmark = pytest.mark.core

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("pain", PAINS)
def test_each_pain_has_a_test_that_names_its_rule(pain):
    for test in PAINS[pain].tests:
        module, _, name = test.partition("::")
        tree = ast.parse((TESTS / f"{module}.py").read_text(encoding="utf-8"))
        names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in names, test

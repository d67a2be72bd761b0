from __future__ import annotations

import pytest

from tests import diagram

pytestmark = pytest.mark.core


def test_states_diagram_is_what_the_function_does():
    assert diagram.drawn() == diagram.draw(), "run: python -m tests.diagram"

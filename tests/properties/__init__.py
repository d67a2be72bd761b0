"""Histories of one order, told in every order of arrival, generated, and played by chance.

``HYPOTHESIS_PROFILE=proof`` runs the long profile: seven events per history and thousands of generated ones.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile(
    "proof", max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
IS_LONG = PROFILE == "proof"
settings.load_profile(PROFILE)

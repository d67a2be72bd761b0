"""Histories of one order: their events in every order of arrival, and random ones.

``HYPOTHESIS_PROFILE=proof`` runs the long profile: seven events per history and thousands of generated ones. In CI the
default profile repeats the same examples in every run.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "default",
    max_examples=12,
    stateful_step_count=12,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=list(HealthCheck),
)
settings.register_profile(
    "proof",
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    derandomize=False,
    suppress_health_check=list(HealthCheck),
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
IS_LONG = PROFILE == "proof"
settings.load_profile(PROFILE)

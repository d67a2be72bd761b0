"""pytest fixtures for projects that use the app, loaded through the package's entry point.

pytest imports this module before Django is set up and before coverage starts, so imports are deferred to the fixtures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django_checkout.emulator import Attempt, Emulator


@pytest.fixture
def stripe_emulator() -> Iterator[Emulator]:
    """A Stripe emulator in this process, used by the real ``stripe`` library: ``stripe_emulator.pay(session_id)``."""
    from django_checkout.testing.kit import emulated_stripe

    with emulated_stripe() as emulator:
        yield emulator


@pytest.fixture
def deliver_events(stripe_emulator: Emulator, db: Any) -> Callable[..., list[Attempt]]:
    """Post the pending events to the webhook view, signed: ``deliver_events()``."""
    from django_checkout.testing.kit import deliver_events as deliver

    return partial(deliver, stripe_emulator)

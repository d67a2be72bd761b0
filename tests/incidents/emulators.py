"""A process that serves emulators: one for each line of its input, until the next line."""

from __future__ import annotations

import sys

from django_checkout.emulator import Emulator
from django_checkout.emulator.server import EmulatorServer
from django_checkout.emulator.webhooks import webhook_sender
from tests.serving import serving

from .stripe_side import PATIENCE_SECONDS


def main() -> None:
    from django.conf import settings

    settings.configure(USE_I18N=False)
    # A site that is slow to respond has the event processed.
    webhook_sender.TIMEOUT_SECONDS = PATIENCE_SECONDS
    for _ in sys.stdin:
        # No endpoint but those that a site creates over the API.
        emulator = Emulator(enabled_events=())
        with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
            emulator.start_webhook_sender()
            print(server.url, flush=True)
            sys.stdin.readline()
        emulator.close()
        print("closed", flush=True)


if __name__ == "__main__":
    main()

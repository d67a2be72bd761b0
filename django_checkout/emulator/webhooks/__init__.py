"""Delivery of events to webhook endpoints. Above ``api``; ``control`` and ``emulator`` import it."""

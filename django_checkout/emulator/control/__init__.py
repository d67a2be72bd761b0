"""The control page, and the controls for tests. Above ``webhooks``; only ``emulator`` imports it."""

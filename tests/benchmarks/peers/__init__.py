"""Other packages that handle Stripe's webhooks, each in an environment of its own."""

"""Stripe's HTTP API: routes, parameters, expansion. Above ``state``; does not know pages or webhook delivery."""

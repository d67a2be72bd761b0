"""Decides who may see and pay an order: one rule for pages, API and admin, and the signed links that it accepts.

Pages, API, admin and services import it. It reads orders and calls the adapter; it never calls Stripe or changes a row.
"""

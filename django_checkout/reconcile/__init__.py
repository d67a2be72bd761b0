"""Reconciliation: read Stripe's lists, compare them with our rows, and apply what differs through the ledger.

Management commands, the API and the admin may import it. It does not import them, and never writes payment state
itself.
Each type of Stripe object has a module with a ``Resource``: how to list, compare and fix it, and what to do with
rows that Stripe's list does not contain. ``kinds`` lists how the two sides can differ, and ``runner`` reads the
resources page by page.
"""

from __future__ import annotations

from django_checkout.reconcile.kinds import Kind
from django_checkout.reconcile.report import Difference, Outcome, Report
from django_checkout.reconcile.runner import run

__all__ = ["Difference", "Kind", "Outcome", "Report", "run"]

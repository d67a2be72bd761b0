"""The pull side: walk Stripe, compare with our rows in batches, and apply what differs through the ledger."""

from __future__ import annotations

from django_checkout.reconcile.report import EXPLANATIONS, SUGGESTIONS, Drift, Kind, Outcome, Report
from django_checkout.reconcile.runner import run

__all__ = ["EXPLANATIONS", "SUGGESTIONS", "Drift", "Kind", "Outcome", "Report", "run"]

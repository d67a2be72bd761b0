"""Raises and resolves the reasons for which a person should look at an order."""

from __future__ import annotations

import logging
from typing import Any

from django.utils import timezone

from django_checkout.ledger.news import News
from django_checkout.models import AttentionItem, Order
from django_checkout.states import WITHHOLDING, Attention

logger = logging.getLogger("django_checkout")


def raise_attention(order: Order, code: Attention, fact: str, detail: str) -> News | None:
    """Record a reason once; a resolved one stays resolved. Return what the host should hear, if it is new."""
    _, is_new = AttentionItem.objects.get_or_create(order=order, code=code, fact=fact, defaults={"detail": detail})
    if not is_new:
        return None
    order.needs_attention = True
    logger.warning("attention order=%s reason=%s fact=%s", order.reference, code, fact)
    return News(signal="attention_needed", fact=f"{code}:{fact}"[:255], reason=code)


def withdraw_attention(order: Order, code: Attention, fact: str) -> None:
    """Take an open reason back that only the order of arrival made true; it may be raised again."""
    if order.needs_attention and order.attention.filter(code=code, fact=fact, resolved_at=None).delete()[0]:
        order.needs_attention = order.attention.filter(resolved_at=None).exists()


def resolve_attention(order: Order, *, note: str, by: Any, **which: Any) -> int:
    """Resolve the open reasons, or ``which`` of them, with a note; return how many there were."""
    unresolved = order.attention.filter(resolved_at=None)
    count = unresolved.filter(**which).update(resolved_at=timezone.now(), resolved_by=by, note=note)
    order.needs_attention = unresolved.exists()
    return count


def is_withheld(order: Order) -> bool:
    """Whether ``order_paid`` must wait until staff accept what does not match."""
    if not order.needs_attention:
        return False
    return order.attention.filter(resolved_at=None, code__in=WITHHOLDING).exists()

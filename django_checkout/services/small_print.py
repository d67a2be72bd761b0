"""The small print before a button that pays: the shop, what is due, what is still added, and its legal pages."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import get_language, gettext

from django_checkout import legal_links
from django_checkout.adapters import get_adapter, get_subject
from django_checkout.conf import conf
from django_checkout.models import Order, OrderLine
from django_checkout.money import format_minor, join_texts
from django_checkout.params.options import effective
from django_checkout.params.terms import Terms

logger = logging.getLogger("django_checkout")


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalLink:
    """A link to one of the shop's legal pages, in the active language."""

    kind: str
    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallPrint:
    """What a shopper must see before the button, in the active language."""

    #: "" if the site has not set it.
    shop_name: str
    links: tuple[LegalLink, ...]
    currency: str
    #: What is due today, before ``additions``.
    total_minor: int
    is_recurring: bool
    #: Whether Stripe Tax computes a tax that the prices contain.
    is_tax_included: bool
    #: What the payment page may still add or take off, as words.
    additions: tuple[str, ...]
    #: Whether nothing is charged now: setup mode.
    is_free: bool

    @property
    def total_label(self) -> str:
        """The name of the amount in a table."""
        if self.is_recurring:
            return gettext("Due today")
        if self.additions:
            return gettext("Subtotal")
        return gettext("Total including tax") if self.is_tax_included else gettext("Total")

    @property
    def total_text(self) -> str:
        """The amount as a sentence, with what it does not contain; "" if nothing is charged now."""
        if self.is_free:
            return ""
        amount = f"{self.total_label}: {format_minor(self.total_minor, self.currency)}"
        return " ".join(filter(None, (amount, self.additions_text)))

    @property
    def additions_list(self) -> str:
        """What the amount does not contain yet, as words; "" if it is final."""
        return join_texts(self.additions)

    @property
    def additions_text(self) -> str:
        """What the amount does not contain yet, as a remark; "" if it is final."""
        if not self.additions:
            return ""
        text = gettext("(before %(additions)s: the payment page shows the final amount before you pay)")
        return text % {"additions": self.additions_list}

    @property
    def renewal_text(self) -> str:
        """Until when a subscription is charged; "" for a one-time payment."""
        return gettext("It renews until you cancel it.") if self.is_recurring else ""


def get_small_print(order: Order, terms: Terms, lines: Sequence[OrderLine]) -> SmallPrint:
    """Return the small print of an order; one query for the host's row, if the adapter's ``legal_links`` needs it."""
    parameters = effective(order.params)
    is_taxed = bool(parameters.get("automatic_tax", {}).get("enabled"))
    is_tax_included = is_taxed and bool(lines) and all(line.tax_behavior == "inclusive" for line in lines)
    adds_tax = is_taxed and not is_tax_included
    return SmallPrint(
        shop_name=find_shop_name(order),
        links=tuple(find_links(order)),
        currency=order.currency,
        total_minor=terms.today_minor,
        is_recurring=bool(terms.recurring),
        is_tax_included=is_tax_included,
        additions=tuple(_additions(parameters, adds_tax=adds_tax, is_discounted=terms.is_discounted)),
        is_free=order.mode == "setup",
    )


def find_shop_name(order: Order) -> str:
    """Return CHECKOUT_SHOP_NAME, or the name that Stripe's page shows by ``branding_settings``, or ""."""
    branding = effective(order.params).get("branding_settings") or {}
    return conf.CHECKOUT_SHOP_NAME or str(branding.get("display_name") or "")


def find_links(order: Order) -> list[LegalLink]:
    """Return the links of CHECKOUT_LEGAL_LINKS and of the adapter, whose kinds replace those of the setting.

    A malformed link of the adapter's is left out and logged: it may come from a form in the shop's admin, and must
    neither run as a script nor stop the sale.
    """
    links: dict[str, str | Mapping[str, str]] = {**conf.CHECKOUT_LEGAL_LINKS}
    subject = get_subject(order)
    given: Any = get_adapter().legal_links(subject) if subject is not None else {}
    if not isinstance(given, Mapping):
        logger.error("legal_links_refused order=%s reason=legal_links() must return a dict", order.reference)
        given = {}
    for kind, link in given.items():
        try:
            links |= legal_links.read("legal_links()", {kind: link})
        except ImproperlyConfigured as error:
            logger.error("legal_link_refused order=%s reason=%s", order.reference, error)
    labels, language = _labels(), get_language() or ""
    urls = {kind: legal_links.find_url(links[kind], language) for kind in legal_links.KINDS if kind in links}
    return [LegalLink(kind=kind, label=labels[kind], url=url) for kind, url in urls.items() if url]


def _additions(parameters: Mapping[str, Any], *, adds_tax: bool, is_discounted: bool) -> Iterable[str]:
    if parameters.get("shipping_options") or parameters.get("shipping_address_collection"):
        yield gettext("shipping")
    if adds_tax:
        yield gettext("tax")
    if is_discounted or parameters.get("allow_promotion_codes"):
        yield gettext("discounts")


def _labels() -> dict[str, str]:
    return {
        "terms": gettext("Terms and conditions"),
        "privacy": gettext("Privacy policy"),
        "withdrawal": gettext("Right of withdrawal"),
        "returns": gettext("Returns and refunds"),
        "shipping": gettext("Shipping costs"),
        "imprint": gettext("Legal notice"),
    }

"""The context of the payment page: amounts in the shopper's currency, lines, choices."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_checkout.emulator.api.resources import amounts, methods, sessions, tax
from django_checkout.emulator.api.resources.catalog import line_amount
from django_checkout.emulator.api.resources.coupons import CODE, COUPON
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.payer.checkout import needs_method
from django_checkout.emulator.payer.completion import offers_saving
from django_checkout.emulator.payer.rendering import COUNTRIES, country_names, format_minor
from django_checkout.emulator.payer.shopper_input import TAX_IDS
from django_checkout.emulator.reference import cards, conversion
from django_checkout.emulator.state.state import State

COMMON_CARDS = 5


class PageView:
    """The view of one session. Use it inside ``store.transaction()``."""

    def __init__(self, state: State, session: Doc) -> None:
        self._state = state
        self._session = session
        self._currency = conversion.chosen_currency(session) or session["currency"] or "usd"

    def money(self, minor: int) -> str:
        """Return an amount as text in the shopper's currency."""
        source = self._session["currency"] or "usd"
        shown = minor if self._currency == source else conversion.converted(minor, source, self._currency)
        return format_minor(shown, self._currency)

    def summary(self) -> Doc:
        """Return the context of the order summary."""
        session = self._session
        shipping, total = session["shipping_cost"], session["amount_total"]
        lines = session.get("_lines", [])
        return {
            "session": session,
            "shop_name": session["_params"].get("branding_settings", {}).get("display_name", ""),
            "total": self.money(total) if total is not None else "",
            "subtotal": self.money(session["amount_subtotal"] or 0),
            "shipping": self._price(shipping["amount_subtotal"]) if shipping else "",
            "discount": self._discount(),
            "taxes": [self._tax(entry) for entry in tax.breakdown(session)],
            "is_tax_unknown": session["automatic_tax"]["status"] == "requires_location_inputs",
            "lines": [self._line(line) for line in lines],
            "later_price": self._later_price(),
            "can_update": len(session["shipping_options"]) > 1
            or session["automatic_tax"]["enabled"]
            or bool(session["optional_items"])
            or any(line["adjustable_quantity"] for line in lines),
            "is_free": not needs_method(session),
            "saves": not total,
            "is_manual": session["_params"].get("payment_intent_data", {}).get("capture_method") == "manual",
            "success_url": sessions.substituted(session["success_url"], session),
            "cancel_url": session["cancel_url"],
        }

    def choices(self) -> Doc:
        """Return the choices of the form."""
        session = self._session
        allowed = (session["shipping_address_collection"] or {}).get("allowed_countries", [])
        return {
            **method_choices(session),
            "saved_cards": methods.saved(self._state, session),
            "countries": country_names(COUNTRIES),
            "shipping_countries": country_names(allowed),
            "rates": [self._rate(option) for option in session["shipping_options"]],
            "currencies": self._currencies(),
            "optional_items": [self._optional(index) for index in range(len(session["optional_items"] or ()))],
        }

    def _rate(self, option: Doc) -> Doc:
        rate = self._state.store.find(option["shipping_rate"]) or {"display_name": "", "delivery_estimate": None}
        return {
            "id": option["shipping_rate"],
            "name": rate["display_name"],
            "amount": self._price(option["shipping_amount"]),
            "estimate": _estimate(rate["delivery_estimate"]),
        }

    def _price(self, amount: int) -> str:
        return self.money(amount) if amount else _("Free")

    def _line(self, line: Doc) -> Doc:
        product = self._state.get("product", line["price"]["product"])
        unit = line["price"]["unit_amount"]
        return {
            "name": line["description"],
            "adjustable": line["adjustable_quantity"],
            "description": product["description"],
            "quantity": line["quantity"],
            "amount": self.money(line["amount_subtotal"]),
            "unit": self.money(unit) if unit is not None and line["quantity"] > 1 else "",
            "interval": interval_text(line["price"]["recurring"]),
        }

    def _discount(self) -> Doc | None:
        given = self._session["_discount"]
        if given is None:
            return None
        coupon = self._state.store.find(given["coupon"], COUPON) or {"name": None}
        code = self._state.store.find(given["promotion_code"], CODE) if given["promotion_code"] else None
        return {
            "name": coupon["name"] or (code["code"] if code else given["coupon"]),
            "code": code["code"] if code and self._session["allow_promotion_codes"] else "",
            "amount": "\N{MINUS SIGN}" + self.money(self._session["total_details"]["amount_discount"]),
        }

    def _tax(self, entry: Doc) -> Doc:
        rate = entry["rate"]
        return {
            "name": f"{rate['display_name']} {rate['percentage']:g} %",
            "amount": self.money(entry["amount"]),
            "is_included": rate["inclusive"],
        }

    def _currencies(self) -> list[Doc]:
        session = self._session
        other = conversion.offered_currency(session, conversion.country_of(session)) if session["currency"] else None
        if other is None:
            return []
        total, source = session["amount_total"], session["currency"]
        shown = {source: total, other: conversion.converted(total, source, other)}
        return [
            {"code": code, "amount": format_minor(minor, code), "is_chosen": code == self._currency}
            for code, minor in shown.items()
        ]

    def _optional(self, index: int) -> Doc:
        item = self._session["optional_items"][index]
        price = self._state.get("price", item["price"])
        product = self._state.get("product", price["product"])
        return {
            "name": product["name"],
            "description": product["description"],
            "amount": self.money(line_amount(price, item["quantity"])),
            "is_chosen": any(line.get("_optional") == index for line in self._session["_lines"]),
        }

    def _later_price(self) -> str:
        """Return the later price of a subscription."""
        session = self._session
        lines = [line for line in session.get("_lines", []) if line["price"]["type"] == "recurring"]
        if not lines:
            return ""
        price = sum(line_amount(line["price"], line["quantity"]) for line in lines)
        what = f"{self.money(price)} {interval_text(lines[0]['price']['recurring'])}"
        if amounts.has_trial(session):
            return _("Free at first, then %(price)s") % {"price": what}
        return _("Then %(price)s") % {"price": what}


def method_choices(session: Doc) -> Doc:
    """Return the choices that the payment page and the frames of Elements share."""
    return {
        "common_cards": cards.CARDS[:COMMON_CARDS],
        "other_cards": cards.CARDS[COMMON_CARDS:],
        "bank_accounts": cards.BANK_ACCOUNTS if len(session["payment_method_types"]) > 1 else (),
        "offers_saving": offers_saving(session),
        "tax_id_types": tuple(TAX_IDS),
    }


def interval_text(recurring: Doc | None) -> str:
    """Return a billing interval as text."""
    if recurring is None:
        return ""
    count = recurring["interval_count"]
    texts = {
        "day": ngettext("every day", "every %(count)s days", count),
        "week": ngettext("every week", "every %(count)s weeks", count),
        "month": ngettext("every month", "every %(count)s months", count),
        "year": ngettext("every year", "every %(count)s years", count),
    }
    return texts[recurring["interval"]] % {"count": count} if count > 1 else texts[recurring["interval"]]


def _estimate(estimate: Doc | None) -> str:
    """Return a delivery estimate as text."""
    if not estimate:
        return ""
    bounds = [estimate[name] for name in ("minimum", "maximum") if estimate[name]]
    if not bounds:
        return ""
    unit, count = bounds[-1]["unit"], bounds[-1]["value"]
    numbers = "-".join(str(bound["value"]) for bound in bounds)
    texts = {
        "business_day": ngettext("%(numbers)s business day", "%(numbers)s business days", count),
        "day": ngettext("%(numbers)s day", "%(numbers)s days", count),
        "hour": ngettext("%(numbers)s hour", "%(numbers)s hours", count),
        "week": ngettext("%(numbers)s week", "%(numbers)s weeks", count),
        "month": ngettext("%(numbers)s month", "%(numbers)s months", count),
    }
    return texts[unit] % {"numbers": numbers}

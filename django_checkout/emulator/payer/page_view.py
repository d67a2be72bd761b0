"""The context of the payment page: amounts in the shopper's currency, lines, choices."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from django_checkout.emulator.api.resources import amounts, methods, sessions, tax
from django_checkout.emulator.api.resources.account import NAME
from django_checkout.emulator.api.resources.coupons import CODE, COUPON
from django_checkout.emulator.api.resources.lines import full_amount
from django_checkout.emulator.api.resources.pricing import cost, in_currency
from django_checkout.emulator.messages import Doc
from django_checkout.emulator.payer import action_form, branding
from django_checkout.emulator.payer.checkout import needs_method
from django_checkout.emulator.payer.completion import offers_saving
from django_checkout.emulator.payer.rendering import COUNTRIES, country_names, format_day, format_minor
from django_checkout.emulator.reference import cards, conversion, tax_ids
from django_checkout.emulator.reference.currencies import to_decimal
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
        lines, confirmation = session.get("_lines", []), session.get("_confirmation") or {}
        return {
            "session": session,
            "shop_name": self._shop_name(),
            "branding": branding.stylesheet(session),
            "total": self.money(total) if total is not None else "",
            "subtotal": self.money(session["amount_subtotal"] or 0),
            "shipping": self._price(shipping["amount_subtotal"]) if shipping else "",
            "discount": self._discount(),
            "taxes": [self._tax(entry) for entry in tax.breakdown(session)],
            "is_tax_unknown": session["automatic_tax"]["status"] == "requires_location_inputs",
            "lines": [self._line(line) for line in lines],
            **(recurring := self._recurring()),
            **self._texts(recurring),
            "can_update": len(session["shipping_options"]) > 1
            or self._depends_on_address()
            or bool(session["optional_items"])
            or any(line["adjustable_quantity"] or line["price"]["custom_unit_amount"] for line in lines),
            "depends_on_address": self._depends_on_address(),
            "is_free": not needs_method(session),
            "success_url": None if confirmation else sessions.substituted(session["success_url"], session),
            "cancel_url": None if session["payment_link"] else session["cancel_url"],
            "confirmation": confirmation.get("custom_message"),
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

    def _texts(self, recurring: Doc) -> Doc:
        """Return the headline with its price, the name of the button, and what the shopper agrees to."""
        session = self._session
        total, shop = self.money(session["amount_total"] or 0), {"shop_name": self._shop_name()}
        if session["mode"] == "setup":
            agreement = _("By saving your card, you allow %(shop_name)s to charge it for future payments.")
            texts = (_("Save a card for later"), "", _("Save card"), agreement % shop)
        elif recurring:
            agreement = _("You allow %(shop_name)s to charge you for this subscription until you cancel it.")
            is_simple = "trial" not in recurring and not recurring["later_price"]
            is_free = "trial" in recurring and not session["amount_total"]
            large = recurring["trial"] if is_free else recurring["recurring_price"] if is_simple else total
            button = _("Start trial") if "trial" in recurring else _("Subscribe")
            texts = (_("Subscribe to %(shop_name)s") % shop, large, button, agreement % shop)
        else:
            is_manual = session["_params"].get("payment_intent_data", {}).get("capture_method") == "manual"
            button = _("Authorize %(total)s") if is_manual else _("Pay %(total)s")
            action = button % {"total": total} if needs_method(session) else _("Complete order")
            texts = (_("Pay %(shop_name)s") % shop, total, action, "")
        return dict(zip(("headline", "large", "action", "agreement"), texts, strict=True))

    def _shop_name(self) -> str:
        name: str = (self._session.get("branding_settings") or {}).get("display_name") or NAME
        return name

    def _depends_on_address(self) -> bool:
        """Return whether the total, or the currencies that are offered, depend on the shopper's address."""
        return bool(self._session["automatic_tax"]["enabled"] or self._session["adaptive_pricing"]["enabled"])

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
        interval = interval_text(line["price"]["recurring"])
        is_on_trial = bool(interval and amounts.has_trial(self._session))
        later = full_amount(line)
        return {
            "custom": self._custom(line),
            "image": next(iter(product["images"]), ""),
            "name": line["description"],
            "adjustable": line["adjustable_quantity"],
            "description": product["description"],
            "quantity": line["quantity"],
            "amount": self._price(line["amount_subtotal"]) if is_on_trial else self.money(line["amount_subtotal"]),
            "unit": self.money(full_amount(line, 1)) if line["quantity"] > 1 else "",
            "interval": f"{self.money(later)} {interval}" if is_on_trial else interval,
        }

    def _custom(self, line: Doc) -> Doc | None:
        """Return the field for an amount that the shopper chooses, in major units."""
        bounds, currency = (line.get("_pricing") or line["price"]).get("custom_unit_amount"), line["currency"]
        if not bounds:
            return None
        values = {"value": line.get("_chosen", bounds["preset"]), "min": bounds["minimum"], "max": bounds["maximum"]}
        shown = {name: str(to_decimal(minor, currency)) for name, minor in values.items() if minor is not None}
        return {**shown, "step": str(to_decimal(1, currency)), "code": currency.upper()}

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
            "amount": self.money(cost(in_currency(price, self._session["currency"], ""), item["quantity"])),
            "is_chosen": any(line.get("_optional") == index for line in self._session["_lines"]),
        }

    def _recurring(self) -> Doc:
        """Return the texts of a subscription: its price and interval, its trial, and what is due later."""
        session = self._session
        lines = [line for line in session.get("_lines", []) if line["price"]["type"] == "recurring"]
        if not lines:
            return {}
        price = sum(full_amount(line) for line in lines)
        text = f"{self.money(price)} {interval_text(lines[0]['price']['recurring'])}"
        trial = amounts.trial_of(session)
        if trial is not None:
            days, end = trial
            free = ngettext("%(count)s day free", "%(count)s days free", days) % {"count": days}
            later = _("Then %(price)s, from %(date)s") % {"price": text, "date": format_day(end)}
            return {"recurring_price": text, "trial": free, "later_price": later}
        is_all = price == session["amount_total"]
        return {"recurring_price": text, "later_price": "" if is_all else _("Then %(price)s") % {"price": text}}


def method_choices(session: Doc) -> Doc:
    """Return the choices that the payment page and the frames of Elements share."""
    types = session["payment_method_types"]
    return {
        "common_cards": [_choice(card) for card in cards.CARDS[:COMMON_CARDS]],
        "other_cards": [_choice(card) for card in cards.CARDS[COMMON_CARDS:] if card.title],
        "has_card": "card" in types,
        "bank_accounts": [_choice(one) for one in cards.BANK_ACCOUNTS if set(types) & set(cards.DEBITS.values())],
        "action_methods": action_form.choices(session),
        "offers_saving": offers_saving(session),
        "tax_id_types": tuple(tax_ids.PATTERNS),
    }


def _choice(method: cards.Card | cards.BankAccount) -> Doc:
    return {"number": method.number, "spaced": method.spaced, "title": _(method.title)}


def interval_text(recurring: Doc | None) -> str:
    """Return a billing interval as text."""
    if recurring is None:
        return ""
    count = recurring["interval_count"]
    texts = {
        "day": ngettext("per day", "every %(count)s days", count),
        "week": ngettext("per week", "every %(count)s weeks", count),
        "month": ngettext("per month", "every %(count)s months", count),
        "year": ngettext("per year", "every %(count)s years", count),
    }
    return texts[recurring["interval"]] % {"count": count}


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

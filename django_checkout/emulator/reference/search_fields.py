"""The fields that can be searched, by type of object: https://docs.stripe.com/search#supported-query-fields-for-each-resource."""

from __future__ import annotations

from dataclasses import dataclass

#: The kinds of payment methods that charges can be searched by.
_SOURCES = ("card", "card_present", "interac_present")
#: ``token``: the whole value. ``string``: its words in their order, or with ``~`` a part. ``numeric``: a number.
#: Fields that a resource has elsewhere are written as ``subscription=parent.subscription_details.subscription``.
_FIELDS = {
    "charge": {
        "numeric": "amount created",
        "token": " ".join(
            (
                "billing_details.address.postal_code currency customer disputed refunded status",
                *(
                    f"payment_method_details.{source}.{name}"
                    for source in _SOURCES
                    for name in ("brand", "exp_month", "exp_year", "fingerprint", "last4")
                ),
            )
        ),
    },
    "customer": {"numeric": "created", "string": "email name phone"},
    "invoice": {
        "numeric": "created total",
        "token": "currency customer last_finalization_error_code=last_finalization_error.code "
        "last_finalization_error_type=last_finalization_error.type",
        "string": "number receipt_number status subscription=parent.subscription_details.subscription",
    },
    "payment_intent": {"numeric": "amount created", "token": "currency customer status"},
    "price": {"token": "active currency type", "string": "lookup_key product"},
    "product": {"token": "active shippable", "string": "description name url"},
    "subscription": {"numeric": "canceled_at created", "token": "status"},
}


@dataclass(frozen=True, slots=True)
class SearchField:
    """A field that can be searched: its type, and its path in the object."""

    kind: str
    path: tuple[str, ...]

    @property
    def operators(self) -> tuple[str, ...]:
        """The operators that the field has."""
        return {"string": (":", "~"), "numeric": (":", ">", "<", ">=", "<=")}.get(self.kind, (":",))


def _fields(by_type: dict[str, str]) -> dict[str, SearchField]:
    return {
        name.partition("=")[0]: SearchField(kind, tuple(name.rpartition("=")[2].split(".")))
        for kind, names in by_type.items()
        for name in names.split()
    }


FIELDS = {resource: _fields(by_type) for resource, by_type in _FIELDS.items()}

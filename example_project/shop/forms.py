"""The shop's forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from example_project.shop.models import MAX_QUANTITY, Order

# ModelForm is generic to the type checker only.
if TYPE_CHECKING:
    OrderForm = forms.ModelForm[Order]
else:
    OrderForm = forms.ModelForm


class QuantityForm(forms.Form):
    """The quantity of a product, which the cart limits further."""

    quantity = forms.IntegerField(min_value=0, max_value=10 * MAX_QUANTITY)


class CheckoutForm(OrderForm):
    """The buyer. The payment page asks for everything about the payment."""

    def __init__(self, *args: Any, is_recurring: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if is_recurring:
            # Its price includes shipping.
            del self.fields["is_picked_up"]

    class Meta:
        model = Order
        fields = ["email", "name", "is_picked_up", "note"]
        labels = {
            "email": _("E-mail"),
            "name": _("Your name"),
            "is_picked_up": _("I pick it up at the studio"),
            "note": _("A note to the studio (optional)"),
        }
        help_texts = {
            "email": _("We write when your order is ready."),
            "is_picked_up": _("Free, and no address is needed."),
        }
        widgets = {
            "email": forms.EmailInput(attrs={"autocomplete": "email", "placeholder": "you@example.com"}),
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "note": forms.Textarea(attrs={"rows": 3}),
        }

"""The cart: product IDs and quantities in the session, and the order that was placed from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest

from example_project.shop.models import Order, Product
from example_project.shop.prices import currency_of, price_in

SESSION_KEY = "cart"
ORDER_KEY = "cart_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    """A product in the cart, at today's price in the cart's currency."""

    product: Product
    quantity: int
    currency: str

    @property
    def unit_price(self) -> Decimal:
        return price_in(self.currency, self.product.price)

    @property
    def total(self) -> Decimal:
        return self.unit_price * self.quantity

    @property
    def is_full(self) -> bool:
        return self.quantity >= self.product.maximum_quantity


class Cart:
    """The visitor's cart. It is kept until its order is paid, so that a shopper can come back from the payment page."""

    def __init__(self, request: HttpRequest) -> None:
        self.session = request.session
        self.currency = currency_of(request)
        self._lines: list[CartLine] | None = None
        if self._is_settled():
            self.clear()

    def _quantities(self) -> dict[str, int]:
        quantities: dict[str, int] = self.session.get(SESSION_KEY, {})
        return quantities

    def _is_settled(self) -> bool:
        """Whether the order that was placed from this cart no longer waits for payment."""
        number = self.session.get(ORDER_KEY)
        return bool(number) and not Order.objects.filter(number=number, state=Order.State.NEW).exists()

    def find_order(self) -> Order | None:
        """Return the unpaid order that was placed from this cart, or None."""
        return Order.objects.filter(number=self.session.get(ORDER_KEY), state=Order.State.NEW).first()

    def bind(self, order: Order) -> None:
        """Remember that `order` was placed from this cart, so that a second checkout updates it."""
        self.session[ORDER_KEY] = order.number

    def set(self, product: Product, quantity: int) -> int:
        """Set the quantity of a product, limited by the stock; 0 removes it. Return the new quantity."""
        quantity = max(0, min(quantity, product.maximum_quantity))
        quantities = {**self._quantities(), str(product.pk): quantity}
        self.session[SESSION_KEY] = {key: number for key, number in quantities.items() if number}
        self._lines = None
        return quantity

    def add(self, product: Product, quantity: int) -> int:
        return self.set(product, self._quantities().get(str(product.pk), 0) + quantity)

    def clear(self) -> None:
        self.session.pop(SESSION_KEY, None)
        self.session.pop(ORDER_KEY, None)
        self._lines = None

    @property
    def lines(self) -> list[CartLine]:
        """The products in the cart that are available, in catalogue order."""
        if self._lines is None:
            quantities = self._quantities()
            products = Product.objects.filter(pk__in=quantities, is_available=True) if quantities else []
            lines = (
                CartLine(
                    product=product,
                    quantity=min(quantities[str(product.pk)], product.maximum_quantity),
                    currency=self.currency,
                )
                for product in products
            )
            self._lines = [line for line in lines if line.quantity]
        return self._lines

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def is_recurring(self) -> bool:
        """Whether it contains a subscription, which needs an account."""
        return any(line.product.interval for line in self.lines)

    @property
    def count(self) -> int:
        """The number of items, from the session alone, because every page shows it."""
        return sum(self._quantities().values())

    def __iter__(self) -> Iterator[CartLine]:
        return iter(self.lines)

    def __bool__(self) -> bool:
        return bool(self.lines)

"""The cart: product ids and quantities in the visitor's session, and the order it has become."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest

from example_project.shop.models import Order, Product

SESSION_KEY = "cart"
ORDER_KEY = "cart_order"


@dataclass(frozen=True, slots=True, kw_only=True)
class CartLine:
    """A product in the cart, at today's price."""

    product: Product
    quantity: int

    @property
    def total(self) -> Decimal:
        return self.product.price * self.quantity

    @property
    def is_full(self) -> bool:
        return self.quantity >= self.product.maximum_quantity


class Cart:
    """The visitor's cart. It outlives the walk to the payment page and back, and ends when its order is paid."""

    def __init__(self, request: HttpRequest) -> None:
        self.session = request.session
        self._lines: list[CartLine] | None = None
        if self._is_settled():
            self.clear()

    def _quantities(self) -> dict[str, int]:
        quantities: dict[str, int] = self.session.get(SESSION_KEY, {})
        return quantities

    def _is_settled(self) -> bool:
        """Whether the order made from this cart no longer waits for the shopper."""
        number = self.session.get(ORDER_KEY)
        return bool(number) and not Order.objects.filter(number=number, state=Order.State.NEW).exists()

    def find_order(self) -> Order | None:
        """Return the unpaid order that this cart has become before, or None."""
        return Order.objects.filter(number=self.session.get(ORDER_KEY), state=Order.State.NEW).first()

    def bind(self, order: Order) -> None:
        """Remember that this cart has become `order`, so that a second checkout changes it and makes no other."""
        self.session[ORDER_KEY] = order.number

    def set(self, product: Product, quantity: int) -> int:
        """Put `quantity` of the product into the cart, 0 for none, and return what is in it now."""
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
        """What can be bought of what is in the cart, in the order of the shelf."""
        if self._lines is None:
            quantities = self._quantities()
            products = Product.objects.filter(pk__in=quantities, is_available=True) if quantities else []
            lines = (
                CartLine(product=product, quantity=min(quantities[str(product.pk)], product.maximum_quantity))
                for product in products
            )
            self._lines = [line for line in lines if line.quantity]
        return self._lines

    @property
    def total(self) -> Decimal:
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def is_recurring(self) -> bool:
        """Whether something in it is sent again and again, which needs an account."""
        return any(line.product.interval for line in self.lines)

    @property
    def count(self) -> int:
        """How many things are in the cart; read from the session alone, as every page shows it."""
        return sum(self._quantities().values())

    def __iter__(self) -> Iterator[CartLine]:
        return iter(self.lines)

    def __bool__(self) -> bool:
        return bool(self.lines)

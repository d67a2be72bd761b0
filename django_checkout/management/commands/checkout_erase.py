"""``checkout_erase``: erase the personal data of an order or a user."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from django_checkout.management.arguments import COULD_NOT_RUN, command_errors
from django_checkout.models import Order
from django_checkout.operations import erasure


class Command(BaseCommand):
    """Erase personal data; amounts, dates, ids and items sold are kept."""

    help = (
        "Erases the personal data of an order, or of all orders of a user: name, email and postal address, phone "
        "number and other input on the payment page, including in stored requests, events and API responses. Amounts, "
        "dates, Stripe IDs and items sold are kept. Orders that can still be paid are refused. Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--order", help="The reference of the order.")
        which.add_argument("--user", help="The username or primary key of the user.")
        parser.add_argument("--dry-run", action="store_true", help="Count what would be erased without erasing it.")
        parser.add_argument(
            "--redact",
            action="store_true",
            help="Also list the objects to redact at Stripe, because the API cannot redact them, and exit with code 2.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        with command_errors():
            orders, user = self._find(options)
            objects = [erasure.objects_of(order) for order in orders]
            if user is not None:
                objects.append({"customers": erasure.customers_of(user)})
                erased = erasure.erase_user(user, is_dry=is_dry)
            else:
                erased = erasure.erase_order(orders[0], is_dry=is_dry)
            verb = "would be erased" if is_dry else "erased"
            counts = f"{erased.orders} orders, {erased.sessions} sessions, {erased.events} events"
            self.stdout.write(f"Personal data {verb} from {counts}, {erased.answers} API responses.")
            if options["redact"]:
                for name in sorted({name for ids in objects for name in ids}):
                    found = sorted({stripe_id for ids in objects for stripe_id in ids.get(name, ())})
                    self.stdout.write(f"{name}: {' '.join(found)}")
                if not is_dry:
                    erasure.refuse_redaction()

    def _find(self, options: dict[str, Any]) -> tuple[list[Order], Any]:
        if options["order"] is None:
            user = erasure.find_user(options["user"])
            return list(Order.objects.filter(user=user)), user
        order = Order.objects.filter(reference=options["order"]).first()
        if order is None:
            raise CommandError(f"There is no order {options['order']}.", returncode=COULD_NOT_RUN)
        return [order], None

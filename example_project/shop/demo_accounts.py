"""The accounts of the demo: a merchant for the admin and a shopper."""

from __future__ import annotations

from django.contrib.auth import get_user_model

#: Of both accounts. They exist in the demo's own database only, and the demo prints them when it starts.
PASSWORD = "tea-and-slip"  # noqa: S105
ADMIN = {"username": "admin", "email": "admin@example.com", "is_staff": True, "is_superuser": True}
SHOPPER = {"username": "robin", "email": "robin@example.com", "first_name": "Robin", "last_name": "Vale"}


def make_accounts() -> list[tuple[str, str, str]]:
    """Create the accounts that are missing; return the title, user name and password of each."""
    users = get_user_model()._default_manager
    accounts = []
    for title, account in (("Merchant", ADMIN), ("Shopper", SHOPPER)):
        user, created = users.get_or_create(username=account["username"], defaults=account)
        if created:
            user.set_password(PASSWORD)
            user.save(update_fields=["password"])
        known = user.check_password(PASSWORD)
        accounts.append((title, str(account["username"]), PASSWORD if known else "the password you set"))
    return accounts

"""``python -m tests.api.write_document``: bring the committed OpenAPI document up to date."""

from __future__ import annotations

import os

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()

    from django_checkout.api import document

    document.write()

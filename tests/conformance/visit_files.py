"""Example calls for files and their links."""

from __future__ import annotations

import io

import stripe

from django_checkout.emulator import Emulator


def visit(client: stripe.StripeClient, emulator: Emulator) -> None:
    v1 = client.v1
    file = v1.files.create(
        {
            "purpose": "dispute_evidence",
            "file": io.BytesIO(b"%PDF-1.4"),
            "file_link_data": {"create": True, "metadata": {"a": "b"}},
        }
    )
    v1.files.retrieve(file.id, {"expand": ["links"]})
    v1.files.list({"purpose": "dispute_evidence"})
    link = v1.file_links.create({"file": file.id, "expand": ["file"]})
    v1.file_links.update(link.id, {"expires_at": "now", "metadata": {"a": "b"}})
    v1.file_links.retrieve(link.id)
    v1.file_links.list({"file": file.id, "expired": True, "expand": ["data.file"]})

"""Files: uploaded to their own host, downloaded with the key or by link, and evidence of disputes."""

from __future__ import annotations

import io
from urllib.parse import urlsplit

import pytest
import requests
import stripe

from django_checkout.emulator import Emulator, requests_session
from django_checkout.emulator.reference.versions import PLAYED
from django_checkout.emulator.server import EmulatorServer
from tests.serving import serving

#: With what looks like a delimiter, and both line ends.
PDF = b"%PDF-1.4\r\n--boundary\r\n\x00\xff\n\n--\r\n"
KEY = {"Authorization": "Bearer sk_test_tests"}


def document(content=PDF, name="/tmp/tea receipt.pdf"):  # noqa: S108  # a name, not a file
    file = io.BytesIO(content)
    file.name = name
    return file


@pytest.fixture
def upload(client):
    def send(version=PLAYED[0], **params):
        params = {"purpose": "dispute_evidence", "file": document(), **params}
        return client.v1.files.create(params, {"stripe_version": version})

    return send


@pytest.fixture
def fetch(emulator):
    session = requests_session(emulator)
    return lambda url, **options: session.get(url, **options)


@pytest.mark.parametrize("version", PLAYED)
def test_file_is_uploaded_and_downloaded_with_the_key(client, emulator, upload, fetch, version):
    file = upload(version)

    assert (file.filename, file.type, file.size) == ("tea receipt.pdf", "pdf", len(PDF))
    assert file.expires_at - file.created == 270 * 24 * 3600
    assert urlsplit(file.url).netloc == "files.stripe.com"
    downloaded = fetch(file.url, headers=KEY)
    assert (downloaded.content, downloaded.headers["Content-Type"]) == (PDF, "application/pdf")
    assert fetch(file.url).status_code == 401
    assert [found.id for found in client.v1.files.list({"purpose": "dispute_evidence"}).data] == [file.id]
    assert [event["data"]["object"]["id"] for event in emulator.events("file.created")] == [file.id]


def test_link_downloads_without_a_key_until_it_expires(client, emulator, upload, fetch):
    file = upload(file_link_data={"create": True, "expires_at": emulator.clock.now() + 60, "metadata": {"a": "b"}})

    (link,) = file.links.data
    assert fetch(link.url).content == PDF
    emulator.clock.advance(61)

    assert fetch(link.url).status_code == 404
    shown = client.v1.file_links.retrieve(link.id, {"expand": ["file"]})
    assert (shown.expired, shown.metadata.to_dict(), shown.file.id) == (True, {"a": "b"}, file.id)
    assert client.v1.files.retrieve(file.id).links.data[0].expired
    assert [found.id for found in client.v1.file_links.list({"expired": True, "file": file.id}).data] == [link.id]


def test_link_is_ended_at_once_and_renewed(client, emulator, upload, fetch):
    link = client.v1.file_links.create({"file": upload().id})
    assert (link.expires_at, fetch(link.url).status_code) == (None, 200)

    ended = client.v1.file_links.update(link.id, {"expires_at": "now"})

    assert (ended.expired, fetch(link.url).status_code) == (True, 404)
    client.v1.file_links.update(link.id, {"expires_at": emulator.clock.now() + 60})
    assert fetch(link.url).status_code == 200


def test_content_is_gone_once_the_file_has_expired(client, emulator, upload, fetch):
    file = upload()
    link = client.v1.file_links.create({"file": file.id})

    emulator.clock.advance(271 * 24 * 3600)

    assert (fetch(link.url).status_code, fetch(file.url, headers=KEY).status_code) == (404, 404)


def test_dispute_is_answered_with_a_file(client, emulator, paid, upload):
    dispute = emulator.open_dispute(paid())["id"]

    answered = client.v1.disputes.update(dispute, {"evidence": {"receipt": upload().id}})

    assert (answered.status, answered.evidence_details.submission_count) == ("under_review", 1)


def test_repeated_upload_returns_the_same_file(client):
    files = [
        client.v1.files.create({"purpose": "dispute_evidence", "file": document()}, {"idempotency_key": "upload-1"})
        for _ in range(2)
    ]

    assert files[0].id == files[1].id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.files.create({"purpose": "pci_document", "file": document()}, {"idempotency_key": "upload-1"})


def test_file_for_another_purpose_is_not_implemented(upload):
    with pytest.raises(stripe.APIError, match="the value identity_document of purpose"):
        upload(purpose="identity_document")


def test_file_without_a_format_is_refused(upload):
    with pytest.raises(stripe.InvalidRequestError, match="application/pdf, image/jpeg, image/png"):
        upload(file=document(b""))


def test_table_without_a_mark_is_told_by_its_name(upload):
    file = upload(purpose="tax_document_user_upload", file=document(b"year,sum\n2026,1\n", "sums.csv"))

    assert (file.type, file.expires_at) == ("csv", None)


def test_file_is_uploaded_over_http(tmp_path):
    emulator = Emulator(store=str(tmp_path / "store.sqlite3"))
    with serving(EmulatorServer(("127.0.0.1", 0), emulator)) as server:
        client = stripe.StripeClient("sk_test_tests", base_addresses={"api": server.url, "files": server.url})
        content = PDF + bytes(4 * 1024**2)
        file = client.v1.files.create({"purpose": "dispute_evidence", "file": document(content)})

        assert requests.get(file.url, headers=KEY, timeout=30).content == content
    emulator.close()

"""Files and file links. https://docs.stripe.com/file-upload"""

from __future__ import annotations

import base64
from functools import partial

from django_checkout.emulator.api.calls import Call, Route, list_kind, list_of, retrieve
from django_checkout.emulator.api.params import defer
from django_checkout.emulator.ids import random_text
from django_checkout.emulator.messages import ApiError, Doc, Response, missing_object
from django_checkout.emulator.state.state import State

KIND, LINK, CONTENT = "file", "file_link", "_file_content"
DAY_SECONDS = 24 * 3600
#: Formats, bytes and seconds until it expires, or 0, by purpose. https://docs.stripe.com/file-upload#uploading-a-file
PURPOSES = {
    "business_icon": ("jpg png gif", 512 * 1024, 0),
    "business_logo": ("jpg png gif", 512 * 1024, 0),
    "customer_signature": ("jpg png svg", 4 * 1024**2, 7 * DAY_SECONDS),
    # Nine months: 270 days in the example of https://docs.stripe.com/api/files/object.
    "dispute_evidence": ("pdf jpg png", 5 * 1024**2, 270 * DAY_SECONDS),
    "pci_document": ("pdf", 16 * 1024**2, 0),
    "tax_document_user_upload": ("pdf csv jpg png xlsx docx", 16 * 1024**2, 0),
}
TYPES = {
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "gif": "image/gif",
    "jpg": "image/jpeg",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: The beginning of files whose format their content tells. The name tells that of others.
MAGIC = {b"%PDF": "pdf", b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif"}
TEXTS = ("csv", "svg")
ZIPPED = ("docx", "xlsx")


def create(call: Call) -> Doc:
    """POST /v1/files. Stripe's libraries send it to another host than other requests: ``files.stripe.com``."""
    state, params = call.state, call.params
    upload, purpose = params["file"], params["purpose"]
    formats, limit, life = PURPOSES[purpose]
    kind = _format(upload.name, upload.content)
    if kind not in formats.split():
        # stripe/stripe-dotnet#1278
        types = ", ".join(sorted(TYPES[name] for name in formats.split()))
        message = "We don't currently support that file type. Try uploading a file with one of the following mimetypes:"
        raise ApiError(f"{message} {types}.", param="file")
    if len(upload.content) > limit:
        raise ApiError(f"The file you uploaded is too large: it must be at most {limit:,} bytes.", param="file")
    file = state.new(
        KIND,
        expires_at=state.clock.now() + life if life else None,
        filename=upload.name,
        purpose=purpose,
        size=len(upload.content),
        title=None,
        type=kind,
    )
    del file["livemode"]
    file["url"] = f"{call.base_url}/v1/files/{file['id']}/contents"
    file["links"] = list_of([], f"/v1/file_links?file={file['id']}")
    state.store.insert(file)
    content = base64.b64encode(upload.content).decode()
    state.store.insert({"id": _content_id(file), "object": CONTENT, "content": content})
    link = params.get("file_link_data", {})
    defer({"link": link}, "link")
    if link.get("create"):
        _new_link(call, file, link, "file_link_data[expires_at]")
        file = state.get(KIND, file["id"])
    state.emit("file.created", file)
    return file


def contents(call: Call) -> Response:
    """GET /v1/files/:file/contents. Downloads a file, with the secret key."""
    return _download(call.state, call.target(KIND))


def download(state: State, code: str) -> Response | None:
    """Return the file of a link that is still valid, or None. It needs no key."""
    link = next(iter(state.store.select(LINK, {"_code": code})), None)
    if link is None or link["expired"]:
        return None
    return _download(state, state.get(KIND, link["file"]))


def expire_link(state: State, link: Doc) -> None:
    """Mark a link whose time has come as expired."""
    if link["expires_at"] is not None and link["expires_at"] <= state.clock.now():
        _save(state, {**link, "expired": True})


def create_link(call: Call) -> Doc:
    """POST /v1/file_links."""
    file = call.state.get(KIND, call.params["file"], "file")
    return _new_link(call, file, call.params, "expires_at")


def update_link(call: Call) -> Doc:
    """POST /v1/file_links/:link. ``expires_at: now`` ends a link at once."""
    state, link = call.state, call.target(LINK)
    changes = call.changes(link, "expires_at")
    if changes.get("expires_at") == "now":
        changes |= {"expires_at": state.clock.now(), "expired": True}
    elif "expires_at" in changes:
        _check_future(state, changes["expires_at"], "expires_at")
        changes["expired"] = False
    return _save(state, {**link, **changes})


def _new_link(call: Call, file: Doc, params: Doc, param: str) -> Doc:
    state, expires_at = call.state, params.get("expires_at")
    _check_future(state, expires_at, param)
    code = random_text(48)
    link = state.new(
        LINK,
        expired=False,
        expires_at=expires_at,
        file=file["id"],
        metadata=params.get("metadata") or {},
        url=f"{call.base_url}/links/{code}",
        _code=code,
    )
    state.store.insert(link)
    return _save(state, link)


def _save(state: State, link: Doc) -> Doc:
    """Store a link, and show it in its file."""
    state.store.save(link)
    if link["expires_at"] and not link["expired"]:
        state.schedule("expire_file_link", link["id"], link["expires_at"])
    file = state.get(KIND, link["file"])
    links = [
        {name: value for name, value in one.items() if name[0] != "_"}
        for one in state.store.select(LINK, {"file": file["id"]})
    ]
    file["links"] = {**file["links"], "data": links[:10], "has_more": len(links) > 10}
    state.store.save(file)
    return link


def _check_future(state: State, expires_at: int | None, param: str) -> None:
    if expires_at is not None and expires_at <= state.clock.now():
        raise ApiError("The link must expire in the future.", param=param)


def _download(state: State, file: Doc) -> Response:
    stored = state.store.find(_content_id(file), CONTENT)
    if stored is None or (file["expires_at"] or state.clock.now() + 1) <= state.clock.now():
        raise missing_object("file", file["id"], "file", status=404)
    headers = {
        "Content-Type": TYPES[file["type"]],
        "Content-Disposition": "attachment",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(status=200, headers=headers, body=base64.b64decode(stored["content"]))


def _format(name: str, content: bytes) -> str:
    """Return the format of a file: of its content, or for formats without a mark of their own, of its name."""
    for beginning, kind in MAGIC.items():
        if content.startswith(beginning):
            return kind
    suffix = name.rpartition(".")[2].lower()
    is_zip = content.startswith(b"PK\x03\x04")
    return suffix if content and suffix in (ZIPPED if is_zip else TEXTS) else ""


def _content_id(file: Doc) -> str:
    return f"content:{file['id']}"


EXPANDABLE = {LINK: ("file",), KIND: ("links",)}
_PURPOSES = {"purpose": " ".join(PURPOSES)}
ROUTES = {
    "GET /v1/files": Route(partial(list_kind, KIND, "purpose")),
    "POST /v1/files": Route(create, "", _PURPOSES),
    "GET /v1/files/{file}": Route(partial(retrieve, KIND)),
    "GET /v1/file_links": Route(partial(list_kind, LINK, "expired file")),
    "POST /v1/file_links": Route(create_link),
    "GET /v1/file_links/{link}": Route(partial(retrieve, LINK)),
    "POST /v1/file_links/{link}": Route(update_link),
}
#: Stripe's document has the URL, and not the operation.
UNDOCUMENTED = {"GET /v1/files/{file}/contents": Route(contents)}

"""Downloads by file links, without a key."""

from __future__ import annotations

from django_checkout.emulator.api.resources import files
from django_checkout.emulator.messages import ApiError, Request, Response
from django_checkout.emulator.state.state import State


class FileDownloads:
    """Answers ``/links/<code>``."""

    def __init__(self, state: State) -> None:
        self._state = state

    def answer(self, request: Request) -> Response:
        """Return the file, or 404 once the link or the file has expired."""
        try:
            with self._state.transaction():
                found = files.download(self._state, request.path.strip("/").partition("/")[2])
        except ApiError:
            found = None
        return found or Response(status=404, headers={"Content-Type": "text/plain"}, body=b"Not found")

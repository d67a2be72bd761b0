"""The application; with ``BENCHMARK_PROFILE`` each worker writes its profile to that path and its process id."""

from __future__ import annotations

import atexit
import cProfile
import os
from typing import Any

from django.core.wsgi import get_wsgi_application

from tests.benchmarks.instant_stripe import mount

_django = get_wsgi_application()
mount({})
_profiler = cProfile.Profile() if "BENCHMARK_PROFILE" in os.environ else None


def application(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer a request."""
    if _profiler is None:
        return _django(environ, start_response)
    return _profiler.runcall(_django, environ, start_response)


if _profiler is not None:
    profiler = _profiler
    atexit.register(lambda: profiler.dump_stats(f"{os.environ['BENCHMARK_PROFILE']}.{os.getpid()}"))

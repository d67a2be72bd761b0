from __future__ import annotations

from django.core.wsgi import get_wsgi_application

from tests.benchmarks.peers.djstripe_site.stripe import mount

application = get_wsgi_application()
mount()

"""The base view of the API: JSON in and out, problem documents, throttles, the request's language, no caching."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

from django.utils import translation
from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from django_checkout.api import problems
from django_checkout.api.idempotency import principal
from django_checkout.api.schema import CheckoutSchema
from django_checkout.api.throttling import CheckoutThrottle
from django_checkout.exceptions import OrderNotFoundError, ParameterError
from django_checkout.models import Order
from django_checkout.pages.responses import endpoint
from django_checkout.services.inputs import read_json

#: The largest body that is read: enough for a hundred order lines with every field.
MAXIMUM_BYTES = 1024 * 1024
#: The header with the signed token of an order, for guests.
TOKEN_HEADER = "Checkout-Token"  # noqa: S105  # a header's name


class AlwaysJson(BaseContentNegotiation):
    """Ignores ``Accept``: JSON is the only representation."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return next((parser for parser in parsers if _is_json(request.content_type or "")), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class StrictJsonParser(JSONParser):
    """Parses JSON with ``read_json``, up to ``MAXIMUM_BYTES``."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return read_json(stream.read(MAXIMUM_BYTES + 1), maximum_bytes=MAXIMUM_BYTES)
        except ParameterError as error:
            raise ParseError(f"JSON parse error - {error}") from error


class CheckoutView(APIView):
    """A view of the API. The host's DRF settings authenticate; every other setting of DRF is ours.

    A view runs outside transactions, because services that call Stripe must.
    """

    parser_classes = [StrictJsonParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson
    throttle_classes = [CheckoutThrottle]
    permission_classes: Any = []
    schema = CheckoutSchema()
    #: Throttle scopes: of GET, and of every other method.
    read_scope: ClassVar[str] = "checkout_read"
    write_scope: ClassVar[str] = "checkout_write"
    #: Whether problem documents have the details that only staff may read.
    is_for_staff: ClassVar[bool] = False
    #: For Cache-Control.
    caching: ClassVar[str] = "no-store"
    request: Request

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        return endpoint(super().as_view(**initkwargs))

    @property
    def throttle_scope(self) -> str:
        """The scope that DRF's throttle reads."""
        return self.read_scope if self.request.method in ("GET", "HEAD", "OPTIONS") else self.write_scope

    def get_authenticators(self) -> list[Any]:
        # Read per request, so that a test can change the setting.
        classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
        return [authenticator() for authenticator in classes]

    def get_exception_handler(self) -> Callable[..., Response | None]:
        return problems.handle

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with translation.override(translation.get_language_from_request(request)):
            response = super().dispatch(request, *args, **kwargs)
            if hasattr(response, "render"):
                response.render()
            response.headers.setdefault("Content-Language", translation.get_language() or "")
        response.headers.setdefault("Cache-Control", self.caching)
        patch_vary_headers(response, ("Accept-Language", TOKEN_HEADER))
        return response

    @property
    def order_token(self) -> str:
        """The signed token of the request, or ""."""
        return self.request.headers.get(TOKEN_HEADER, "")

    #: Whether this request retries one that was interrupted, with the same ``Idempotency-Key``.
    is_repeat = False

    def authorize(self) -> str:
        """Return the principal that an ``Idempotency-Key`` belongs to, if it may make this request now.

        Raises:
            CheckoutError: it may not.
        """
        return principal(self.request)

    def strip_secrets(self, body: Any) -> Any:
        """Return the parts of a response body that may be stored."""
        return body

    def restore(self, body: Any, answered_at: datetime) -> Any:
        """Return a stored body as it is sent when the request is repeated."""
        return body

    def read(self, serializer_class: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """Return the validated body.

        Raises:
            ValidationError: 400, with a pointer to each field that is invalid.
        """
        serializer = serializer_class(data=self.request.data, context={"request": self.request})
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class IsStaff(BasePermission):
    """Staff with the permissions that the view names for the method: ``permissions = {"POST": ("refund_order",)}``."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user = request.user
        if not (user and user.is_authenticated and user.is_staff):
            return False
        names = view.permissions.get(request.method, view.permissions["GET"])
        return all(user.has_perm(f"django_checkout.{name}") for name in names)


def is_staff_with(request: Request, permission: str) -> bool:
    """Whether the request is made by a staff user with this permission of the app."""
    user = request.user
    return bool(user and user.is_authenticated and user.is_staff and user.has_perm(f"django_checkout.{permission}"))


def get_order(reference: str) -> Order:
    """Return the order with this reference, for staff.

    Raises:
        OrderNotFoundError: there is none.
    """
    order = Order.objects.filter(reference=reference).first()
    if order is None:
        raise OrderNotFoundError("The order does not exist.")
    return order


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"

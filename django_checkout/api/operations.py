"""Reconciliation, figures and health, for staff and their monitors."""

from __future__ import annotations

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout import figures, health, reconcile
from django_checkout.api import inputs, staff_serializers
from django_checkout.api.idempotency import idempotent
from django_checkout.api.schema import operation
from django_checkout.api.staff import StaffListView, StaffView, get_order
from django_checkout.exceptions import DiscrepancySettledError
from django_checkout.models import Discrepancy, ReconciliationRun
from django_checkout.models.news import DiscrepancyState
from django_checkout.models.payouts import RunState
from django_checkout.reconcile import decisions


class Runs(StaffListView):
    """The diary of reconciliation, and the start of a run."""

    permissions = {"GET": ("view_reconciliationrun",), "POST": ("view_reconciliationrun", "operate_order")}
    serializer_class = staff_serializers.RunSerializer
    filters = {"scope": "scope", "state": "state"}
    choices = {"state": {"enum": list(RunState.values)}}

    @operation(
        "list_runs", "List runs of reconciliation", answers=staff_serializers.RunSerializer, is_list=True, is_staff=True
    )
    def get(self, request: Request) -> Response:
        return self.page(ReconciliationRun.objects.all())

    @operation(
        "reconcile",
        "Compare Stripe with what is recorded",
        takes=inputs.ReconcileInput,
        answers=staff_serializers.ReportSerializer,
        calls_stripe=True,
        refusals=("order_not_found", "run_busy"),
        is_staff=True,
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        wanted = self.read(inputs.ReconcileInput)
        order = get_order(wanted.pop("order")) if "order" in wanted else None
        return Response(staff_serializers.ReportSerializer(reconcile.run(order=order, **wanted)).data)


class Run(StaffView):
    """One run."""

    permissions = {"GET": ("view_reconciliationrun",)}

    @operation(
        "read_run",
        "Read a run of reconciliation",
        answers=staff_serializers.RunSerializer,
        refusals=("not_found",),
        is_staff=True,
    )
    def get(self, request: Request, run_id: int) -> Response:
        run = ReconciliationRun.objects.filter(pk=run_id).first()
        if run is None:
            raise Http404
        return Response(staff_serializers.RunSerializer(run).data)


class Discrepancies(StaffListView):
    """The work list."""

    permissions = {"GET": ("view_discrepancy",)}
    serializer_class = staff_serializers.DiscrepancySerializer
    filters = {"state": "state", "kind": "kind", "order": "order__reference"}
    choices = {"state": {"enum": list(DiscrepancyState.values)}}
    search = ("subject", "order__reference__startswith")

    @operation(
        "list_discrepancies",
        "List what differs from Stripe",
        answers=staff_serializers.DiscrepancySerializer,
        is_list=True,
        is_staff=True,
    )
    def get(self, request: Request) -> Response:
        return self.page(Discrepancy.objects.select_related("order"))


class _Decision(StaffView):
    permissions = {"GET": ("view_discrepancy", "operate_order")}

    def show(self, discrepancy_id: int, *, is_changed: bool) -> Response:
        row = Discrepancy.objects.select_related("order").filter(pk=discrepancy_id).first()
        if row is None:
            raise Http404
        if not is_changed:
            raise DiscrepancySettledError("It is not in the state that this decision is about.")
        return Response(staff_serializers.DiscrepancySerializer(row).data)


class ResolveDiscrepancy(_Decision):
    """A difference, taken off the work list."""

    @operation(
        "resolve_discrepancy",
        "Take a difference off the work list",
        takes=inputs.DecisionInput,
        answers=staff_serializers.DiscrepancySerializer,
        refusals=("not_found", "discrepancy_settled"),
        is_staff=True,
    )
    @idempotent(in_transaction=True)
    def post(self, request: Request, discrepancy_id: int) -> Response:
        wanted = self.read(inputs.DecisionInput)
        state = DiscrepancyState(wanted["outcome"])
        is_changed = decisions.settle(discrepancy_id, state, note=wanted["note"], by=request.user)
        return self.show(discrepancy_id, is_changed=is_changed)


class ReopenDiscrepancy(_Decision):
    """A difference, put back on the work list."""

    @operation(
        "reopen_discrepancy",
        "Put a difference back on the work list",
        takes=inputs.EmptyInput,
        answers=staff_serializers.DiscrepancySerializer,
        refusals=("not_found", "discrepancy_settled"),
        is_staff=True,
    )
    @idempotent(in_transaction=True)
    def post(self, request: Request, discrepancy_id: int) -> Response:
        self.read(inputs.EmptyInput)
        return self.show(discrepancy_id, is_changed=decisions.reopen(discrepancy_id))


class Figures(StaffView):
    """The dashboard: twelve queries."""

    @operation("read_figures", "Read the dashboard", answers=staff_serializers.FiguresSerializer, is_staff=True)
    def get(self, request: Request) -> Response:
        return Response(staff_serializers.FiguresSerializer(figures.dashboard()).data)


class Health(StaffView):
    """How much waits or fails: always 200, for people; monitors ask ``/checkout/health/``."""

    @operation("read_health", "Read how much waits", answers=staff_serializers.HealthSerializer, is_staff=True)
    def get(self, request: Request) -> Response:
        return Response(staff_serializers.HealthSerializer(health.report()).data)

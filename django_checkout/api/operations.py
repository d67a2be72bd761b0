"""Reconciliation, statistics and health, for staff."""

from __future__ import annotations

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from django_checkout import reconcile
from django_checkout.api import inputs, staff_serializers
from django_checkout.api.base import get_order
from django_checkout.api.idempotency import idempotent
from django_checkout.api.schema import staff_operation
from django_checkout.api.staff import StaffListView, StaffView
from django_checkout.exceptions import DiscrepancySettledError
from django_checkout.models import Discrepancy, ReconciliationRun
from django_checkout.models.reconciliation import DiscrepancyState, RunState
from django_checkout.operations import health, statistics
from django_checkout.reconcile import discrepancies


class Runs(StaffListView):
    """Lists the runs of reconciliation and starts one."""

    permissions = {"GET": ("view_reconciliationrun",), "POST": ("view_reconciliationrun", "operate_order")}
    serializer_class = staff_serializers.RunSerializer
    filters = {"scope": "scope", "state": "state"}
    choices = {"state": {"enum": list(RunState.values)}}

    @staff_operation("list_runs", "List reconciliation runs", response=staff_serializers.RunSerializer, is_list=True)
    def get(self, request: Request) -> Response:
        return self.page(ReconciliationRun.objects.all())

    @staff_operation(
        "reconcile",
        "Start a reconciliation run",
        request=inputs.ReconcileInput,
        response=staff_serializers.ReportSerializer,
        calls_stripe=True,
        errors=("order_not_found", "run_busy"),
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        data = self.read(inputs.ReconcileInput)
        order = get_order(data.pop("order")) if "order" in data else None
        return Response(staff_serializers.ReportSerializer(reconcile.run(order=order, **data)).data)


class Run(StaffView):
    """Returns a run of reconciliation."""

    permissions = {"GET": ("view_reconciliationrun",)}

    @staff_operation(
        "read_run", "Get a reconciliation run", response=staff_serializers.RunSerializer, errors=("not_found",)
    )
    def get(self, request: Request, run_id: int) -> Response:
        run = ReconciliationRun.objects.filter(pk=run_id).first()
        if run is None:
            raise Http404
        return Response(staff_serializers.RunSerializer(run).data)


class Discrepancies(StaffListView):
    """Lists the discrepancies that reconciliation has found."""

    permissions = {"GET": ("view_discrepancy",)}
    serializer_class = staff_serializers.DiscrepancySerializer
    filters = {"state": "state", "kind": "kind", "order": "order__reference"}
    choices = {"state": {"enum": list(DiscrepancyState.values)}}
    search = ("subject", "order__reference__startswith")

    @staff_operation(
        "list_discrepancies", "List discrepancies", response=staff_serializers.DiscrepancySerializer, is_list=True
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
            raise DiscrepancySettledError("The discrepancy is not in a state that allows this decision.")
        return Response(staff_serializers.DiscrepancySerializer(row).data)


class ResolveDiscrepancy(_Decision):
    """Settles a discrepancy."""

    @staff_operation(
        "resolve_discrepancy",
        "Resolve or ignore a discrepancy",
        request=inputs.DecisionInput,
        response=staff_serializers.DiscrepancySerializer,
        errors=("not_found", "discrepancy_settled"),
    )
    @idempotent(in_transaction=True)
    def post(self, request: Request, discrepancy_id: int) -> Response:
        data = self.read(inputs.DecisionInput)
        state = DiscrepancyState(data["outcome"])
        is_changed = discrepancies.settle(discrepancy_id, state, note=data["note"], by=request.user)
        return self.show(discrepancy_id, is_changed=is_changed)


class ReopenDiscrepancy(_Decision):
    """Reopens a discrepancy."""

    @staff_operation(
        "reopen_discrepancy",
        "Reopen a discrepancy",
        request=inputs.EmptyInput,
        response=staff_serializers.DiscrepancySerializer,
        errors=("not_found", "discrepancy_settled"),
    )
    @idempotent(in_transaction=True)
    def post(self, request: Request, discrepancy_id: int) -> Response:
        self.read(inputs.EmptyInput)
        return self.show(discrepancy_id, is_changed=discrepancies.reopen(discrepancy_id))


class Figures(StaffView):
    """Returns the statistics of the dashboard."""

    @staff_operation(
        "read_figures", "Get the statistics of the dashboard", response=staff_serializers.FiguresSerializer
    )
    def get(self, request: Request) -> Response:
        return Response(staff_serializers.FiguresSerializer(statistics.dashboard()).data)


class Health(StaffView):
    """Returns the state of webhook processing, always with 200. Monitors use ``/checkout/health/``."""

    @staff_operation("read_health", "Get the state of webhook processing", response=staff_serializers.HealthSerializer)
    def get(self, request: Request) -> Response:
        return Response(staff_serializers.HealthSerializer(health.evaluate()).data)

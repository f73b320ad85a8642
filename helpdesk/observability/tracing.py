"""Traces over OTLP: the request, the jobs it asked for and the calls of models they made, as one trace.

Off unless ATUM_TRACES_ENDPOINT names a collector; then the packages of the extra `tracing` are needed. The parent of a
step is the origin of the work in hand, and inside a step it is the step itself: what crosses the queue in
`job_queue.trace_parent` is all that a worker needs to go on with the trace. A step carries ids and names, never text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, ClassVar, Literal

from helpdesk.observability import origin

Kind = Literal["server", "consumer", "client", "internal"]
_FLUSH_MS = 3000


class Step:
    """A step of a trace that is under way; without tracing, nothing at all."""

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def told(self, *, name: str | None = None, failed: str | None = None, **attributes: Any) -> None:
        """Add what has turned out: a better name, attributes, or in a word why it failed."""
        if self._span is None:
            return
        if name:
            self._span.update_name(name)
        if failed:
            _set_failed(self._span, failed)
        self._span.set_attributes(_named(attributes))


class _Tracing:
    """The tracer of this process, once there is one."""

    tracer: ClassVar[Any] = None


# The same for all: it has nothing to remember.
NO_STEP = nullcontext(Step())


def is_on() -> bool:
    """Return whether steps are sent anywhere."""
    return _Tracing.tracer is not None


def parent_for(given: str | None) -> str | None:
    """Return what a request's steps hang from: the caller's `traceparent`; without tracing, an id of our own in it."""
    if _Tracing.tracer is None:
        return origin.trace_parent_for(given)
    return given if origin.Origin(trace_parent=given).trace_id else None


def step(name: str, *, kind: Kind = "internal", **attributes: Any) -> AbstractContextManager[Step]:
    """Be a step of the trace in hand, or the first of a new one, while the context lasts.

    An exception that leaves it marks the step as failed by its type; its text may hold what somebody wrote.
    """
    return _under_way(name, kind, attributes) if is_on() else NO_STEP


@contextmanager
def _under_way(name: str, kind: Kind, attributes: Mapping[str, Any]) -> Iterator[Step]:
    from opentelemetry.trace import SpanKind  # noqa: PLC0415

    here = origin.current()
    span = _Tracing.tracer.start_span(
        name, context=_context_of(here.trace_parent), kind=SpanKind[kind.upper()], attributes=_named(attributes)
    )
    under_way = Step(span)
    try:
        with origin.entered(origin.Origin(here.request_id, _trace_parent_of(span))):
            yield under_way
    except BaseException as error:
        under_way.told(failed=type(error).__name__)
        raise
    finally:
        span.end()


def _set_failed(span: Any, failed: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    span.set_status(Status(StatusCode.ERROR, failed))


def _named(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes by the names of OpenTelemetry: `http__route` is `http.route`; None is left out."""
    return {name.replace("__", "."): value for name, value in attributes.items() if value is not None}


def _context_of(trace_parent: str | None) -> Any:
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier = {"traceparent": trace_parent} if trace_parent else {}
    return TraceContextTextMapPropagator().extract(carrier, Context())


def _trace_parent_of(span: Any) -> str:
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


@contextmanager
def tracing(service: str, *, endpoint: str | None, share: float) -> Iterator[None]:
    """Send this process's steps to a collector while the context lasts, and what is left at its end.

    Args:
        service: name of the process.
        endpoint: of the collector, without a path; None sends nothing, and then no step costs anything.
        share: of the traces that begin here.
    """
    if endpoint is None:
        yield
        return
    provider = _provider(service, endpoint, share)
    _Tracing.tracer = provider.get_tracer("atum-desk")
    try:
        yield
    finally:
        _Tracing.tracer = None
        with suppress(Exception):  # a collector that is away must not keep a process from ending well
            provider.force_flush(_FLUSH_MS)
        provider.shutdown()


def _provider(service: str, endpoint: str, share: float) -> Any:
    # An extra, and slow to import.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415

    provider = TracerProvider(
        resource=Resource.create({"service.name": f"atum-desk-{service}", "service.namespace": "atum-desk"}),
        sampler=ParentBased(TraceIdRatioBased(share)),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider

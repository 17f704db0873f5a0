"""Spans for OpenTelemetry. Its packages are imported here, and only when it is set."""

from __future__ import annotations

from typing import Any, cast

from rag.errors import SettingError
from rag.spans import Attribute, Span

SERVICE_NAME = "footnote"


class OpenTelemetrySpan:
    def __init__(self, span: Any) -> None:
        self.span = span

    def tell(self, **attributes: Attribute) -> None:
        for name, value in attributes.items():
            self.span.set_attribute(f"footnote.{name}", value)

    def end(self, error: BaseException | None = None) -> None:
        from opentelemetry.trace import Status, StatusCode

        if isinstance(error, Exception):  # who leaves early is no error
            self.span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        self.span.end()


class OpenTelemetryTracer:
    """Hands spans to an exporter, in the background; what it cannot send is dropped and logged."""

    def __init__(self, processor: Any) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        self._provider = TracerProvider(resource=Resource.create({"service.name": SERVICE_NAME}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("footnote")

    def begin(
        self, name: str, parent: Span | None, attributes: dict[str, Attribute]
    ) -> OpenTelemetrySpan:
        from opentelemetry.context import Context
        from opentelemetry.trace import set_span_in_context

        above = cast("OpenTelemetrySpan | None", parent)
        context = set_span_in_context(above.span, Context()) if above else Context()
        begun = OpenTelemetrySpan(self._tracer.start_span(name, context))
        begun.tell(**attributes)
        return begun

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def open_tracer(url: str) -> OpenTelemetryTracer:
    """A tracer that sends to an OTLP collector over HTTP. SettingError if it cannot be."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingError(
            f"traces_url is set, but OpenTelemetry is not installed ({error}). "
            "Install it: pip install 'footnote[traces]', or leave traces_url out."
        ) from error
    if not url.startswith(("http://", "https://")):
        raise SettingError(
            f"traces_url is {url!r}, which is no URL. "
            "Give one such as http://127.0.0.1:4318/v1/traces"
        )
    return OpenTelemetryTracer(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))

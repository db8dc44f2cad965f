// Spans as OTLP protobuf (grouped by the pod that sent them) and as Zipkin v2 JSON.
#include "generator.h"

#include <inttypes.h>
#include <string.h>

static const char stackTrace[] =
    "RuntimeException: upstream connect error\n\tat hipstershop.Client.call(Client.java:118)\n"
    "\tat hipstershop.Service.handle(Service.java:84)\n\tat io.grpc.stub.ServerCalls"
    "$UnaryServerCallHandler.invoke(ServerCalls.java:182)\n"
    "\tat java.base/java.lang.Thread.run(Thread.java:1583)";

static void keyValue(Buffer *output, int field, const char *key, const Buffer *value) {
    static Buffer pair;
    pair.count = 0;
    textField(&pair, 1, key);
    messageField(&pair, 2, value);
    messageField(output, field, &pair);
}

static void textAttribute(Buffer *output, int field, const char *key, const char *text) {
    static Buffer value;
    value.count = 0;
    textField(&value, 1, text);
    keyValue(output, field, key, &value);
}

static void numberAttribute(Buffer *output, int field, const char *key, int64_t number) {
    static Buffer value;
    value.count = 0;
    varintField(&value, 3, (uint64_t)number);
    keyValue(output, field, key, &value);
}

static void appendEvent(Buffer *output, const Span *span) {
    static Buffer event;
    char message[96];
    event.count = 0;
    switch (span->event) {
    case noEvent: return;
    case messageEvent:
        fixed64Field(&event, 1, span->start + (span->end - span->start) / 2);
        textField(&event, 2, "message");
        textAttribute(&event, 3, "message.type", "RECEIVED");
        numberAttribute(&event, 3, "message.id", 1 + span->eventNumber % 9);
        numberAttribute(&event, 3, "message.uncompressed_size", span->eventNumber);
        break;
    case exceptionEvent:
        fixed64Field(&event, 1, span->end - 1000);
        textField(&event, 2, "exception");
        textAttribute(&event, 3, "exception.type", "RuntimeException");
        snprintf(message, sizeof message,
                 "upstream connect error or disconnect/reset before headers, order %u",
                 span->eventNumber);
        textAttribute(&event, 3, "exception.message", message);
        textAttribute(&event, 3, "exception.stacktrace", stackTrace);
        break;
    }
    messageField(output, 11, &event);
}

static void appendOTLPSpan(Buffer *output, const Span *span) {
    static Buffer encoded, status;
    encoded.count = status.count = 0;
    bytesField(&encoded, 1, span->trace, 16);
    bytesField(&encoded, 2, &span->id, 8);
    if (span->parent) bytesField(&encoded, 4, &span->parent, 8);
    textField(&encoded, 5, span->name);
    varintField(&encoded, 6, span->isClient ? 3 : 2);
    fixed64Field(&encoded, 7, span->start);
    fixed64Field(&encoded, 8, span->end);
    for (int i = 0; i < span->attributeCount; i++) {
        const SpanAttribute *attribute = &span->attributes[i];
        if (attribute->isNumber) {
            numberAttribute(&encoded, 9, attribute->key, attribute->number);
        } else {
            textAttribute(&encoded, 9, attribute->key, attribute->text);
        }
    }
    appendEvent(&encoded, span);
    if (span->failed) {
        textField(&status, 2, "upstream error");
        varintField(&status, 3, 2);
    }
    messageField(&encoded, 15, &status);
    messageField(output, 2, &encoded);
}

static void appendResource(Buffer *output, int service, int pod) {
    static Buffer resource;
    char text[128];
    const char *name = serviceNames[service];
    const char *space = service == gateway ? "istio-system" : "shop";
    resource.count = 0;
    textAttribute(&resource, 1, "service.name", name);
    textAttribute(&resource, 1, "service.namespace", space);
    textAttribute(&resource, 1, "service.version", pod == 2 ? "v1.8.1" : "v1.8.0");
    textAttribute(&resource, 1, "k8s.cluster.name", "prod-eu-1");
    textAttribute(&resource, 1, "k8s.namespace.name", space);
    textAttribute(&resource, 1, "k8s.deployment.name", name);
    textAttribute(&resource, 1, "k8s.pod.name", podNames[service][pod]);
    snprintf(text, sizeof text, "10.8.%d.%d", service, 10 + pod);
    textAttribute(&resource, 1, "k8s.pod.ip", text);
    snprintf(text, sizeof text, "gke-prod-eu-1-pool-%d", (service + pod) % 5);
    textAttribute(&resource, 1, "k8s.node.name", text);
    textAttribute(&resource, 1, "telemetry.sdk.language", serviceLanguages[service]);
    textAttribute(&resource, 1, "telemetry.sdk.name", "opentelemetry");
    textAttribute(&resource, 1, "telemetry.sdk.version", "1.27.0");
    messageField(output, 1, &resource);
}

static void appendResourceSpans(Buffer *body, const Buffer *spans, int service, int pod) {
    static Buffer scope, scopeSpans, resourceSpans;
    scope.count = scopeSpans.count = resourceSpans.count = 0;
    textField(&scope, 1, service == gateway ? "envoy" : "io.opentelemetry.instrumentation.grpc");
    textField(&scope, 2, "1.27.0");
    messageField(&scopeSpans, 1, &scope);
    append(&scopeSpans, spans->bytes, spans->count);
    appendResource(&resourceSpans, service, pod);
    messageField(&resourceSpans, 2, &scopeSpans);
    messageField(body, 1, &resourceSpans);
}

void appendOTLPRequest(Buffer *body, const SpanList *list) {
    static Buffer groups[serviceCount][podsPerService];
    for (size_t i = 0; i < list->count; i++) {
        const Span *span = &list->spans[i];
        appendOTLPSpan(&groups[span->service][span->pod], span);
    }
    for (int service = 0; service < serviceCount; service++) {
        for (int pod = 0; pod < podsPerService; pod++) {
            Buffer *spans = &groups[service][pod];
            if (spans->count) appendResourceSpans(body, spans, service, pod);
            spans->count = 0;
        }
    }
}

// ---- Zipkin v2

static void appendHex(Buffer *output, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) appendFormat(output, "%02x", ((const uint8_t *)bytes)[i]);
}

static void appendZipkinTags(Buffer *body, const Span *span) {
    appendText(body, ",\"tags\":{");
    for (int i = 0; i < span->attributeCount; i++) {
        const SpanAttribute *attribute = &span->attributes[i];
        appendFormat(body, "%s\"%s\":", i ? "," : "", attribute->key);
        if (attribute->isNumber) {
            appendFormat(body, "\"%" PRId64 "\"", attribute->number);
        } else {
            appendFormat(body, "\"%s\"", attribute->text);
        }
    }
    if (span->failed) appendText(body, ",\"error\":\"upstream error\"");
    appendText(body, "}");
}

static void appendZipkinSpan(Buffer *body, const Span *span) {
    appendText(body, "{\"traceId\":\"");
    appendHex(body, span->trace, 16);
    appendText(body, "\",\"id\":\"");
    appendHex(body, &span->id, 8);
    if (span->parent) {
        appendText(body, "\",\"parentId\":\"");
        appendHex(body, &span->parent, 8);
    }
    uint64_t duration = (span->end - span->start) / 1000;
    appendFormat(body, "\",\"kind\":\"%s\",\"name\":\"%s\",\"timestamp\":%" PRIu64
                       ",\"duration\":%" PRIu64 ",\"localEndpoint\":{\"serviceName\":\"%s\","
                       "\"ipv4\":\"10.8.%d.%d\"}",
                 span->isClient ? "CLIENT" : "SERVER", span->name, span->start / 1000,
                 duration ? duration : 1, serviceNames[span->service], span->service,
                 10 + span->pod);
    if (span->event != noEvent) {
        appendFormat(body, ",\"annotations\":[{\"timestamp\":%" PRIu64 ",\"value\":\"%s\"}]",
                     span->start / 1000 + duration / 2,
                     span->event == messageEvent ? "message" : "exception");
    }
    appendZipkinTags(body, span);
    appendText(body, "}");
}

void appendZipkinRequest(Buffer *body, const SpanList *list) {
    for (size_t i = 0; i < list->count; i++) {
        appendText(body, i ? "," : "[");
        appendZipkinSpan(body, &list->spans[i]);
    }
    appendText(body, "]");
}

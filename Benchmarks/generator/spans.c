// Packs of spans: requests through the shop, each call with a client and a server span.
#include "generator.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static SpanList list;
static char requestID[37];

static void setText(Span *span, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void setText(Span *span, const char *key, const char *format, ...) {
    SpanAttribute *attribute = &span->attributes[span->attributeCount++];
    attribute->key = key;
    attribute->isNumber = false;
    va_list values;
    va_start(values, format);
    vsnprintf(attribute->text, sizeof attribute->text, format, values);
    va_end(values);
}

static void setNumber(Span *span, const char *key, int64_t number) {
    SpanAttribute *attribute = &span->attributes[span->attributeCount++];
    attribute->key = key;
    attribute->isNumber = true;
    attribute->number = number;
}

static void describeRedis(Span *span, const Call *call) {
    setText(span, "db.system", "redis");
    setText(span, "db.operation", "%s", call->operation);
    setText(span, "db.statement", "%s user:%08x", call->operation, randomBelow(20000));
    setNumber(span, "db.redis.database_index", 0);
    setText(span, "server.address", "redis-cart.shop.svc.cluster.local");
    setNumber(span, "server.port", 6379);
    setText(span, "network.peer.address", "10.8.11.10");
    setNumber(span, "thread.id", randomBelow(64));
}

static int httpStatus(bool failed) {
    if (failed) return randomBelow(2) ? 500 : 503;
    return randomBelow(200) ? 200 : 404;
}

static void describeHTTP(Span *span, const Call *call, bool isRoot) {
    static const char *const products[8] = {"OLJCESPC7Z", "66VCHSJNUP", "1YMWWN1N4O", "L9ECAV7KIM",
                                            "2ZYFJ3GM2N", "0PUK6V6EV0", "LS4PSXUNUM", "9SIQT8TOJO"};
    setText(span, "http.request.method", "%s", call->operation);
    setText(span, "http.route", "%s", call->route);
    if (strstr(call->route, "{id}")) {
        setText(span, "url.path", "/product/%s", products[randomBelow(8)]);
    } else {
        setText(span, "url.path", "%s", call->route);
    }
    setText(span, "url.scheme", "http");
    setNumber(span, "http.response.status_code", httpStatus(span->failed));
    setText(span, "server.address",
            isRoot ? "shop.example.com" : "frontend.shop.svc.cluster.local");
    setNumber(span, "server.port", isRoot ? 443 : 8080);
    setText(span, "client.address", "203.0.%u.%u", randomBelow(8), randomBelow(250));
    setText(span, "user_agent.original", "%s", userAgents[randomBelow(userAgentCount)]);
    setNumber(span, "http.request.body.size", randomBelow(2048));
    setNumber(span, "http.response.body.size", 300 + randomBelow(30000));
    setText(span, "guid:x-request-id", "%s", requestID);
}

static void describeRPC(Span *span, const Call *call, int peer) {
    setText(span, "rpc.system", "grpc");
    setText(span, "rpc.service", "%s", rpcServices[call->service]);
    setText(span, "rpc.method", "%s", call->operation);
    setNumber(span, "rpc.grpc.status_code", span->failed ? (randomBelow(2) ? 14 : 13) : 0);
    setNumber(span, "http.response.status_code", 200);
    setText(span, "server.address", "%s.shop.svc.cluster.local", serviceNames[call->service]);
    setNumber(span, "server.port", 3550 + call->service);
    setText(span, "network.peer.address", "10.8.%d.%u", peer, 10 + randomBelow(podsPerService));
    setNumber(span, "network.peer.port", 32768 + randomBelow(28000));
    setText(span, "istio.mesh_id", "cluster.local");
    setText(span, "guid:x-request-id", "%s", requestID);
}

static void chooseEvent(Span *span) {
    if (span->failed && !span->isClient) {
        span->event = exceptionEvent;
        span->eventNumber = randomBelow(100000);
    } else if (randomBelow(20) == 0) {
        span->event = messageEvent;
        span->eventNumber = randomBelow(4000);
    }
}

/// A span at the end of the list, still without attributes.
static Span *newSpan(void) {
    if (list.count == list.capacity) {
        list.capacity = list.capacity * 2 + 512;
        list.spans = realloc(list.spans, list.capacity * sizeof *list.spans);
        if (!list.spans) stop("out of memory");
    }
    Span *span = &list.spans[list.count++];
    span->attributeCount = 0;
    span->event = noEvent;
    return span;
}

typedef struct {
    const Shape *shape;
    uint64_t trace[2];
    /// The call that fails, or -2.
    int failing;
} Request;

typedef struct {
    uint64_t span;
    int service, pod;
} Caller;

static void nameCall(char name[96], const Call *call) {
    if (call->route) {
        snprintf(name, 96, "%s %s", call->operation, call->route);
    } else if (call->service == redis) {
        snprintf(name, 96, "%s", call->operation);
    } else {
        snprintf(name, 96, "%s/%s", rpcServices[call->service], call->operation);
    }
}

static void addSpan(const Request *request, const Call *call, Span fields, int peer) {
    Span *span = newSpan();
    span->trace[0] = request->trace[0];
    span->trace[1] = request->trace[1];
    span->id = fields.id;
    span->parent = fields.parent;
    span->isClient = fields.isClient;
    span->failed = fields.failed;
    span->service = fields.service;
    span->pod = fields.pod;
    span->start = fields.start;
    span->end = fields.end;
    nameCall(span->name, call);
    if (call->service == redis) {
        describeRedis(span, call);
    } else if (call->route) {
        describeHTTP(span, call, fields.parent == 0);
    } else {
        describeRPC(span, call, peer);
    }
    chooseEvent(span);
}

/// Whether a call fails: the failing one does, its caller does in half of the cases.
static bool callFails(const Request *request, int index) {
    int failing = request->failing;
    if (failing == index) return true;
    return failing > index && request->shape->calls[failing].parent == index && randomBelow(2);
}

/// Adds the spans of a call and of everything below it; returns when the caller goes on.
static uint64_t addCall(const Request *request, int index, Caller caller, uint64_t at) {
    const Call *call = &request->shape->calls[index];
    uint64_t client = randomBits() | 1, server = randomBits() | 1;
    int pod = (int)randomBelow(podsPerService);
    double scale = call->service == redis ? 0.4e6 : 2.0e6 + 0.4e6 * call->service;
    uint64_t network = 80000 + randomBelow(400000), start = at + network;
    uint64_t work = (uint64_t)(exp(randomNormal() * 0.8) * scale), now = start + work / 2;
    Caller here = {server, call->service, pod};
    for (int below = index + 1; below < request->shape->count; below++) {
        if (request->shape->calls[below].parent == index) now = addCall(request, below, here, now);
    }
    uint64_t end = now + work / 2;
    bool failed = callFails(request, index);
    addSpan(request, call,
            (Span){.id = client, .parent = caller.span, .isClient = true, .failed = failed,
                   .service = caller.service, .pod = caller.pod, .start = at, .end = end + network},
            call->service);
    if (call->service != redis) {
        addSpan(request, call,
                (Span){.id = server, .parent = client, .failed = failed, .service = call->service,
                       .pod = pod, .start = start, .end = end},
                caller.service);
    }
    return end + network;
}

static const Shape *chooseShape(void) {
    int weight = (int)randomBelow(100), chosen = 0;
    while (weight >= shapes[chosen].weight) weight -= shapes[chosen++].weight;
    return &shapes[chosen];
}

static void addTrace(uint64_t at, uint64_t trace[2]) {
    Request request = {.shape = chooseShape(), .failing = -2};
    trace[0] = request.trace[0] = randomBits();
    trace[1] = request.trace[1] = randomBits();
    randomUUID(requestID);
    if (randomBelow(50) == 0) request.failing = (int)randomBelow((uint32_t)request.shape->count);
    Caller ingress = {randomBits() | 1, gateway, (int)randomBelow(podsPerService)};
    uint64_t end = addCall(&request, 0, ingress, at + 30000 + randomBelow(200000));
    addSpan(&request, &request.shape->calls[0],
            (Span){.id = ingress.span, .parent = 0, .failed = request.failing == 0,
                   .service = gateway, .pod = ingress.pod, .start = at,
                   .end = end + 20000 + randomBelow(100000)},
            frontend);
}

static void writeID(FILE *file, const uint64_t trace[2]) {
    const uint8_t *bytes = (const uint8_t *)trace;
    for (int i = 0; i < 16; i++) fprintf(file, "%02x", bytes[i]);
    fputc('\n', file);
}

void makeSpans(void) {
    double total = numberOption("--count", 1e6), window = numberOption("--window", 1800);
    size_t perRequest = (size_t)numberOption("--per-request", 250);
    bool isZipkin = flagOption("--zipkin");
    uint64_t base = (uint64_t)((numberOption("--end", (double)time(NULL)) - window) * 1e9);
    char path[4096];
    snprintf(path, sizeof path, "%s.ids", option("--out", "pack"));
    FILE *ids = fopen(path, "w");
    if (!ids) stop("cannot write %s", path);
    Pack pack = openPack();
    Buffer body = {0};
    namePods();
    for (uint64_t traces = 0; (double)pack.items < total;) {
        list.count = 0;
        while (list.count < perRequest && (double)(pack.items + list.count) < total) {
            uint64_t trace[2];
            double progress = (double)(pack.items + list.count) / total;
            addTrace(base + (uint64_t)(progress * window * 1e9) + randomBelow(1000000), trace);
            if (traces++ % 100 == 0) writeID(ids, trace);
        }
        body.count = 0;
        if (isZipkin) {
            appendZipkinRequest(&body, &list);
        } else {
            appendOTLPRequest(&body, &list);
        }
        addRecord(&pack, &body, (uint32_t)list.count, (uint32_t)(pack.records % 64));
    }
    fclose(ids);
    closePack(&pack);
}

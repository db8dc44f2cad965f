// Packs of access-log lines: Istio's default JSON fields, plus the trace id and where the line is from.
#include "generator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    int source, target, pod, code, duration;
    uint32_t sent;
} Exchange;

static int chooseCode(void) {
    uint32_t dice = randomBelow(1000);
    if (dice < 960) return 200;
    if (dice < 975) return 304;
    if (dice < 990) return 404;
    return dice < 996 ? 503 : 500;
}

static void formatTime(char text[40], uint64_t nanoseconds) {
    time_t whole = (time_t)(nanoseconds / 1000000000);
    struct tm parts;
    gmtime_r(&whole, &parts);
    size_t count = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text + count, 40 - count, ".%03uZ", (unsigned)(nanoseconds / 1000000 % 1000));
}

static void choosePath(char path[64]) {
    static const char *const paths[10] = {
        "/", "/product/OLJCESPC7Z", "/product/66VCHSJNUP", "/cart", "/cart/checkout",
        "/setCurrency", "/static/styles/styles.css", "/api/v1/orders", "/api/v1/users", "/healthz"};
    const char *chosen = paths[randomBelow(10)];
    if (strncmp(chosen, "/api", 4)) {
        snprintf(path, 64, "%s", chosen);
    } else {
        snprintf(path, 64, "%s/%u?limit=%u", chosen, randomBelow(100000), 10 + randomBelow(90));
    }
}

static void appendRequestFields(Buffer *body, const Exchange *exchange, uint64_t at) {
    char time[40], path[64], identity[37];
    bool reset = exchange->code == 503;
    formatTime(time, at);
    choosePath(path);
    randomUUID(identity);
    appendFormat(body, "{\"start_time\":\"%s\",\"method\":\"%s\",\"path\":\"%s\"", time,
                 randomBelow(5) ? "GET" : "POST", path);
    appendFormat(body,
                 ",\"protocol\":\"HTTP/1.1\",\"response_code\":%d,\"response_flags\":\"%s\","
                 "\"response_code_details\":\"%s\",\"connection_termination_details\":null",
                 exchange->code, reset ? "UF" : "-",
                 reset ? "upstream_reset_before_response_started{connection_failure}"
                       : "via_upstream");
    appendFormat(body,
                 ",\"bytes_received\":%u,\"bytes_sent\":%u,\"duration\":%d,"
                 "\"upstream_service_time\":\"%d\",\"x_forwarded_for\":\"203.0.%u.%u\"",
                 randomBelow(2000), exchange->sent, exchange->duration, exchange->duration - 1,
                 randomBelow(8), randomBelow(250));
    appendFormat(body, ",\"user_agent\":\"%s\",\"request_id\":\"%s\"",
                 userAgents[randomBelow(userAgentCount)], identity);
}

static void appendPlaces(Buffer *body, const Exchange *exchange) {
    const char *target = serviceNames[exchange->target];
    int to = exchange->target, from = exchange->source, pod = 10 + exchange->pod;
    appendFormat(body,
                 ",\"authority\":\"%s.shop.svc.cluster.local\",\"upstream_host\":\"10.8.%d.%u:8080\","
                 "\"upstream_cluster\":\"outbound|8080||%s.shop.svc.cluster.local\","
                 "\"upstream_local_address\":\"10.8.%d.%d:%u\"",
                 target, to, 10 + randomBelow(podsPerService), target, from, pod,
                 32768 + randomBelow(28000));
    appendFormat(body,
                 ",\"downstream_local_address\":\"10.96.%d.7:8080\","
                 "\"downstream_remote_address\":\"10.8.%d.%d:%u\",\"requested_server_name\":null,"
                 "\"route_name\":\"default\",\"upstream_transport_failure_reason\":null",
                 to, from, pod, 32768 + randomBelow(28000));
    appendFormat(body, ",\"trace_id\":\"%016lx%016lx\",\"pod\":\"%s\",\"namespace\":\"shop\","
                       "\"app\":\"%s\"}\n",
                 randomBits(), randomBits(), podNames[from][exchange->pod], serviceNames[from]);
}

static void appendLine(Buffer *body, uint64_t at) {
    int source = (int)randomBelow(serviceCount - 1);
    Exchange exchange = {.source = source, .pod = (int)randomBelow(podsPerService),
                         .target = source == ads ? frontend : source + 1, .code = chooseCode()};
    exchange.duration = (int)(exp(randomNormal() * 0.9) * 8) + 1;
    exchange.sent = exchange.code == 200 ? 200 + randomBelow(20000) : randomBelow(200);
    appendRequestFields(body, &exchange, at);
    appendPlaces(body, &exchange);
}

void makeLines(void) {
    double total = numberOption("--count", 1e6), window = numberOption("--window", 1800);
    uint32_t perRequest = (uint32_t)numberOption("--per-request", 500);
    uint64_t base = (uint64_t)((numberOption("--end", (double)time(NULL)) - window) * 1e9);
    Pack pack = openPack();
    Buffer body = {0};
    namePods();
    while ((double)pack.items < total) {
        uint32_t count = 0;
        body.count = 0;
        for (; count < perRequest && (double)(pack.items + count) < total; count++) {
            double progress = (double)(pack.items + count) / total;
            appendLine(&body, base + (uint64_t)(progress * window * 1e9));
        }
        addRecord(&pack, &body, count, (uint32_t)(pack.records % 64));
    }
    closePack(&pack);
}

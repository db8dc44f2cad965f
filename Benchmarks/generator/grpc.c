// Sends a pack as gRPC calls (HTTP/2 without TLS, RFC 9113; one call at a time on each connection), a thread
// a connection. A call has succeeded when a message has come back: refusals have trailers only, so that
// statuses need not be decompressed.
#define _GNU_SOURCE
#include "generator.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { connectionsMax = 64, frameBytesMax = 16384 };
enum { data = 0, headers = 1, reset = 3, settings = 4, ping = 6, goAway = 7, windowUpdate = 8 };
enum { endStream = 1, acknowledged = 1, endHeaders = 4, initialWindowSize = 4 };

typedef struct {
    int file;
    uint32_t stream;
    int64_t window, streamWindow, initialWindow;
    uint8_t *received;
    size_t count, capacity;
    bool isAnswered, isEnded;
    double *latencies;
    size_t done;
    uint64_t items, bytes, refused, failed;
    pthread_t thread;
} Caller;

static Address address;
static Record *records;
static atomic_size_t next;
static size_t last;
static double deadline;
static Buffer headerBlock;

static void appendString(Buffer *block, const char *text) {
    uint8_t length = (uint8_t)strlen(text);
    if (strlen(text) > 126) stop("\"%s\" is too long for a header", text);
    append(block, &length, 1);
    append(block, text, length);
}

/// The request's header fields (HPACK, RFC 7541), none of them entered into the table.
static void encodeHeaders(bool isGzip) {
    append(&headerBlock, "\x83\x86\x04", 3);  // :method POST, :scheme http, :path
    appendString(&headerBlock, address.path);
    append(&headerBlock, "\x01", 1);  // :authority
    appendString(&headerBlock, address.host);
    append(&headerBlock, "\x0f\x10", 2);  // content-type
    appendString(&headerBlock, "application/grpc");
    append(&headerBlock, "\x00", 1);
    appendString(&headerBlock, "te");
    appendString(&headerBlock, "trailers");
    if (!isGzip) return;
    append(&headerBlock, "\x00", 1);
    appendString(&headerBlock, "grpc-encoding");
    appendString(&headerBlock, "gzip");
}

static void frameHead(uint8_t head[9], size_t count, int type, int flags, uint32_t stream) {
    uint8_t bytes[9] = {(uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count,
                        (uint8_t)type, (uint8_t)flags, (uint8_t)(stream >> 24),
                        (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    memcpy(head, bytes, 9);
}

static bool sendParts(int file, struct iovec *parts, int count) {
    while (count > 0) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(file, &message, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        while (count > 0 && (size_t)sent >= parts->iov_len) {
            sent -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (uint8_t *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return true;
}

static bool sendFrame(Caller *call, int type, int flags, uint32_t stream, const void *bytes,
                      size_t count) {
    uint8_t head[9];
    frameHead(head, count, type, flags, stream);
    struct iovec parts[2] = {{head, 9}, {(void *)bytes, count}};
    return sendParts(call->file, parts, count ? 2 : 1);
}

static uint32_t number(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool readSettings(Caller *call, const uint8_t *body, size_t count, int flags) {
    if (flags & acknowledged) return true;
    for (size_t at = 0; at + 6 <= count; at += 6) {
        if ((body[at] << 8 | body[at + 1]) != initialWindowSize) continue;
        int64_t size = number(body + at + 2);
        call->streamWindow += size - call->initialWindow;
        call->initialWindow = size;
    }
    return sendFrame(call, settings, acknowledged, 0, NULL, 0);
}

static bool readFrame(Caller *call, int type, int flags, uint32_t stream, const uint8_t *body,
                      size_t count) {
    bool isOurs = stream == call->stream;
    switch (type) {
    case data: call->isAnswered = call->isAnswered || (isOurs && count >= 5); break;
    case reset: call->isEnded = call->isEnded || isOurs; break;
    case settings: return readSettings(call, body, count, flags);
    case ping: return flags & acknowledged || sendFrame(call, ping, acknowledged, 0, body, count);
    case goAway: return false;
    case windowUpdate:
        if (count < 4) return false;
        if (!stream) call->window += number(body);
        if (isOurs) call->streamWindow += number(body);
        break;
    default: break;
    }
    if ((type == data || type == headers) && flags & endStream && isOurs) call->isEnded = true;
    return true;
}

/// Reads what has come, at least one frame; false when the connection broke.
static bool receiveFrames(Caller *call) {
    for (bool any = false; !any;) {
        if (call->capacity - call->count < frameBytesMax + 9) {
            call->capacity = call->capacity * 2 + 4 * frameBytesMax;
            call->received = realloc(call->received, call->capacity);
            if (!call->received) stop("out of memory");
        }
        ssize_t count = recv(call->file, call->received + call->count, call->capacity - call->count, 0);
        if (count <= 0) return false;
        call->count += (size_t)count;
        size_t at = 0;
        while (call->count - at >= 9) {
            const uint8_t *head = call->received + at;
            size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
            if (call->count - at < 9 + length) break;
            if (!readFrame(call, head[3], head[4], number(head + 5) & 0x7fffffff, head + 9, length)) {
                return false;
            }
            at += 9 + length;
            any = true;
        }
        memmove(call->received, call->received + at, call->count - at);
        call->count -= at;
    }
    return true;
}

static bool openCall(Caller *call) {
    call->file = connectTo(&address, false);
    if (call->file < 0) return false;
    call->stream = (uint32_t)-1;
    call->window = call->initialWindow = 65535;
    call->count = 0;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct iovec part = {(void *)preface, sizeof preface - 1};
    // Answers are small and many: the window that they use up is as large as it may be.
    static const uint8_t wide[4] = {0x7f, 0, 0, 0};
    return sendParts(call->file, &part, 1) && sendFrame(call, settings, 0, 0, NULL, 0) &&
           sendFrame(call, windowUpdate, 0, 0, wide, 4);
}

/// One call from its first byte to its last; false when the connection broke.
static bool perform(Caller *call, const Record *record, bool isGzip) {
    call->stream += 2;
    call->streamWindow = call->initialWindow;
    call->isAnswered = call->isEnded = false;
    if (!sendFrame(call, headers, endHeaders, call->stream, headerBlock.bytes, headerBlock.count)) {
        return false;
    }
    uint8_t prefix[5] = {isGzip, (uint8_t)(record->count >> 24), (uint8_t)(record->count >> 16),
                         (uint8_t)(record->count >> 8), (uint8_t)record->count};
    size_t total = (size_t)record->count + 5, sent = 0;
    while (sent < total && !call->isEnded) {
        int64_t room = call->window < call->streamWindow ? call->window : call->streamWindow;
        if (room <= 0) {
            if (!receiveFrames(call)) return false;
            continue;
        }
        size_t count = total - sent < frameBytesMax ? total - sent : frameBytesMax;
        if ((int64_t)count > room) count = (size_t)room;
        size_t ofPrefix = sent < 5 ? (count < 5 - sent ? count : 5 - sent) : 0;
        uint8_t head[9];
        frameHead(head, count, data, sent + count == total ? endStream : 0, call->stream);
        struct iovec parts[3] = {
            {head, 9}, {prefix + (sent < 5 ? sent : 0), ofPrefix},
            {(void *)(record->bytes + (sent < 5 ? 0 : sent - 5)), count - ofPrefix}};
        if (!sendParts(call->file, parts, 3)) return false;
        sent += count;
        call->window -= (int64_t)count;
        call->streamWindow -= (int64_t)count;
    }
    while (!call->isEnded) {
        if (!receiveFrames(call)) return false;
    }
    return true;
}

static void *serve(void *context) {
    Caller *call = context;
    bool isGzip = flagOption("--gzip");
    bool isOpen = openCall(call);
    for (size_t index; (index = atomic_fetch_add(&next, 1)) < last && seconds() < deadline;) {
        double began = seconds();
        bool isTaken = false;
        while (!isTaken && seconds() < deadline && call->failed < 100) {
            if (!isOpen) isOpen = openCall(call);
            isOpen = isOpen && perform(call, &records[index], isGzip);
            isTaken = isOpen && call->isAnswered;
            if (isTaken) break;
            if (isOpen) {
                call->refused++;
            } else {
                call->failed++;
                if (call->file >= 0) close(call->file);
            }
            usleep(250000);
        }
        if (!isTaken) continue;
        call->latencies[call->done++] = seconds() - began;
        call->items += records[index].items;
        call->bytes += records[index].count;
    }
    return NULL;
}

void callGRPC(void) {
    address = parseAddress(option("--url", NULL));
    size_t count = loadPack(option("--pack", NULL), &records);
    int connections = (int)numberOption("--connections", 4);
    if (connections < 1 || connections > connectionsMax) stop("1 to 64 connections");
    last = count;
    deadline = seconds() + numberOption("--seconds", 120);
    encodeHeaders(flagOption("--gzip"));
    static Caller calls[connectionsMax];
    double began = seconds();
    for (int i = 0; i < connections; i++) {
        calls[i].latencies = malloc(count * sizeof(double));
        if (!calls[i].latencies) stop("out of memory");
        if (pthread_create(&calls[i].thread, NULL, serve, &calls[i])) stop("cannot start a thread");
    }
    double *latencies = malloc((count + 1) * sizeof(double));
    if (!latencies) stop("out of memory");
    Caller all = {0};
    for (int i = 0; i < connections; i++) {
        pthread_join(calls[i].thread, NULL);
        memcpy(latencies + all.done, calls[i].latencies, calls[i].done * sizeof(double));
        all.done += calls[i].done;
        all.items += calls[i].items;
        all.bytes += calls[i].bytes;
        all.refused += calls[i].refused;
        all.failed += calls[i].failed;
    }
    qsort(latencies, all.done, sizeof(double), compareDoubles);
    // In the codes of HTTP, as `post` tells them: 503 for refusals, 0 for connections that broke.
    printf("{\"seconds\":%.3f,\"requests\":%zu,\"items\":%lu,\"bytes\":%lu,\"codes\":{\"200\":%zu",
           seconds() - began, all.done, all.items, all.bytes, all.done);
    if (all.refused) printf(",\"503\":%lu", all.refused);
    if (all.failed) printf(",\"0\":%lu", all.failed);
    printf("},\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"own_cpu_s\":%.3f}\n",
           percentile(latencies, all.done, 0.5), percentile(latencies, all.done, 0.99),
           ownCPUSeconds());
}

// Sends a pack, or one GET again and again, over keep-alive connections: as fast as the server answers,
// or at a fixed rate that does not wait for it. One thread, so that little of the machine is taken.
#define _GNU_SOURCE
#include "generator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum { connectionsMax = 256, statusMax = 600, noRecord = -1 };

typedef struct {
    int file;
    long record;        // in flight or to be repeated; noRecord when idle
    size_t next;        // where this connection goes on when the order of shards is kept
    bool inFlight;
    size_t sent;
    char head[8192];
    size_t headCount;
    double due, started, repeatAt;
    Buffer received;
    Message message;
} Connection;

static Connection connections[connectionsMax];
static int connectionCount;

static struct {
    bool posts, sharded, retries, stopping;
    Address address;
    char *headers;
    Record *records;
    size_t recordCount, first, last, next, window;
    double rate, started, deadline;
    int events, timer;
} run;

static struct {
    double *latencies, *lateness;
    size_t count, capacity;
    uint64_t items, bytes, codes[statusMax];
    int complaints;
} seen;

// ---- what to send next

static size_t slowestCursor(void) {
    size_t lowest = SIZE_MAX;
    for (int i = 0; i < connectionCount; i++) {
        if (connections[i].next < lowest) lowest = connections[i].next;
    }
    return lowest;
}

static size_t skipToShard(size_t from, int shard) {
    while (from < run.last && run.records[from].shard % (uint32_t)connectionCount != (uint32_t)shard) {
        from++;
    }
    return from;
}

/// The record that an idle connection sends next, or noRecord when it is to wait.
static long chooseRecord(Connection *connection, double now) {
    bool ordered = run.sharded;
    size_t candidate = ordered ? connection->next : run.next;
    if (candidate >= run.last || now >= run.deadline || run.stopping) return noRecord;
    // Receivers refuse samples too far behind the newest, so shards stay close to each other.
    if (ordered && candidate > slowestCursor() + run.window) return noRecord;
    double due = run.rate > 0 ? run.started + (double)(candidate - run.first) / run.rate : now;
    if (due > now) return noRecord;
    connection->due = due;
    if (ordered) {
        connection->next = skipToShard(candidate + 1, (int)(connection - connections));
    } else {
        run.next++;
    }
    return (long)candidate;
}

// ---- sending

static void watch(const Connection *connection, bool alsoWrite) {
    struct epoll_event event = {.events = EPOLLIN | (alsoWrite ? EPOLLOUT : 0),
                                .data.u32 = (uint32_t)(connection - connections)};
    epoll_ctl(run.events, EPOLL_CTL_MOD, connection->file, &event);
}

static bool openConnection(Connection *connection) {
    connection->file = connectTo(&run.address, true);
    if (connection->file < 0) return false;
    struct epoll_event event = {.events = EPOLLIN,
                                .data.u32 = (uint32_t)(connection - connections)};
    return epoll_ctl(run.events, EPOLL_CTL_ADD, connection->file, &event) == 0;
}

static void closeConnection(Connection *connection) {
    if (connection->file >= 0) close(connection->file);
    connection->file = -1;
}

static void finish(Connection *connection, int status);

static void sendMore(Connection *connection) {
    const Record *record = run.posts ? &run.records[connection->record] : NULL;
    size_t bodyCount = record ? record->count : 0, total = connection->headCount + bodyCount;
    while (connection->sent < total) {
        struct iovec parts[2];
        int partCount = 0;
        size_t intoBody = 0;
        if (connection->sent < connection->headCount) {
            parts[partCount++] = (struct iovec){connection->head + connection->sent,
                                                connection->headCount - connection->sent};
        } else {
            intoBody = connection->sent - connection->headCount;
        }
        if (record) {
            parts[partCount++] =
                (struct iovec){(void *)(record->bytes + intoBody), bodyCount - intoBody};
        }
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)partCount};
        ssize_t count = sendmsg(connection->file, &message, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) {
            watch(connection, true);
            return;
        }
        if (count < 0) {
            finish(connection, 0);
            return;
        }
        connection->sent += (size_t)count;
    }
}

static void startRequest(Connection *connection, double now) {
    Address *to = &run.address;
    connection->inFlight = true;
    connection->sent = 0;
    connection->received.count = 0;
    connection->message = (Message){0};
    connection->started = now;
    if (connection->file < 0 && !openConnection(connection)) {
        finish(connection, 0);
        return;
    }
    int count = run.posts
        ? snprintf(connection->head, sizeof connection->head,
                   "POST %s HTTP/1.1\r\nHost: %s:%d\r\n%sContent-Length: %u\r\n\r\n", to->path,
                   to->host, to->port, run.headers, run.records[connection->record].count)
        : snprintf(connection->head, sizeof connection->head,
                   "GET %s HTTP/1.1\r\nHost: %s:%d\r\n%s\r\n", to->path, to->host, to->port,
                   run.headers);
    if (count < 0 || (size_t)count >= sizeof connection->head) stop("the head is too long");
    connection->headCount = (size_t)count;
    sendMore(connection);
}

// ---- answers

static void remember(const Connection *connection, double now) {
    if (seen.count == seen.capacity) {
        seen.capacity = seen.capacity * 2 + 65536;
        seen.latencies = realloc(seen.latencies, seen.capacity * sizeof(double));
        seen.lateness = realloc(seen.lateness, seen.capacity * sizeof(double));
        if (!seen.latencies || !seen.lateness) stop("out of memory");
    }
    seen.latencies[seen.count] = now - connection->started;
    seen.lateness[seen.count++] = now - connection->due;
}

static void complain(const Connection *connection, int status) {
    if (seen.complaints++ >= 3) return;
    fprintf(stderr, "generator: status %d %.*s\n", status,
            (int)(connection->received.count < 400 ? connection->received.count : 400),
            connection->received.bytes ? (const char *)connection->received.bytes : "");
}

/// Takes the answer; 0 stands for a connection that broke.
static void finish(Connection *connection, int status) {
    double now = seconds();
    connection->inFlight = false;
    seen.codes[status > 0 && status < statusMax ? status : 0]++;
    if (connection->message.closing || status == 0) closeConnection(connection);
    bool refused = status == 429 || status == 503;
    if (refused && run.retries) {
        // What the server asks for, but a quarter of a second where it names nothing.
        int wait = connection->message.retryAfter;
        connection->repeatAt = now + (wait > 0 ? wait : 0.25);
        return;
    }
    remember(connection, now);
    if (status >= 200 && status < 300) {
        const Record *record = run.posts ? &run.records[connection->record] : NULL;
        seen.items += record ? record->items : 1;
        seen.bytes += record ? record->count : connection->message.bodyBytes;
    } else {
        complain(connection, status);
        // A server that is gone, or refuses everything, is not worth the whole pack.
        if (seen.codes[0] > 1000) run.stopping = true;
    }
    connection->record = noRecord;
}

static void receive(Connection *connection) {
    for (;;) {
        reserve(&connection->received, 65536);
        size_t room = connection->received.capacity - connection->received.count;
        ssize_t count = recv(connection->file, connection->received.bytes + connection->received.count,
                             room, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            if (connection->inFlight) {
                finish(connection, 0);
            } else {
                closeConnection(connection);
            }
            return;
        }
        connection->received.count += (size_t)count;
        size_t length;
        MessageState state =
            readMessage(&connection->message, &connection->received, true, &length);
        if (state == incomplete) continue;
        finish(connection, state == complete ? connection->message.status : 0);
        return;
    }
}

// ---- the loop

static void setTimer(double at) {
    double whole = (double)(time_t)at;
    struct itimerspec when = {.it_value = {(time_t)at, (long)((at - whole) * 1e9) + 1}};
    timerfd_settime(run.timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/// Starts what can start; returns whether anything is in flight or still to come.
static bool startIdle(void) {
    bool alive = false;
    double wake = 0, now = seconds();
    for (int i = 0; i < connectionCount; i++) {
        Connection *connection = &connections[i];
        if (!connection->inFlight && connection->record != noRecord) {
            if (now >= run.deadline) {
                connection->record = noRecord;
            } else if (now >= connection->repeatAt) {
                startRequest(connection, now);
            } else {
                wake = wake == 0 || connection->repeatAt < wake ? connection->repeatAt : wake;
                alive = true;
            }
        } else if (!connection->inFlight) {
            connection->record = chooseRecord(connection, now);
            if (connection->record != noRecord) startRequest(connection, now);
        }
        alive = alive || connection->inFlight;
    }
    size_t next = run.sharded ? slowestCursor() : run.next;
    bool more = next < run.last && now < run.deadline && !run.stopping;
    if (run.rate > 0 && more) {
        double due = run.started + (double)(next - run.first) / run.rate;
        if (due > now && (wake == 0 || due < wake)) wake = due;
    }
    if (wake > 0) setTimer(wake);
    return alive || more;
}

static void serveEvents(void) {
    struct epoll_event events[connectionsMax];
    int count = epoll_wait(run.events, events, connectionsMax, 100);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 == connectionsMax) {
            uint64_t expirations;
            if (read(run.timer, &expirations, 8) < 0 && errno != EAGAIN) stop("the timer failed");
            continue;
        }
        Connection *connection = &connections[events[i].data.u32];
        if (connection->file < 0) continue;
        if (events[i].events & EPOLLOUT && connection->inFlight) {
            watch(connection, false);
            sendMore(connection);
        }
        if (connection->file >= 0 && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
            receive(connection);
        }
    }
}

// ---- the report

int compareDoubles(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double percentile(const double *sorted, size_t count, double share) {
    return count ? sorted[(size_t)(share * (double)(count - 1) + 0.5)] * 1e3 : 0;
}

static void report(double elapsed) {
    qsort(seen.latencies, seen.count, sizeof(double), compareDoubles);
    qsort(seen.lateness, seen.count, sizeof(double), compareDoubles);
    printf("{\"seconds\":%.3f,\"requests\":%zu,\"items\":%lu,\"bytes\":%lu,\"codes\":{", elapsed,
           seen.count, seen.items, seen.bytes);
    const char *separator = "";
    for (int code = 0; code < statusMax; code++) {
        if (!seen.codes[code]) continue;
        printf("%s\"%d\":%lu", separator, code, seen.codes[code]);
        separator = ",";
    }
    printf("},\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"due_p50_ms\":%.4f,\"due_p99_ms\":%.4f,"
           "\"own_cpu_s\":%.3f}\n",
           percentile(seen.latencies, seen.count, 0.5),
           percentile(seen.latencies, seen.count, 0.99),
           percentile(seen.lateness, seen.count, 0.5), percentile(seen.lateness, seen.count, 0.99),
           ownCPUSeconds());
}

static void prepare(bool posts) {
    run.posts = posts;
    run.address = parseAddress(option("--url", NULL));
    run.headers = extraHeaders();
    run.recordCount = posts ? loadPack(option("--pack", NULL), &run.records) : SIZE_MAX / 2;
    run.first = (size_t)((double)run.recordCount * numberOption("--from", 0));
    run.last = posts ? (size_t)((double)run.recordCount * numberOption("--to", 1)) : run.recordCount;
    run.next = run.first;
    run.sharded = flagOption("--sharded");
    run.retries = flagOption("--retry");
    run.window = (size_t)numberOption("--window", 64);
    run.rate = numberOption("--rate", 0);
    connectionCount = (int)numberOption("--connections", posts ? 4 : 16);
    if (connectionCount < 1 || connectionCount > connectionsMax) stop("1 to 256 connections");
    run.events = epoll_create1(EPOLL_CLOEXEC);
    run.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = connectionsMax};
    if (run.events < 0 || run.timer < 0 ||
        epoll_ctl(run.events, EPOLL_CTL_ADD, run.timer, &event)) {
        stop("cannot wait for events");
    }
}

void load(bool posts) {
    prepare(posts);
    run.started = seconds();
    run.deadline = run.started + numberOption("--seconds", 120);
    for (int i = 0; i < connectionCount; i++) {
        connections[i].file = -1;
        connections[i].record = noRecord;
        connections[i].next = run.sharded ? skipToShard(run.first, i) : 0;
    }
    while (startIdle()) serveEvents();
    report(seconds() - run.started);
}

// The load generator of the benchmarks: makes packs of telemetry, sends them, asks queries.
//
// A pack is a file "SLPK", version as u32, then records {u32 bytes, u32 items, u32 shard, u32 0, body}.
// All numbers are little-endian. Records of one shard may be sent in order on one connection.
#ifndef SIDELIGHT_GENERATOR_H
#define SIDELIGHT_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

// ---- basics.c: ends with a message, options, time, randomness

_Noreturn void stop(const char *format, ...);
const char *option(const char *name, const char *fallback);
double numberOption(const char *name, double fallback);
bool flagOption(const char *name);
/// The next value of an option that may be given several times; NULL after the last.
const char *repeatedOption(const char *name, int *position);
void keepArguments(int count, char **values);

double seconds(void);
double ownCPUSeconds(void);

void seedRandom(uint64_t seed);
uint64_t randomBits(void);
uint32_t randomBelow(uint32_t limit);
double randomUnit(void);
double randomNormal(void);

// ---- buffer.c: bytes that grow; protobuf fields; files of records

typedef struct {
    uint8_t *bytes;
    size_t count, capacity;
} Buffer;

void reserve(Buffer *buffer, size_t more);
void append(Buffer *buffer, const void *bytes, size_t count);
void appendText(Buffer *buffer, const char *text);
void appendFormat(Buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void appendVarint(Buffer *buffer, uint64_t value);
void bytesField(Buffer *buffer, int field, const void *bytes, size_t count);
void textField(Buffer *buffer, int field, const char *text);
void messageField(Buffer *buffer, int field, const Buffer *message);
void varintField(Buffer *buffer, int field, uint64_t value);
void fixed64Field(Buffer *buffer, int field, uint64_t value);
void doubleField(Buffer *buffer, int field, double value);

typedef struct {
    FILE *file;
    bool gzip;
    Buffer scratch;
    uint64_t records, items, bytes, rawBytes;
} Pack;

/// Opens the file of `--out`; bodies are gzip-compressed with `--gzip` (level 6, what senders use).
Pack openPack(void);
void addRecord(Pack *pack, const Buffer *body, uint32_t items, uint32_t shard);
void closePack(Pack *pack);

typedef struct {
    const uint8_t *bytes;
    uint32_t count, items, shard;
} Record;

/// Maps a pack into memory; the process keeps it until it ends.
size_t loadPack(const char *path, Record **records);

// ---- snappy.c

/// Replaces the output with the snappy block format of the input.
void snappyCompress(Buffer *output, const uint8_t *input, size_t count);

// ---- shop.c: the shop whose requests the packs of spans and lines tell about

enum { gateway, frontend, catalog, cart, recommendation, shipping, checkout, payment, email, currency,
       ads, redis, serviceCount };
enum { podsPerService = 3 };

extern const char *const serviceNames[serviceCount];
extern const char *const serviceLanguages[serviceCount];
extern const char *const rpcServices[serviceCount];
enum { userAgentCount = 6 };
extern const char *const userAgents[userAgentCount];
extern char podNames[serviceCount][podsPerService][64];

/// One call of a request's shape; the parent is the index of the call that makes it, -1 for the first.
typedef struct {
    int parent, service;
    const char *operation, *route;
} Call;

typedef struct {
    int weight, count;
    Call calls[10];
} Shape;

enum { shapeCount = 6 };
extern const Shape shapes[shapeCount];

void namePods(void);
void randomUUID(char text[37]);

// ---- spans.c, encodeSpans.c, samples.c, lines.c: what the packs hold

enum { attributesMax = 12 };

typedef struct {
    const char *key;
    bool isNumber;
    int64_t number;
    char text[160];
} SpanAttribute;

typedef enum { noEvent, messageEvent, exceptionEvent } EventKind;

typedef struct {
    uint64_t trace[2], id, parent;
    char name[96];
    bool isClient, failed;
    int service, pod;
    uint64_t start, end;
    SpanAttribute attributes[attributesMax];
    int attributeCount;
    EventKind event;
    uint32_t eventNumber;
} Span;

typedef struct {
    Span *spans;
    size_t count, capacity;
} SpanList;

void appendOTLPRequest(Buffer *body, const SpanList *spans);
void appendZipkinRequest(Buffer *body, const SpanList *spans);

void makeSpans(void);
void makeSamples(void);
void makeLines(void);

// ---- http.c: one HTTP/1.1 message at a time, read as it arrives

typedef struct {
    size_t headEnd, scan, bodyBytes;
    long contentLength;
    int status, retryAfter;
    bool chunked, closing;
} Message;

typedef enum { incomplete, complete, malformed } MessageState;

/// Looks at the bytes that have arrived so far; `length` becomes the length of the whole message.
MessageState readMessage(Message *message, const Buffer *received, bool isResponse, size_t *length);

typedef struct {
    char host[64], path[4096];
    int port;
} Address;

Address parseAddress(const char *url);
/// A connected socket without delay, or -1.
int connectTo(const Address *address, bool nonBlocking);
/// Headers of `--header`, each with its line end.
char *extraHeaders(void);

// ---- load.c, query.c, backend.c

void load(bool posts);

// ---- grpc.c

/// Sends a pack as gRPC calls.
void callGRPC(void);
void query(void);
void backend(void);

int compareDoubles(const void *left, const void *right);
/// The value below which the share of the sorted values lies, times 1000 (milliseconds from seconds).
double percentile(const double *sorted, size_t count, double share);

#endif

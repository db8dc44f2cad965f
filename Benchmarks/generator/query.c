// Asks the queries of a list, one at a time on one connection, and reports how long answers took.
#define _GNU_SOURCE
#include "generator.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    char *name, *path;
} Question;

static Address address;
static char *headers;
static int file = -1;
static Buffer answer;

/// Sends one request and reads its answer: the status, or 0 when the connection broke.
static int ask(const char *path, size_t *bodyBytes) {
    static Buffer request;
    Message message = {0};
    size_t length;
    if (file < 0 && (file = connectTo(&address, false)) < 0) return 0;
    request.count = answer.count = 0;
    appendFormat(&request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\n%s\r\n", path, address.host,
                 address.port, headers);
    bool sent = send(file, request.bytes, request.count, MSG_NOSIGNAL) == (ssize_t)request.count;
    while (sent) {
        reserve(&answer, 262144);
        ssize_t count = recv(file, answer.bytes + answer.count, answer.capacity - answer.count, 0);
        if (count <= 0) break;
        answer.count += (size_t)count;
        MessageState state = readMessage(&message, &answer, true, &length);
        if (state == incomplete) continue;
        if (state == malformed) break;
        *bodyBytes = message.bodyBytes;
        if (message.closing) {
            close(file);
            file = -1;
        }
        return message.status;
    }
    close(file);
    file = -1;
    return 0;
}

static size_t readQuestions(Question **questions) {
    const char *path = option("--file", "");
    FILE *list = fopen(path, "r");
    if (!list) stop("cannot open the queries in \"%s\"", path);
    static char line[16384];
    size_t count = 0;
    while (fgets(line, sizeof line, list)) {
        line[strcspn(line, "\r\n")] = 0;
        char *tab = strchr(line, '\t');
        if (!tab) continue;
        *tab = 0;
        *questions = realloc(*questions, (count + 1) * sizeof **questions);
        if (!*questions) stop("out of memory");
        (*questions)[count++] = (Question){strdup(line), strdup(tab + 1)};
    }
    fclose(list);
    return count;
}

typedef struct {
    double *latencies;
    size_t count, capacity, bytes;
    int bad;
} Tally;

static void askOnce(const Question *question, Tally *tally) {
    size_t bytes = 0;
    double began = seconds();
    int status = ask(question->path, &bytes);
    double took = seconds() - began;
    if (status != 200 && tally->bad++ == 0) {
        fprintf(stderr, "generator: %s: status %d %.*s\n", question->name, status,
                (int)(answer.count < 600 ? answer.count : 600), (const char *)answer.bytes);
    }
    if (tally->count == tally->capacity) {
        tally->capacity = tally->capacity * 2 + 256;
        tally->latencies = realloc(tally->latencies, tally->capacity * sizeof(double));
        if (!tally->latencies) stop("out of memory");
    }
    tally->latencies[tally->count++] = took;
    tally->bytes += bytes;
}

static void printTally(const char *name, Tally *tally) {
    qsort(tally->latencies, tally->count, sizeof(double), compareDoubles);
    printf("{\"query\":\"%s\",\"count\":%zu,\"bad\":%d,\"bytes\":%zu,\"p50_ms\":%.3f,"
           "\"p99_ms\":%.3f}\n",
           name, tally->count, tally->bad, tally->count ? tally->bytes / tally->count : 0,
           percentile(tally->latencies, tally->count, 0.5),
           percentile(tally->latencies, tally->count, 0.99));
}

/// Queries of one name are one group, asked in turn `--repeat` times or for `--each-seconds`.
static void askGroup(const Question *questions, size_t count, size_t first) {
    Tally tally = {0};
    int repeats = (int)numberOption("--repeat", 20);
    double until = seconds() + numberOption("--each-seconds", 10);
    for (int round = 0; round < repeats && seconds() < until; round++) {
        for (size_t i = first; i < count && seconds() < until; i++) {
            if (!strcmp(questions[i].name, questions[first].name)) askOnce(&questions[i], &tally);
        }
    }
    printTally(questions[first].name, &tally);
    free(tally.latencies);
}

static size_t firstOfName(const Question *questions, size_t index) {
    size_t first = 0;
    while (strcmp(questions[first].name, questions[index].name)) first++;
    return first;
}

/// All queries in turn until the time is over, a pause between two: what people do while data arrives.
static void askRound(const Question *questions, size_t count, double duration) {
    Tally *tallies = calloc(count, sizeof *tallies);
    if (!tallies) stop("out of memory");
    useconds_t pause = (useconds_t)(numberOption("--pause-ms", 20) * 1000);
    double until = seconds() + duration;
    for (size_t i = 0; count && seconds() < until; i = (i + 1) % count) {
        askOnce(&questions[i], &tallies[firstOfName(questions, i)]);
        usleep(pause);
    }
    for (size_t i = 0; i < count; i++) {
        if (tallies[i].count) printTally(questions[i].name, &tallies[i]);
    }
}

void query(void) {
    Question *questions = NULL;
    address = parseAddress(option("--base", NULL));
    headers = extraHeaders();
    size_t count = readQuestions(&questions);
    double round = numberOption("--round-seconds", 0);
    if (round > 0) {
        askRound(questions, count, round);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (firstOfName(questions, i) == i) askGroup(questions, count, i);
    }
}

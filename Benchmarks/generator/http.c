// HTTP/1.1 messages read as they arrive, and connections.
#define _GNU_SOURCE
#include "generator.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static bool startsWith(const char *line, size_t count, const char *name) {
    size_t length = strlen(name);
    return count >= length && strncasecmp(line, name, length) == 0;
}

static void readField(Message *message, const char *line, size_t count) {
    if (startsWith(line, count, "content-length:")) {
        message->contentLength = atol(line + 15);
    } else if (startsWith(line, count, "transfer-encoding: chunked")) {
        message->chunked = true;
    } else if (startsWith(line, count, "connection: close")) {
        message->closing = true;
    } else if (startsWith(line, count, "retry-after:")) {
        message->retryAfter = atoi(line + 12);
    }
}

static MessageState readHead(Message *message, const Buffer *received, bool isResponse) {
    const char *start = (const char *)received->bytes;
    const char *end = received->count < 4 ? NULL : memmem(start, received->count, "\r\n\r\n", 4);
    if (!end) return incomplete;
    *message = (Message){.contentLength = -1, .headEnd = (size_t)(end - start) + 4};
    message->scan = message->headEnd;
    if (isResponse) {
        if (!startsWith(start, received->count, "HTTP/1.")) return malformed;
        message->status = atoi(start + 9);
    }
    for (const char *line = start; line < end;) {
        const char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        readField(message, line, (size_t)(next - line));
        line = next + 2;
    }
    if (message->status == 204 || message->status == 304) message->contentLength = 0;
    if (!isResponse && message->contentLength < 0 && !message->chunked) message->contentLength = 0;
    return complete;
}

static MessageState readChunks(Message *message, const Buffer *received, size_t *length) {
    for (;;) {
        const char *start = (const char *)received->bytes + message->scan;
        size_t left = received->count - message->scan;
        const char *lineEnd = memmem(start, left, "\r\n", 2);
        if (!lineEnd) return incomplete;
        size_t chunk = strtoul(start, NULL, 16), head = (size_t)(lineEnd - start) + 2;
        if (left < head + chunk + 2) return incomplete;
        message->scan += head + chunk + 2;
        message->bodyBytes += chunk;
        if (!chunk) {
            *length = message->scan;
            return complete;
        }
    }
}

MessageState readMessage(Message *message, const Buffer *received, bool isResponse,
                         size_t *length) {
    if (!message->headEnd) {
        MessageState head = readHead(message, received, isResponse);
        if (head != complete) return head;
    }
    if (message->chunked) return readChunks(message, received, length);
    if (message->contentLength < 0) return malformed;  // bodies that end with the connection
    message->bodyBytes = (size_t)message->contentLength;
    *length = message->headEnd + message->bodyBytes;
    return received->count < *length ? incomplete : complete;
}

Address parseAddress(const char *url) {
    Address address = {.path = "/"};
    char rest[4096] = "";
    if (!url || sscanf(url, "http://%63[0-9.]:%d%4095s", address.host, &address.port, rest) < 2) {
        stop("an address is http://IPv4:PORT/PATH, not \"%s\"", url ? url : "");
    }
    if (rest[0]) memcpy(address.path, rest, sizeof rest);
    return address;
}

int connectTo(const Address *address, bool nonBlocking) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)address->port)};
    if (inet_pton(AF_INET, address->host, &to.sin_addr) != 1) stop("bad host %s", address->host);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (file < 0) return -1;
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(file, (struct sockaddr *)&to, sizeof to)) {
        close(file);
        return -1;
    }
    if (nonBlocking) fcntl(file, F_SETFL, O_NONBLOCK);
    return file;
}

char *extraHeaders(void) {
    Buffer text = {0};
    int position = 0;
    for (const char *header; (header = repeatedOption("--header", &position));) {
        appendFormat(&text, "%s\r\n", header);
    }
    append(&text, "", 1);
    return (char *)text.bytes;
}

// What stands behind and beside a proxy: a fixed answer to every GET, an empty one to every POST (where
// proxies send their spans). One thread; prints the port that it got, ends with SIGTERM.
#define _GNU_SOURCE
#include "generator.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { filesMax = 65536 };

typedef struct {
    Buffer received;
    Message message;
} Client;

static Client *clients[filesMax];

static const char body[] =
    "{\"status\":\"ok\",\"items\":[1,2,3,4,5,6,7,8,9,10],\"note\":\"the fixed answer of the backend\"}\n";

static int listenAnywhere(int *port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0 || bind(file, (struct sockaddr *)&address, sizeof address) || listen(file, 4096) ||
        getsockname(file, (struct sockaddr *)&address, &length)) {
        stop("cannot listen: %s", strerror(errno));
    }
    *port = ntohs(address.sin_port);
    return file;
}

static void acceptAll(int listener, int events) {
    for (;;) {
        int file = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;
        if (file < 0) return;
        if (file >= filesMax) {
            close(file);
            continue;
        }
        setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (!clients[file]) clients[file] = calloc(1, sizeof *clients[file]);
        if (!clients[file]) stop("out of memory");
        clients[file]->received.count = 0;
        clients[file]->message = (Message){0};
        struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
        epoll_ctl(events, EPOLL_CTL_ADD, file, &event);
    }
}

static void answer(int file, bool isPost) {
    static char reply[512], empty[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
                                      "Content-Length: 0\r\n\r\n";
    static size_t replyCount;
    if (!replyCount) {
        replyCount = (size_t)snprintf(reply, sizeof reply,
                                      "HTTP/1.1 200 OK\r\nServer: backend\r\nContent-Type: "
                                      "application/json\r\nContent-Length: %zu\r\n\r\n%s",
                                      sizeof body - 1, body);
    }
    // Answers are far smaller than a socket's buffer: they are never taken in part.
    ssize_t count = isPost ? send(file, empty, sizeof empty - 1, MSG_NOSIGNAL)
                           : send(file, reply, replyCount, MSG_NOSIGNAL);
    if (count < 0) shutdown(file, SHUT_RDWR);
}

static void answerAll(int file, Client *client) {
    size_t length;
    for (;;) {
        MessageState state = readMessage(&client->message, &client->received, false, &length);
        if (state == malformed) shutdown(file, SHUT_RDWR);
        if (state != complete) return;
        answer(file, client->received.bytes[0] == 'P');
        memmove(client->received.bytes, client->received.bytes + length,
                client->received.count - length);
        client->received.count -= length;
        client->message = (Message){0};
    }
}

static void receive(int file) {
    Client *client = clients[file];
    for (;;) {
        reserve(&client->received, 65536);
        ssize_t count = recv(file, client->received.bytes + client->received.count,
                             client->received.capacity - client->received.count, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) {
            close(file);
            return;
        }
        client->received.count += (size_t)count;
        answerAll(file, client);
        if (client->received.capacity - client->received.count > 4096) return;
    }
}

void backend(void) {
    int port, listener = listenAnywhere(&port), events = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    if (events < 0 || epoll_ctl(events, EPOLL_CTL_ADD, listener, &event)) stop("cannot wait");
    printf("{\"port\":%d}\n", port);
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(events, ready, 256, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == listener) {
                acceptAll(listener, events);
            } else {
                receive(ready[i].data.fd);
            }
        }
    }
}

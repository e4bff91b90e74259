/* The process that connections reach, whichever way: it reads a question of 32 bytes and answers it twice.
 *
 *   worker channel [done|silent]   takes them from the channel of docs/protocol.md, and acknowledges them; says DONE
 *                                  too, or nothing at all
 *   worker listener NUMBER         accepts them itself, from a listening socket that it inherited
 *   worker PATH                    … from a Unix socket that it makes
 *
 * One thread, and the fewest system calls that each way allows, so that what differs is the way. */
#define _GNU_SOURCE
#include "inbox.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { QUESTION = 32, MOST = 65536, BUDGET = 64, EVENTS = 256 };

/* What of a question has come; connections are found by their descriptors. */
struct connection {
    uint64_t id;
    size_t count;
    int is_watched;
    char text[2 * QUESTION];
};

struct worker {
    int epoll, listener;
    struct inbox inbox;
    struct connection connections[MOST];
};

static void watch(const struct worker *worker, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(worker->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        err(71, "epoll_ctl");
}

/* Whoever gave the connection may hold a copy for a moment still, and then a close alone ends no stream. */
static void end(struct worker *worker, int fd)
{
    if (worker->listener < 0)
        shutdown(fd, SHUT_RDWR);
    /* While somebody holds a copy, closing takes nothing out of the epoll set. */
    if (worker->listener < 0 && worker->connections[fd].is_watched)
        epoll_ctl(worker->epoll, EPOLL_CTL_DEL, fd, NULL);
    close(fd);
    if (worker->listener < 0)
        inbox_done(&worker->inbox, worker->connections[fd].id);
}

/* Not 0: the connection is over. */
static int go_on(struct worker *worker, int fd)
{
    struct connection *connection = &worker->connections[fd];
    ssize_t got = recv(fd, connection->text + connection->count, QUESTION - connection->count, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got > 0)
        connection->count += (size_t)got;
    if (got > 0 && connection->count < QUESTION)
        return 0;
    if (got > 0) {
        memcpy(connection->text + QUESTION, connection->text, QUESTION);
        send(fd, connection->text, sizeof connection->text, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    end(worker, fd);
    return 1;
}

/* Mostly the question is there already. */
static void begin(struct worker *worker, int fd, uint64_t id)
{
    if (fd >= MOST)
        errx(71, "too many connections");
    worker->connections[fd].id = id;
    worker->connections[fd].count = 0;
    worker->connections[fd].is_watched = 0;
    if (go_on(worker, fd))
        return;
    watch(worker, fd);
    worker->connections[fd].is_watched = 1;
}

static void take_batons(struct worker *worker)
{
    inbox_receive(&worker->inbox);
    for (unsigned index = 0; index < worker->inbox.count; index++)
        begin(worker, worker->inbox.batons[index].fd, worker->inbox.batons[index].id);
}

static void accept_some(struct worker *worker)
{
    for (int count = 0; count < BUDGET; count++) {
        int fd = accept4(worker->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        begin(worker, fd, 0);
    }
}

static void run(struct worker *worker)
{
    int source = worker->listener >= 0 ? worker->listener : worker->inbox.channel;
    watch(worker, source);
    while (worker->listener >= 0 || !inbox_is_over(&worker->inbox)) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(worker->epoll, events, EVENTS, -1);
        for (int index = 0; index < count; index++) {
            int fd = events[index].data.fd;
            if (fd != source)
                go_on(worker, fd);
            else if (worker->listener >= 0)
                accept_some(worker);
            else
                take_batons(worker);
        }
        if (worker->listener < 0)
            inbox_tell(&worker->inbox);
    }
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        errx(64, "%s: too long", path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0)
        err(71, "%s", path);
    return fd;
}

int main(int count, char **arguments)
{
    static struct worker worker;
    worker.listener = -1;
    worker.epoll = epoll_create1(EPOLL_CLOEXEC);
    const char *way = count > 1 ? arguments[1] : "", *detail = count > 2 ? arguments[2] : "";
    if (strcmp(way, "channel") == 0)
        inbox_open(&worker.inbox, strcmp(detail, "silent") != 0, strcmp(detail, "done") == 0);
    else if (strcmp(way, "listener") == 0 && *detail)
        worker.listener = atoi(detail);
    else if (*way == '/')
        worker.listener = listen_at(way);
    else
        errx(64, "usage: worker channel [done|silent] | listener NUMBER | PATH");
    if (worker.listener >= 0 && fcntl(worker.listener, F_SETFL, O_NONBLOCK) != 0)
        err(71, "%s", way);
    run(&worker);
    return 0;
}

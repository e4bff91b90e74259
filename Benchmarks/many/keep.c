/* A handler that takes connections and keeps each until its client closes it: keep. */
#include "baton_handler.h"

#include <err.h>
#include <sys/epoll.h>

enum { EVENTS = 256 };

static void watch(int epoll, struct baton_connection *connection)
{
    struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0)
        baton_end(connection);
}

int main(void)
{
    struct baton_handler *handler = baton_open(&(struct baton_options){0});
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    if (!handler || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, baton_fd(handler), &event) < 0)
        err(71, "keep");
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int index = 0; index < count; index++)
            if (events[index].data.ptr)
                baton_end(events[index].data.ptr);
        struct baton_connection *connection;
        int got;
        while ((got = baton_next(handler, &connection, 0)) > 0)
            watch(epoll, connection);
        if (got < 0)
            return 0;
    }
}

#include "client.h"
#include "clock.h"

#include <err.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Closes with a reset: what ended in TIME_WAIT would use up the ports in a second. */
static void close_at_once(struct client *client)
{
    struct linger linger = {.l_onoff = 1};
    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(client->fd);
    client->fd = -1;
}

/* Counts the connection where it belongs. */
static int is_over(struct client *client, uint64_t *counter)
{
    (*counter)++;
    close_at_once(client);
    return 1;
}

void client_begin(struct client *client, struct run *run)
{
    client->asked = 0;
    client->answered = 0;
    client->fd = socket(run->target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        err(71, "socket");
    exchange_ask(run->nonce, run->tally.begun++, client->question);
    client->begin = now();
    int result = connect(client->fd, (struct sockaddr *)&run->target.address, run->target.length);
    if (result != 0 && errno == EADDRNOTAVAIL)
        err(71, "connect");
    /* A failed connect shows itself as an error of the first send. Of Unix sockets EAGAIN is a full backlog. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = client};
    if (epoll_ctl(client->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
        err(71, "epoll_ctl");
}

static int ask(struct client *client, struct run *run)
{
    ssize_t count = send(client->fd, client->question, QUESTION, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN)
        return 0;
    if (count < 0)
        return is_over(client, &run->tally.refused);
    if (count != QUESTION)
        errx(71, "a socket without room for %d bytes", QUESTION);
    client->asked = 1;
    return 0;
}

/* Takes what came; not 0 when the connection is over. */
static int take(struct client *client, struct run *run, const char *bytes, size_t count)
{
    if (count == 0 && client->answered < ANSWER)
        return is_over(client, &run->tally.short_);
    if (count == 0) {
        histogram_add(&run->tally.latency, client->end - client->begin);
        return is_over(client, &run->tally.answered);
    }
    if (!exchange_is_right(client->question, client->answered, bytes, count))
        return is_over(client, &run->tally.wrong);
    client->answered += count;
    if (client->answered == ANSWER)
        client->end = now();
    return 0;
}

int client_go_on(struct client *client, struct run *run)
{
    if (!client->asked && ask(client, run))
        return 1;
    while (client->asked) {
        char bytes[ANSWER + 1];
        ssize_t count = recv(client->fd, bytes, sizeof bytes, 0);
        if (count < 0 && errno == EAGAIN)
            return 0;
        if (count < 0)
            return is_over(client, &run->tally.reset);
        if (take(client, run, bytes, (size_t)count))
            return 1;
    }
    return 0;
}

void client_time_out(struct client *client, struct run *run) { is_over(client, &run->tally.timed_out); }

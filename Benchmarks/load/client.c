#include "client.h"
#include "clock.h"

#include <err.h>
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static const uint32_t ANSWERED = EPOLLIN | EPOLLRDHUP | EPOLLET;

/* Both cost a system call, and seldom change. */
static void watch(struct client *client, int operation, uint32_t events)
{
    if (operation == EPOLL_CTL_MOD && events == client->watched)
        return;
    struct epoll_event event = {.events = events, .data.ptr = client};
    if (epoll_ctl(client->epoll, operation, client->fd, &event) != 0)
        err(71, "epoll_ctl");
    client->watched = events;
}

static void open_socket(struct client *client, int family)
{
    client->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        err(71, "socket");
    watch(client, EPOLL_CTL_ADD, ANSWERED);
}

/* Ends with a reset: what ended in TIME_WAIT would use up the ports in a second. A TCP socket that is dissolved sends
 * one, and connects anew from another port, which costs a third of what a new socket does. */
static void end(struct client *client, const struct run *run)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    client->is_open = 0;
    if (run->target.address.ss_family != AF_UNIX && connect(client->fd, &nobody, sizeof nobody) == 0)
        return;
    close(client->fd);
    client->fd = -1;
}

/* Counts the connection where it belongs. */
static int is_over(struct client *client, const struct run *run, uint64_t *counter)
{
    (*counter)++;
    end(client, run);
    return 1;
}

void client_begin(struct client *client, struct run *run)
{
    if (client->fd < 0)
        open_socket(client, run->target.address.ss_family);
    client->is_open = 1;
    client->answered = 0;
    exchange_ask(run->nonce, run->tally.begun++, client->question);
    client->begin = now();
    int result = connect(client->fd, (struct sockaddr *)&run->target.address, run->target.length);
    if (result != 0 && errno == EADDRNOTAVAIL)
        err(71, "connect");
    /* To this machine a connection mostly stands at once, and the question can follow. A connect that failed shows
     * itself as an error of the next send. Of Unix sockets EAGAIN is a full backlog. */
    client->asked = send(client->fd, client->question, QUESTION, MSG_NOSIGNAL) == QUESTION;
    watch(client, EPOLL_CTL_MOD, client->asked ? ANSWERED : ANSWERED | EPOLLOUT);
}

static int ask(struct client *client, struct run *run)
{
    ssize_t count = send(client->fd, client->question, QUESTION, MSG_NOSIGNAL);
    if (count < 0 && errno == EAGAIN)
        return 0;
    if (count < 0)
        return is_over(client, run, &run->tally.refused);
    if (count != QUESTION)
        errx(71, "a socket without room for %d bytes", QUESTION);
    client->asked = 1;
    return 0;
}

static int is_answered(struct client *client, struct run *run)
{
    histogram_add(&run->tally.latency, client->end - client->begin);
    run->tally.in_time += client->end <= run->end;
    return is_over(client, run, &run->tally.answered);
}

/* Takes what came; not 0 when the connection is over. */
static int take(struct client *client, struct run *run, const char *bytes, size_t count)
{
    if (count == 0)
        return client->answered == ANSWER ? is_answered(client, run) : is_over(client, run, &run->tally.short_);
    if (!exchange_is_right(client->question, client->answered, bytes, count))
        return is_over(client, run, &run->tally.wrong);
    client->answered += count;
    if (client->answered == ANSWER)
        client->end = now();
    return 0;
}

int client_go_on(struct client *client, struct run *run, uint32_t events)
{
    if (!client->asked && ask(client, run))
        return 1;
    while (client->asked) {
        char bytes[ANSWER + 1];
        ssize_t count = recv(client->fd, bytes, sizeof bytes, 0);
        if (count < 0 && errno == EAGAIN)
            return 0;
        if (count < 0)
            return is_over(client, run, &run->tally.reset);
        if (take(client, run, bytes, (size_t)count))
            return 1;
        /* There was room for more, so there is no more yet: if the end had come before, this was all, and else it
         * makes itself known. */
        if (client->answered == ANSWER && !(events & (EPOLLERR | EPOLLHUP)))
            return events & EPOLLRDHUP ? is_answered(client, run) : 0;
    }
    return 0;
}

void client_time_out(struct client *client, struct run *run) { is_over(client, run, &run->tally.timed_out); }

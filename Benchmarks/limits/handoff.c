/* The limit of handing over: limit-handoff [keep] LISTENER WORKER [ARGUMENT…]
 *
 * Accepts from the listening socket that is its descriptor LISTENER, and passes each connection to one worker, which
 * finds the channel as a handler of Baton does. With `keep` it holds its copy until the worker's ACK, which is what
 * Baton promises; else it closes it at once. It can do nothing else, and nobody can do it with less. */
#define _GNU_SOURCE
#include "message.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUDGET = 16 };

struct passer {
    int listener, channel, epoll, keeps;
    uint64_t sent, acknowledged; /* ids */
    int held[WINDOW];            /* the copies, each at its id modulo WINDOW */
};

/* A program that holds the other end of a channel; returns this end. */
static int start_worker(char **arguments)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        err(71, "socketpair");
    pid_t child = fork();
    if (child < 0)
        err(71, "fork");
    if (child > 0) {
        close(ends[1]);
        return ends[0];
    }
    /* As every handler of Baton's, and what relays connect to: else the scheduler would count it as one with us. */
    setsid();
    char number[16];
    snprintf(number, sizeof number, "%d", ends[1]);
    setenv("BATON_CHANNEL", number, 1);
    fcntl(ends[1], F_SETFD, 0);
    execv(arguments[0], arguments);
    err(71, "%s", arguments[0]);
}

/* The channel never blocks for long: a window of messages has room in it. */
static void pass(const struct passer *passer, int fd)
{
    struct {
        struct header header;
        struct baton_body body;
    } baton = {{sizeof baton, BATON, 0, passer->sent}, {.connection = passer->sent}};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control;
    struct iovec part = {&baton, sizeof baton};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    control.align = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.align), &fd, sizeof fd);
    if (sendmsg(passer->channel, &message, MSG_NOSIGNAL) < 0)
        err(71, "sendmsg");
}

/* One message of the worker's. Only its ACK means anything here; it stands for all before it. */
static void receive(struct passer *passer, int flags)
{
    struct header header;
    ssize_t size = recv(passer->channel, &header, sizeof header, flags);
    if (size == 0)
        exit(0);
    if (size < 0)
        err(71, "recv");
    if (header.type != ACK)
        return;
    while (passer->keeps && passer->acknowledged < header.id)
        close(passer->held[++passer->acknowledged % WINDOW]);
}

static void accept_some(struct passer *passer)
{
    for (int count = 0; count < BUDGET; count++) {
        int fd = accept4(passer->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
            return;
        if (fd < 0)
            err(71, "accept4");
        passer->sent++;
        pass(passer, fd);
        if (passer->keeps)
            passer->held[passer->sent % WINDOW] = fd;
        else
            close(fd);
        while (passer->keeps && passer->sent - passer->acknowledged == WINDOW)
            receive(passer, 0);
    }
}

static void watch(const struct passer *passer, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(passer->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        err(71, "epoll_ctl");
}

int main(int count, char **arguments)
{
    int keeps = count > 1 && strcmp(arguments[1], "keep") == 0;
    if (count < 3 + keeps)
        errx(64, "usage: limit-handoff [keep] LISTENER WORKER [ARGUMENT...]");
    struct passer passer = {.listener = atoi(arguments[1 + keeps]), .keeps = keeps};
    if (fcntl(passer.listener, F_SETFD, FD_CLOEXEC) != 0 || fcntl(passer.listener, F_SETFL, O_NONBLOCK) != 0)
        err(71, "%s", arguments[1 + keeps]);
    passer.channel = start_worker(arguments + 2 + keeps);
    passer.epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(&passer, passer.listener);
    watch(&passer, passer.channel);
    for (;;) {
        struct epoll_event events[2];
        int ready = epoll_wait(passer.epoll, events, 2, -1);
        for (int index = 0; index < ready; index++) {
            if (events[index].data.fd == passer.channel)
                receive(&passer, 0);
            else
                accept_some(&passer);
        }
    }
}

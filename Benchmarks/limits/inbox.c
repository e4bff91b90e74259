#define _GNU_SOURCE
#include "inbox.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Waits for room, unlike a handler that must not be late with its PONG: the supervisor always reads on, and of
 * messages that it has not read there are never more than those of some windows. */
static void say(const struct inbox *inbox, uint16_t type, uint64_t id, const void *body, size_t size)
{
    struct header header = {(uint32_t)(sizeof header + size), type, 0, id};
    struct iovec parts[2] = {{&header, sizeof header}, {(void *)(uintptr_t)body, size}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = size ? 2 : 1};
    if (sendmsg(inbox->channel, &message, MSG_NOSIGNAL) < 0 && errno != EPIPE)
        err(71, "sendmsg");
}

void inbox_open(struct inbox *inbox, int acknowledges, int says_done)
{
    const char *channel = getenv("BATON_CHANNEL"), *service = getenv("BATON_SERVICE");
    if (!channel)
        errx(64, "BATON_CHANNEL is not set");
    *inbox = (struct inbox){.channel = atoi(channel), .acknowledges = acknowledges, .says_done = says_done};
    if (fcntl(inbox->channel, F_SETFD, FD_CLOEXEC) != 0)
        err(71, "BATON_CHANNEL");
    struct {
        struct registration fixed;
        char service[256];
    } body = {.fixed = {.version = VERSION, .traits = says_done ? 0 : SENDS_NO_DONE}};
    size_t length = service ? strlen(service) : 0;
    memcpy(body.service, service ? service : "", length < sizeof body.service ? length : sizeof body.service);
    say(inbox, REGISTER, 0, &body, sizeof body.fixed + length);
}

/* The header is answered with length 0 at the end of the channel, and when nothing more is there. */
static struct header receive(struct inbox *inbox, int *fd)
{
    struct {
        struct header header;
        struct baton_body body;
        char names[512];
    } text;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof *fd)];
    } control;
    struct iovec part = {&text, sizeof text};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_LEN(sizeof *fd)};
    ssize_t size = recvmsg(inbox->channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EAGAIN)
        return (struct header){0};
    /* Whoever passed connections is gone: nobody asks for those that are left. */
    if (size <= 0)
        exit(0);
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || (size_t)size < sizeof text.header)
        errx(71, "a message that is cut off");
    if (text.header.type != BATON)
        return text.header;
    if (!message.msg_controllen || text.body.drained != 0)
        errx(71, "a baton without a connection, or with drained bytes");
    memcpy(fd, CMSG_DATA(&control.align), sizeof *fd);
    return text.header;
}

void inbox_receive(struct inbox *inbox)
{
    inbox->count = 0;
    while (inbox->count < WINDOW) {
        int fd = -1;
        struct header header = receive(inbox, &fd);
        if (header.length == 0)
            break;
        if (header.type == PING)
            say(inbox, PONG, header.id, NULL, 0);
        else if (header.type == DRAIN)
            inbox->is_ending = 1;
        else if (header.type == BATON) {
            inbox->batons[inbox->count].fd = fd;
            inbox->batons[inbox->count++].id = header.id;
        } else if (header.type != WELCOME)
            errx(71, "message of type %d", header.type);
    }
    inbox->held += inbox->count;
    if (inbox->acknowledges && inbox->count > 0)
        say(inbox, ACK, inbox->batons[inbox->count - 1].id, NULL, 0);
}

void inbox_done(struct inbox *inbox, uint64_t id)
{
    inbox->held--;
    if (!inbox->says_done)
        return;
    inbox->done[inbox->done_count++] = id;
    if (inbox->done_count == WINDOW)
        inbox_tell(inbox);
}

void inbox_tell(struct inbox *inbox)
{
    if (inbox->done_count > 0)
        say(inbox, DONE, 0, inbox->done, inbox->done_count * sizeof *inbox->done);
    inbox->done_count = 0;
}

int inbox_is_over(const struct inbox *inbox) { return inbox->is_ending && inbox->held == 0; }

#define _GNU_SOURCE
#include "channel.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connect_to(const char *name, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *directory = getenv("BATON_RUNTIME_DIRECTORY");
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", directory ? directory : "/run/baton", name);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        err(69, "%s", address.sun_path);
    return fd;
}

static int inherited(void)
{
    const char *number = getenv("BATON_CHANNEL");
    if (!number)
        errx(64, "no BATON_CHANNEL");
    int fd = atoi(number);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static void say_register(struct channel *channel, const char *service, int descriptor)
{
    struct {
        struct registration registration;
        char service[256];
    } body = {.registration = {.version = 1}};
    size_t length = strnlen(service, sizeof body.service);
    memcpy(body.service, service, length);
    size_t size = sizeof body.registration + length;
    struct header header = {.length = (uint32_t)(sizeof header + size), .type = REGISTER};
    channel_send(channel, &header, &body, size, descriptor);
}

/* The pair comes first, so that it is closed before the connection when this process dies. */
static void open_datagram(struct channel *channel, const char *service)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) != 0)
        err(71, "socketpair");
    channel->lifeline = channel->fd = connect_to("register.sock", SOCK_SEQPACKET);
    say_register(channel, service, pair[1]);
    close(pair[1]);
    channel->fd = pair[0];
}

void channel_open(struct channel *channel, enum transport transport, const char *service)
{
    channel->transport = transport;
    channel->lifeline = channel->descriptor = -1;
    channel->have = 0;
    if (transport == DATAGRAM) {
        open_datagram(channel, service);
        return;
    }
    if (transport == SUPERVISED)
        channel->fd = inherited();
    else if (transport == PACKETS)
        channel->fd = connect_to("register.sock", SOCK_SEQPACKET);
    else
        channel->fd = connect_to("register.stream.sock", SOCK_STREAM);
    say_register(channel, service, -1);
}

/* ---- Sending ---- */

/* -1: the channel has ended. */
static ssize_t send_some(struct channel *channel, struct iovec parts[2], int descriptor)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (descriptor >= 0) {
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
    for (;;) {
        ssize_t count = sendmsg(channel->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count >= 0)
            return count;
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS && errno != ENOMEM)
            return -1;
        struct pollfd writable = {.fd = channel->fd, .events = POLLOUT};
        poll(&writable, 1, 100);
    }
}

static void send_parts(struct channel *channel, struct iovec parts[2], int descriptor)
{
    for (;;) {
        ssize_t count = send_some(channel, parts, descriptor);
        if (count < 0)
            exit(0);
        if (channel->transport != STREAM)
            return;
        descriptor = -1;
        for (int part = 0; part < 2; part++) {
            size_t taken = (size_t)count < parts[part].iov_len ? (size_t)count : parts[part].iov_len;
            parts[part].iov_base = (char *)parts[part].iov_base + taken;
            parts[part].iov_len -= taken;
            count -= (ssize_t)taken;
        }
        if (parts[0].iov_len + parts[1].iov_len == 0)
            return;
    }
}

void channel_send(struct channel *channel, const struct header *header, const void *body, size_t size, int descriptor)
{
    struct iovec parts[2] = {
        {.iov_base = (void *)(uintptr_t)header, .iov_len = sizeof *header},
        {.iov_base = (void *)(uintptr_t)body, .iov_len = size},
    };
    send_parts(channel, parts, descriptor);
}

void channel_send_bytes(struct channel *channel, const void *bytes, size_t size, int descriptor)
{
    struct iovec parts[2] = {{.iov_base = (void *)(uintptr_t)bytes, .iov_len = size}};
    send_parts(channel, parts, descriptor);
}

/* ---- Receiving ---- */

/* Reads up to `size` bytes behind those that are there. 1, 0 or -1 as channel_receive. */
static int receive_some(struct channel *channel, size_t size)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    struct iovec part = {.iov_base = channel->bytes + channel->have, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t count = recvmsg(channel->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (count == 0)
        return -1;
    struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    if (first && first->cmsg_type == SCM_RIGHTS)
        memcpy(&channel->descriptor, CMSG_DATA(first), sizeof channel->descriptor);
    channel->have += (size_t)count;
    return 1;
}

int channel_receive(struct channel *channel)
{
    if (channel->transport != STREAM) {
        channel->have = 0;
        channel->descriptor = -1;
        return receive_some(channel, LONGEST_MESSAGE);
    }
    /* The header by itself, then the rest: so what comes with a message's first byte is surely its own. */
    for (;;) {
        size_t whole = channel->have < sizeof(struct header) ? sizeof(struct header) : channel->header.length;
        if (channel->have >= sizeof(struct header) && channel->have == whole) {
            channel->have = 0;
            return 1;
        }
        if (channel->have == 0)
            channel->descriptor = -1;
        if (whole > LONGEST_MESSAGE)
            errx(70, "a message of %zu bytes", whole);
        int result = receive_some(channel, whole - channel->have);
        if (result != 1)
            return result;
    }
}

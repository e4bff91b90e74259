/* The channel's socket: where it comes from, and how a message is sent on it. */
#include "handler.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

int baton_channel_adopt(const char *text) {
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno || end == text || *end || number < 0 || number > INT_MAX)
        return errno = EINVAL, -1;
    int type = 0;
    socklen_t length = sizeof type;
    if (getsockopt((int)number, SOL_SOCKET, SO_TYPE, &type, &length) != 0)
        return -1;
    if (type != SOCK_SEQPACKET)
        return errno = EPROTOTYPE, -1;
    /* At once: a child that kept the channel would keep this handler from ever being gone. */
    if (fcntl((int)number, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    return (int)number;
}

/* RUNTIME_DIR; refused when others could have put it there. */
static int runtime_directory(const char *given, char *path, size_t size) {
    const char *named = given ? given : getenv("BATON_RUNTIME_DIRECTORY");
    const char *session = getenv("XDG_RUNTIME_DIR");
    int length;
    if (named && *named)
        length = snprintf(path, size, "%s", named);
    else if (geteuid() == 0)
        length = snprintf(path, size, "/run/baton");
    else if (session && *session == '/')
        length = snprintf(path, size, "%s/baton", session);
    else
        length = snprintf(path, size, "/tmp/baton-%u", (unsigned)geteuid());
    if (length < 0 || (size_t)length >= size)
        return errno = ENAMETOOLONG, -1;
    struct stat status;
    if (lstat(path, &status) != 0)
        return -1;
    if (!S_ISDIR(status.st_mode))
        return errno = ENOTDIR, -1;
    if ((status.st_uid != 0 && status.st_uid != geteuid()) || status.st_mode & S_IWOTH)
        return errno = EPERM, -1;
    return 0;
}

/* Whether root or ourselves listen at the other end: whatever way led there, SO_PEERCRED has who called listen(2). */
static int is_trusted(int channel) {
    struct ucred listener;
    socklen_t length = sizeof listener;
    if (getsockopt(channel, SOL_SOCKET, SO_PEERCRED, &listener, &length) != 0)
        return 0;
    if (listener.uid == 0 || listener.uid == geteuid())
        return 1;
    errno = EPERM;
    return 0;
}

int baton_channel_connect(const char *given, int flags) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char directory[sizeof address.sun_path];
    if (runtime_directory(given, directory, sizeof directory) != 0)
        return -1;
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/register.sock", directory);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        return errno = ENAMETOOLONG, -1;
    int channel = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
    if (channel < 0)
        return -1;
    int result;
    do
        result = connect(channel, (struct sockaddr *)&address, sizeof address);
    while (result != 0 && errno == EINTR);
    if (result != 0 || !is_trusted(channel)) {
        int error = errno;
        close(channel);
        errno = error;
        return -1;
    }
    return channel;
}

enum sending baton_channel_send(int channel, const struct header *header, const struct iovec *body, int parts, int fd) {
    struct iovec all[3] = {{(void *)(uintptr_t)header, HEADER}};
    for (int part = 0; part < parts; part++)
        all[1 + part] = body[part];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct msghdr message = {.msg_iov = all, .msg_iovlen = 1 + (size_t)parts};
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        *rights = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return SENT;
    switch (errno) {
    case EAGAIN:
        return FULL;
    case ENOBUFS:
    case ENOMEM:
        return SHORT;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
    case ENOTCONN:
        return BROKEN;
    default:
        return fd >= 0 ? UNSENDABLE : BROKEN;
    }
}

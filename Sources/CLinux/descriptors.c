#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

int baton_open_at(int directory, const char *path, int flags, mode_t mode) { return openat(directory, path, flags, mode); }

int baton_hold_at(int directory, const char *name)
{
    return openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

int baton_change_owner(int held, uid_t owner, gid_t group) { return fchownat(held, "", owner, group, AT_EMPTY_PATH); }

int baton_placeholder(void) { return eventfd(0, EFD_CLOEXEC); }

int baton_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 3); }

int baton_replace(int number, int descriptor) { return dup3(descriptor, number, O_CLOEXEC); }

int baton_set_nonblocking(int descriptor, int on)
{
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -1;
    int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return wanted == flags ? 0 : fcntl(descriptor, F_SETFL, wanted);
}

int baton_set_close_on_exec(int descriptor, int on) { return fcntl(descriptor, F_SETFD, on ? FD_CLOEXEC : 0); }

int baton_accept(int listener, struct sockaddr_storage *peer, socklen_t *length)
{
    return accept4(listener, (struct sockaddr *)peer, length, SOCK_CLOEXEC);
}

ssize_t baton_write_now(int descriptor, const void *bytes, size_t length)
{
    struct stat status;
    if (fstat(descriptor, &status) < 0) return -1;
    if (S_ISREG(status.st_mode)) return write(descriptor, bytes, length);
    struct iovec data = {.iov_base = (void *)bytes, .iov_len = length};
    ssize_t written = pwritev2(descriptor, &data, 1, -1, RWF_NOWAIT);
    if (written >= 0 || errno != EOPNOTSUPP) return written;
    /* Terminals, and pipes before Linux 6.5: asked first. What is at most PIPE_BUF then does not wait (pipe(7)), unless
     * another writer comes in between. */
    struct pollfd room = {.fd = descriptor, .events = POLLOUT};
    if (poll(&room, 1, 0) != 1) {
        errno = EAGAIN;
        return -1;
    }
    return write(descriptor, bytes, length > PIPE_BUF ? PIPE_BUF : length);
}

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * BATON_MOST_DESCRIPTORS) + CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
};

ssize_t baton_send(int socket, const void *bytes, size_t length, const int *descriptors, size_t count, int flags)
{
    if (count > BATON_MOST_DESCRIPTORS) {
        errno = EINVAL;
        return -1;
    }
    struct iovec data = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    union control control;
    if (count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        memset(control.bytes, 0, message.msg_controllen);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    }
    return sendmsg(socket, &message, flags | MSG_NOSIGNAL);
}

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

/* Not an open file but a place in the file system (open(2), O_PATH), of which most calls say that it is no descriptor. */
static int is_mere_place(int descriptor)
{
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && flags & O_PATH;
}

/* Keeps those that are open files, in order, and answers how many. To close the others waits for nothing. */
static size_t drop_places(int *descriptors, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_mere_place(descriptors[i]))
            close(descriptors[i]);
        else
            descriptors[kept++] = descriptors[i];
    }
    return kept;
}

ssize_t baton_receive(int socket, void *bytes, size_t length, int *descriptors, struct sockaddr_storage *name,
                      struct baton_received *received, int flags)
{
    struct iovec data = {.iov_base = bytes, .iov_len = length};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_name = received->name ? name : NULL, .msg_namelen = received->name};
    union control control;
    size_t room = received->descriptors;
    int wants_pid = received->pid != 0;
    message.msg_control = control.bytes;
    /* CMSG_SPACE would round up, and the kernel would use the place for a descriptor that nobody asked for. */
    message.msg_controllen =
        (room > 0 ? CMSG_LEN(sizeof(int) * room) : 0) + (wants_pid ? CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)) : 0);
    if (message.msg_controllen == 0) message.msg_control = NULL;
    ssize_t count = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    received->descriptors = 0;
    received->pid = 0;
    received->process = -1;
    received->flags = message.msg_flags;
    received->name = message.msg_namelen;
    if (count < 0 || message.msg_control == NULL) return count;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET) continue;
        if (header->cmsg_type == SCM_CREDENTIALS) {
            struct ucred writer;
            memcpy(&writer, CMSG_DATA(header), sizeof writer);
            received->pid = writer.pid;
        } else if (header->cmsg_type == SCM_PIDFD) {
            memcpy(&received->process, CMSG_DATA(header), sizeof received->process);
        } else if (header->cmsg_type == SCM_RIGHTS) {
            size_t passed = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            if (passed > room) passed = room;
            memcpy(descriptors, CMSG_DATA(header), passed * sizeof(int));
            received->descriptors = drop_places(descriptors, passed);
            if (received->descriptors < passed) received->flags |= MSG_CTRUNC;
        }
    }
    return count;
}

int baton_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK); }

ssize_t baton_splice(int from, int to, size_t most)
{
    return splice(from, NULL, to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

int baton_input_queue(int socket, int *bytes) { return ioctl(socket, SIOCINQ, bytes); }

int baton_output_queue(int socket, int *bytes) { return ioctl(socket, SIOCOUTQ, bytes); }

/* <linux/un.h> has it, which does not go with <sys/un.h>. */
#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)
#endif

int baton_socket_file(int socket) { return ioctl(socket, SIOCUNIXFILE, 0); }

int baton_tcp_counts(int socket, struct baton_tcp_counts *counts)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return -1;
    counts->received = info.tcpi_bytes_received;
    counts->sent = info.tcpi_bytes_sent;
    counts->retransmitted = info.tcpi_bytes_retrans;
    counts->unsent = info.tcpi_notsent_bytes;
    counts->state = info.tcpi_state;
    return 0;
}

int baton_backlog(int socket)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return -1;
    return (int)info.tcpi_unacked;
}

int baton_peer_credentials(int socket, int32_t *pid, uint32_t *uid, uint32_t *gid)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -1;
    *pid = peer.pid;
    *uid = peer.uid;
    *gid = peer.gid;
    return 0;
}

int baton_pidfd_signal(int pidfd, int signal) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0); }

int baton_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int baton_get_open_files(pid_t pid, uint64_t *soft, uint64_t *hard)
{
    struct rlimit limit;
    if (prlimit(pid, RLIMIT_NOFILE, NULL, &limit) < 0) return -1;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int baton_set_open_files(pid_t pid, uint64_t soft, uint64_t hard)
{
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return prlimit(pid, RLIMIT_NOFILE, &limit, NULL);
}

int baton_exited(int status) { return WIFEXITED(status); }

int baton_exit_status(int status) { return WEXITSTATUS(status); }

int baton_term_signal(int status) { return WTERMSIG(status); }

int baton_dumped_core(int status) { return WCOREDUMP(status) ? 1 : 0; }

int baton_address_news(void)
{
    int news = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (news < 0) return -1;
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    if (bind(news, (struct sockaddr *)&groups, sizeof groups) == 0) return news;
    int error = errno;
    close(news);
    errno = error;
    return -1;
}

int baton_next_address_news(int news)
{
    struct nlmsghdr header;
    ssize_t length = recv(news, &header, sizeof header, MSG_DONTWAIT);
    if (length < 0) return -1;
    return length < (ssize_t)sizeof header ? 0 : header.nlmsg_type;
}

int baton_is_new_address(int type) { return type == RTM_NEWADDR; }

#define _GNU_SOURCE
#include "system_call_faults.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Those that not every machine has are missing where they are. */
static const struct {
    const char *name;
    int number;
} calls[] = {
#define CALL(name) {#name, SYS_##name}
    CALL(accept4), CALL(bind), CALL(capget), CALL(capset), CALL(chdir), CALL(chroot), CALL(clone), CALL(clone3),
    CALL(close_range), CALL(connect), CALL(dup3), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_pwait),
    CALL(eventfd2), CALL(execve), CALL(execveat), CALL(fchmod), CALL(fchmodat), CALL(fchownat), CALL(fcntl),
    CALL(flock), CALL(fstat), CALL(ftruncate), CALL(futex), CALL(getgroups), CALL(getpeername), CALL(getresgid),
    CALL(getresuid), CALL(getsockname), CALL(getsockopt), CALL(ioctl), CALL(kill), CALL(landlock_create_ruleset),
    CALL(landlock_restrict_self), CALL(listen), CALL(lseek), CALL(memfd_create), CALL(mkdirat), CALL(mmap),
    CALL(newfstatat), CALL(openat), CALL(pidfd_open), CALL(pidfd_send_signal), CALL(pipe2), CALL(ppoll),
    CALL(prctl), CALL(pread64), CALL(prlimit64), CALL(pwrite64), CALL(pwritev2), CALL(read), CALL(recvfrom),
    CALL(recvmsg), CALL(sched_setaffinity), CALL(sendmsg), CALL(sendto), CALL(setgroups), CALL(setpriority),
    CALL(setresgid), CALL(setresuid), CALL(setsid), CALL(setsockopt), CALL(shutdown), CALL(signalfd4), CALL(socket),
    CALL(socketpair), CALL(splice), CALL(statx), CALL(sysinfo), CALL(unlinkat), CALL(wait4), CALL(waitid),
    CALL(write), CALL(writev),
#ifdef SYS_open
    CALL(open), CALL(chmod), CALL(epoll_wait), CALL(getdents64), CALL(mkdir), CALL(poll), CALL(readlink),
    CALL(rename), CALL(unlink),
#endif
};

int faults_number(const char *name)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (strcmp(calls[i].name, name) == 0) return calls[i].number;
    return -1;
}

static int install(struct sock_filter *filter, size_t length, unsigned flags)
{
    struct sock_fprog program = {.len = (unsigned short)length, .filter = filter};
    /* Who may not filter what could gain privileges can do without gaining any. */
    if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, skipped)
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)

int faults_fail(int number, int error)
{
    struct sock_filter filter[] = {
        LOAD(nr), UNLESS(number, 1), ANSWER(SECCOMP_RET_ERRNO | ((uint32_t)error & SECCOMP_RET_DATA)),
        ANSWER(SECCOMP_RET_ALLOW)};
    return install(filter, sizeof filter / sizeof *filter, 0);
}

int faults_watch(const int *numbers, size_t count, int reserved)
{
    const struct sock_filter begin[] = {
        LOAD(nr), UNLESS(SYS_sendmsg, 3), LOAD(args[0]), UNLESS(reserved, 1), ANSWER(SECCOMP_RET_ALLOW), LOAD(nr)};
    struct sock_filter filter[BPF_MAXINSNS];
    size_t length = sizeof begin / sizeof *begin;
    if (count > (BPF_MAXINSNS - length - 1) / 2) {
        errno = E2BIG;
        return -1;
    }
    memcpy(filter, begin, sizeof begin);
    for (size_t i = 0; i < count; i++) {
        filter[length++] = (struct sock_filter)UNLESS(numbers[i], 1);
        filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_USER_NOTIF);
    }
    filter[length++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
    /* A signal that comes while a call waits here must not begin it anew: it would be counted twice. */
    return install(filter, length, SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
}

int faults_next(int listener, struct faults_call *call)
{
    struct seccomp_notif notification;
    memset(&notification, 0, sizeof notification);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0) return -1;
    call->id = notification.id;
    call->thread = (int32_t)notification.pid;
    call->number = notification.data.nr;
    for (size_t i = 0; i < 6; i++) call->arguments[i] = notification.data.args[i];
    return 0;
}

int faults_answer(int listener, uint64_t id, int error)
{
    struct seccomp_notif_resp answer = {
        .id = id, .error = -error, .flags = error == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0};
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

int faults_pass(int socket, int descriptor)
{
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

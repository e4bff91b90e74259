#define _GNU_SOURCE
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ends the family with the errno of the first call that fails; with EPROTO where it did not do what it should. */
#define DO(call) if ((call) < 0) return errno
#define EXPECT(condition) if (!(condition)) return EPROTO

static int events(void)
{
    int poller, event, timer;
    DO(poller = epoll_create1(EPOLL_CLOEXEC));
    DO(event = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    DO(timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
    DO(timerfd_settime(timer, 0, &soon, NULL));
    struct epoll_event interest = {.events = EPOLLIN, .data = {.fd = event}}, ready;
    DO(epoll_ctl(poller, EPOLL_CTL_ADD, event, &interest));
    DO(epoll_wait(poller, &ready, 1, -1));
    EXPECT(ready.data.fd == event);
    struct pollfd polled = {.fd = timer, .events = POLLIN};
    DO(poll(&polled, 1, -1));
    return 0;
}

static int signals(void)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    DO(sigprocmask(SIG_BLOCK, &set, &before));
    int descriptor;
    DO(descriptor = signalfd(-1, &set, SFD_CLOEXEC));
    DO(raise(SIGUSR1));
    struct signalfd_siginfo info;
    EXPECT(read(descriptor, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1);
    static char stack[64 * 1024];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack}, none = {.ss_flags = SS_DISABLE};
    DO(sigaltstack(&other, NULL));
    DO(sigaltstack(&none, NULL));
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    DO(sigaction(SIGPIPE, &ignored, NULL));
    alarm(100);
    alarm(0);
    DO(sigprocmask(SIG_SETMASK, &before, NULL));
    return 0;
}

static int internet(int family)
{
    struct sockaddr_storage address = {.ss_family = family};
    socklen_t length = sizeof address;
    int listener, client, accepted, value;
    if (family == AF_INET6) ((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
    DO(listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    /* Without bind(2) the kernel chooses the port, whatever landlock says. */
    DO(listen(listener, 5));
    DO(getsockname(listener, (struct sockaddr *)&address, &length));
    DO(client = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (connect(client, (struct sockaddr *)&address, length) < 0) EXPECT(errno == EINPROGRESS);
    struct pollfd polled = {.fd = listener, .events = POLLIN};
    DO(poll(&polled, 1, -1));
    DO(accepted = accept4(listener, (struct sockaddr *)&address, &length, SOCK_CLOEXEC));
    DO(getpeername(accepted, (struct sockaddr *)&address, &length));
    struct linger at_once = {.l_onoff = 1};
    DO(setsockopt(accepted, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    length = sizeof value;
    DO(getsockopt(client, SOL_SOCKET, SO_ERROR, &value, &length));
    DO(send(accepted, "x", 1, MSG_NOSIGNAL));
    DO(ioctl(client, SIOCINQ, &value));
    DO(ioctl(accepted, SIOCOUTQ, &value));
    DO(shutdown(accepted, SHUT_WR));
    DO(close(accepted));
    DO(close(client));
    return close(listener);
}

static int internet_4(void) { return internet(AF_INET); }

static int internet_6(void)
{
    int error = internet(AF_INET6);
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL ? 0 : error;
}

static int datagrams(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int receiver, sender;
    char byte;
    DO(receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    DO(bind(receiver, (struct sockaddr *)&address, length));
    DO(getsockname(receiver, (struct sockaddr *)&address, &length));
    DO(sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    DO(sendto(sender, "x", 1, 0, (struct sockaddr *)&address, length));
    EXPECT(recvfrom(receiver, &byte, 1, 0, NULL, NULL) == 1 && byte == 'x');
    return 0;
}

/* An abstract address, as a target or a journal has a path. */
static int local(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    int listener, client, accepted, value = 1;
    DO(listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    DO(bind(listener, (struct sockaddr *)&address, sizeof address.sun_family));
    DO(getsockname(listener, (struct sockaddr *)&address, &length));
    DO(listen(listener, 1));
    DO(client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    DO(connect(client, (struct sockaddr *)&address, length));
    DO(accepted = accept(listener, NULL, NULL));
    DO(setsockopt(accepted, SOL_SOCKET, SO_PASSCRED, &value, sizeof value));
    struct ucred peer;
    length = sizeof peer;
    DO(getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &length));
    EXPECT(peer.pid == getpid());
    return 0;
}

static int descriptors(void)
{
    int pair[2];
    DO(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec data = {.iov_base = "x", .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &pair[0], sizeof(int));
    DO(sendmsg(pair[0], &message, MSG_NOSIGNAL));
    char byte;
    data.iov_base = &byte;
    DO(recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
    EXPECT((message.msg_flags & MSG_CTRUNC) == 0 && CMSG_FIRSTHDR(&message) != NULL);
    int duplicate;
    DO(duplicate = fcntl(pair[0], F_DUPFD_CLOEXEC, 3));
    DO(fcntl(duplicate, F_SETFL, O_NONBLOCK));
    return close(duplicate);
}

static int interfaces(void)
{
    int news;
    DO(news = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR};
    DO(bind(news, (struct sockaddr *)&groups, sizeof groups));
    unsigned index = if_nametoindex("lo");
    EXPECT(index != 0);
    char name[IF_NAMESIZE];
    EXPECT(if_indextoname(index, name) != NULL);
    return 0;
}

static int streams(void)
{
    int pipe[2], pair[2];
    char byte;
    DO(pipe2(pipe, O_CLOEXEC | O_NONBLOCK));
    DO(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    DO(write(pair[0], "x", 1));
    EXPECT(splice(pair[1], NULL, pipe[1], NULL, 1, SPLICE_F_MOVE | SPLICE_F_NONBLOCK) == 1);
    EXPECT(splice(pipe[0], NULL, pair[1], NULL, 1, SPLICE_F_MOVE | SPLICE_F_NONBLOCK) == 1);
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    EXPECT(readv(pair[0], &data, 1) == 1 && byte == 'x');
    if (pwritev2(pipe[1], &data, 1, -1, RWF_NOWAIT) < 0) EXPECT(errno == EOPNOTSUPP);
    return 0;
}

static int memory(void)
{
    size_t size = 1 << 20;
    int file;
    DO(file = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    DO(ftruncate(file, (off_t)size));
    DO(fallocate(file, 0, 0, (off_t)size));
    char *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    EXPECT(mapped != MAP_FAILED);
    mapped[0] = 'x';
    mapped = mremap(mapped, size, 2 * size, MREMAP_MAYMOVE);
    EXPECT(mapped != MAP_FAILED && mapped[0] == 'x');
    DO(munmap(mapped, 2 * size));
    DO(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL));
    char byte, path[64];
    EXPECT(pread(file, &byte, 1, 0) == 1);
    /* As a state file, or the book of permits, is opened anew to be read only. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    DO(open(path, O_RDONLY | O_CLOEXEC));
    char *block = malloc(64 << 20);
    EXPECT(block != NULL);
    memset(block, 1, 64 << 20);
    DO(madvise((void *)(((uintptr_t)block + 4095) & ~UINT64_C(4095)), 4096, MADV_DONTNEED));
    free(block);
    EXPECT(getrandom(&byte, 1, 0) == 1);
    return 0;
}

static int clocks(void)
{
    struct timespec now, moment = {.tv_nsec = 1};
    DO(clock_gettime(CLOCK_MONOTONIC, &now));
    DO(syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &now));
    DO(clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL));
    struct sysinfo info;
    DO(sysinfo(&info));
    cpu_set_t processors;
    DO(sched_getaffinity(0, sizeof processors, &processors));
    char name[65];
    DO(gethostname(name, sizeof name));
    return 0;
}

static int limits(void)
{
    struct rlimit limit;
    DO(prlimit(0, RLIMIT_NOFILE, NULL, &limit));
    limit.rlim_cur = limit.rlim_max;
    DO(setrlimit(RLIMIT_NOFILE, &limit));
    DO(prctl(PR_SET_NAME, "confined"));
    return 0;
}

/* As Spawn.closeInChild. */
static int closers(void)
{
    int file, status;
    DO(file = eventfd(0, EFD_CLOEXEC));
    long child;
    DO(child = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL));
    if (child == 0) {
        syscall(SYS_close, file);
        syscall(SYS_exit_group, 0);
    }
    DO(waitpid((pid_t)child, &status, 0));
    EXPECT(status == 0 && fcntl(file, F_GETFD) < 0);
    return 0;
}

static int children(void)
{
    int child;
    DO(child = fork());
    if (child == 0) {
        pause();
        _exit(0);
    }
    siginfo_t info;
    int descriptor;
    DO(descriptor = (int)syscall(SYS_pidfd_open, child, 0));
    DO((int)syscall(SYS_pidfd_send_signal, descriptor, SIGKILL, NULL, 0));
    struct pollfd polled = {.fd = descriptor, .events = POLLIN};
    DO(poll(&polled, 1, -1));
    DO(waitid(P_PID, (id_t)child, &info, WEXITED));
    EXPECT(info.si_status == SIGKILL);
    DO(child = fork());
    if (child == 0) abort();
    int status;
    DO(waitpid(child, &status, 0));
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    return 0;
}

static int files(void)
{
    char target[4096];
    struct stat status;
    DO(readlink("/proc/self/exe", target, sizeof target));
    DO(readlink("/proc/self/fd/1", target, sizeof target));
    DO(stat("/proc/self/fd", &status));
    DO(fstat(1, &status));
    DO(open("/proc/self/exe", O_PATH | O_CLOEXEC));
    DO(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    DO(open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC));
    DO(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    DO(access("/etc/passwd", R_OK));
    int directory;
    DO(directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    DO(syscall(SYS_getdents64, directory, target, sizeof target));
    return 0;
}

static const struct {
    const char *name;
    int (*run)(void);
} families[] = {
    {"events", events}, {"signals", signals}, {"internet 4", internet_4}, {"internet 6", internet_6},
    {"datagrams", datagrams}, {"local", local}, {"descriptors", descriptors}, {"interfaces", interfaces},
    {"streams", streams}, {"memory", memory}, {"clocks", clocks}, {"limits", limits}, {"closers", closers},
    {"children", children}, {"files", files},
};

void try_needed(const char *again)
{
    for (size_t index = 0; index < sizeof families / sizeof *families; index++)
        print_result(families[index].name, families[index].run());
    if (!again) return;
    /* As an upgrade: by an opened program, and it is under the same list. */
    int program = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    char *const arguments[] = {(char *)again, "refused", NULL};
    fflush(stdout);
    extern char **environ;
    syscall(SYS_execveat, program, "", arguments, environ, AT_EMPTY_PATH);
    print_result("execveat", errno);
}

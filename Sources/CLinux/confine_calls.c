#define _GNU_SOURCE
#include "baton_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define MACHINE AUDIT_ARCH_AARCH64
#endif

#ifdef MACHINE

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Its low half, which is all that the kernel takes of an int. */
#define LOAD_ARGUMENT(index) LOAD(args[index])
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, value)
#define ALLOWED ANSWER(SECCOMP_RET_ALLOW)
#define REFUSED(error) ANSWER(SECCOMP_RET_ERRNO | (error))
/* The next `count` instructions are passed over unless what was loaded is `value`. */
#define UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)

#define ALLOW(call) UNLESS(SYS_##call, 1), ALLOWED

/* A call whose argument has none of these bits. */
#define ALLOW_WITHOUT(call, index, bits) \
    UNLESS(SYS_##call, 4), LOAD_ARGUMENT(index), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1), \
        REFUSED(EPERM), ALLOWED

/* A call whose argument is one of the ONE_OF that follow; `count` of them. */
#define ALLOW_IF(call, index, count) UNLESS(SYS_##call, 2 * (count) + 2), LOAD_ARGUMENT(index)
#define ONE_OF(value) UNLESS(value, 1), ALLOWED
#define NO_OTHER REFUSED(EPERM)

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

/* The last call that was known when this list was made: Linux 6.1. What is younger is answered as by an older kernel
 * (ENOSYS), so that libraries fall back from it. Numbers from 424 on are the same everywhere. */
#define LAST_KNOWN 450

/* Another namespace; a child that is not ours; one that is traced. */
#define CLONES_REFUSED                                                                                              \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |    \
     CLONE_PARENT | CLONE_PTRACE)

/* In the order of what a connection takes: kernels before 5.11 go through the list at each call; later ones remember
 * which calls are allowed whatever their arguments. */
static const struct sock_filter list[] = {
    LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 1, 0), REFUSED(ENOSYS),
    LOAD(nr),
    /* Those of x32 as well, which have a bit of their own. */
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST_KNOWN, 0, 1), REFUSED(ENOSYS),

#ifdef SYS_epoll_wait
    ALLOW(epoll_wait),
#endif
    ALLOW(epoll_pwait), ALLOW(accept4), ALLOW(recvmsg), ALLOW(sendmsg), ALLOW(close), ALLOW(epoll_ctl), ALLOW(read),
    ALLOW(write), ALLOW(wait4), ALLOW(splice), ALLOW(fcntl), ALLOW(getsockopt), ALLOW(setsockopt), ALLOW(recvfrom),
    ALLOW(sendto), ALLOW(pwritev2), ALLOW(fstat), ALLOW(newfstatat), ALLOW(madvise),

    /* Sockets. */
    ALLOW(accept), ALLOW(connect), ALLOW(shutdown), ALLOW(getsockname), ALLOW(getpeername), ALLOW(recvmmsg),
    ALLOW(sendmmsg),
    /* The news of addresses; the others are the monitor's, which has port and path checked. */
    ALLOW(bind),
    /* A longer or shorter backlog. */
    ALLOW(listen),
    /* Transport protocols but the family's own are modules that a socket would load. */
    UNLESS(SYS_socket, 15), LOAD_ARGUMENT(2), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), REFUSED(EPERM),
    LOAD_ARGUMENT(0), ONE_OF(AF_UNIX), ONE_OF(AF_INET), ONE_OF(AF_INET6), ONE_OF(AF_VSOCK), ONE_OF(AF_NETLINK),
    NO_OTHER,
    ALLOW_IF(socketpair, 0, 1), ONE_OF(AF_UNIX), NO_OTHER,

    /* What is open already. */
    ALLOW(readv), ALLOW(writev), ALLOW(pread64), ALLOW(pwrite64), ALLOW(preadv), ALLOW(pwritev), ALLOW(preadv2),
    ALLOW(lseek), ALLOW(ftruncate), ALLOW(fallocate), ALLOW(fsync), ALLOW(fdatasync), ALLOW(sendfile),
    ALLOW(dup), ALLOW(dup3), ALLOW(close_range), ALLOW(pipe2), ALLOW(eventfd2),
    ALLOW(epoll_create1), ALLOW(ppoll), ALLOW(pselect6), ALLOW(signalfd4), ALLOW(timerfd_create),
    ALLOW(timerfd_settime), ALLOW(timerfd_gettime), ALLOW(memfd_create), ALLOW(flock),
    ALLOW(epoll_pwait2),
    ALLOW_IF(ioctl, 1, 8), ONE_OF(FIONREAD), ONE_OF(TIOCOUTQ), ONE_OF(FIONBIO), ONE_OF(FIOCLEX), ONE_OF(TCGETS),
    ONE_OF(TIOCGWINSZ), ONE_OF(SIOCGIFNAME), ONE_OF(SIOCGIFINDEX), NO_OTHER,

    /* Files, to look at. */
    ALLOW_WITHOUT(openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC), ALLOW(readlinkat), ALLOW(faccessat),
    ALLOW(faccessat2), ALLOW(statx), ALLOW(statfs), ALLOW(fstatfs), ALLOW(getdents64), ALLOW(getcwd), ALLOW(chdir),
    ALLOW(fchdir), ALLOW(umask), ALLOW(fadvise64),

    /* Memory; what was writable is never executed (PR_SET_MDWE). */
    ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(mprotect), ALLOW(brk), ALLOW(msync), ALLOW(mincore),
    ALLOW(futex), ALLOW(membarrier), ALLOW(rseq), ALLOW(set_robust_list), ALLOW(get_robust_list),
    ALLOW(set_tid_address),

    /* Time and chance. */
    ALLOW(clock_gettime), ALLOW(clock_getres), ALLOW(clock_nanosleep), ALLOW(nanosleep), ALLOW(gettimeofday),
    ALLOW(getitimer), ALLOW(setitimer), ALLOW(getrandom),

    /* Signals; to whom, landlock and the user say. */
    ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(rt_sigpending), ALLOW(rt_sigtimedwait),
    ALLOW(rt_sigsuspend), ALLOW(sigaltstack), ALLOW(restart_syscall), ALLOW(kill), ALLOW(tgkill),
    ALLOW(pidfd_open), ALLOW(pidfd_send_signal),

    /* Processes: children that close what may block, and another program in the place of this one. */
    ALLOW_WITHOUT(clone, 0, CLONES_REFUSED), ALLOW(execve), ALLOW(execveat), ALLOW(waitid), ALLOW(exit),
    ALLOW(exit_group), ALLOW(getpid), ALLOW(getppid), ALLOW(gettid), ALLOW(getuid), ALLOW(geteuid), ALLOW(getgid),
    ALLOW(getegid), ALLOW(getresuid), ALLOW(getresgid), ALLOW(getgroups), ALLOW(capget), ALLOW(getpgid),
    ALLOW(getsid), ALLOW(getpriority), ALLOW(getrusage), ALLOW(times), ALLOW(sched_getaffinity),
    ALLOW(sched_yield), ALLOW(getcpu), ALLOW(sysinfo), ALLOW(uname),
    /* Its own limits. */
    ALLOW_IF(prlimit64, 0, 1), ONE_OF(0), NO_OTHER,
    ALLOW_IF(prctl, 0, 12), ONE_OF(PR_SET_NAME), ONE_OF(PR_GET_NAME), ONE_OF(PR_SET_PDEATHSIG),
    ONE_OF(PR_GET_DUMPABLE), ONE_OF(PR_SET_DUMPABLE), ONE_OF(PR_GET_SECCOMP), ONE_OF(PR_CAPBSET_READ),
    ONE_OF(PR_SET_NO_NEW_PRIVS), ONE_OF(PR_GET_NO_NEW_PRIVS), ONE_OF(PR_SET_MDWE), ONE_OF(PR_GET_MDWE),
    ONE_OF(PR_SET_VMA), NO_OTHER,

    /* The older names of these, which other machines do not have. */
#ifdef __x86_64__
    ALLOW(poll), ALLOW(select), ALLOW(access), ALLOW(readlink), ALLOW(stat), ALLOW(lstat), ALLOW(dup2), ALLOW(pipe),
    ALLOW(eventfd), ALLOW(signalfd), ALLOW(epoll_create), ALLOW(alarm), ALLOW(pause),
    ALLOW(getpgrp), ALLOW(getrlimit), ALLOW(time), ALLOW(arch_prctl),
    ALLOW_WITHOUT(open, 1, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC),
#endif

    /* Its flags lie in memory, out of sight; libraries fall back to clone. */
    UNLESS(SYS_clone3, 1), REFUSED(ENOSYS),
    REFUSED(EPERM),
};

int baton_refuse_calls(void)
{
    const struct sock_fprog program = {.len = sizeof list / sizeof *list, .filter = (struct sock_filter *)list};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

#else

int baton_refuse_calls(void)
{
    errno = ENOSYS;
    return -1;
}

#endif

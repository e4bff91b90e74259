#define _GNU_SOURCE
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct call {
    const char *name;
    long number;
    long arguments[5];
};

/* A name of its own where the arguments decide. */
#define CALL(name, ...) {#name, SYS_##name, {__VA_ARGS__}}
#define AS(text, name, ...) {text, SYS_##name, {__VA_ARGS__}}

static const struct call calls[] = {
    /* Other processes, and what the kernel runs. */
    CALL(ptrace, 9999), CALL(process_vm_readv, 0), CALL(process_vm_writev, 0), CALL(pidfd_getfd, -1),
    CALL(kcmp, -1, -1, 9999), CALL(process_madvise, -1), CALL(perf_event_open, 0), CALL(bpf, 9999),
    CALL(userfaultfd, 0x4), CALL(io_uring_setup, 0), CALL(io_uring_enter, -1), CALL(io_uring_register, -1),
    CALL(add_key, 0), CALL(request_key, 0), CALL(keyctl, 9999), CALL(seccomp, 9999), CALL(landlock_restrict_self, -1),
    /* The machine. */
    CALL(init_module, 0), CALL(finit_module, -1), CALL(delete_module, 0), CALL(kexec_load, 0, 0, 0, 0xffff),
    CALL(swapon, 0), CALL(swapoff, 0), CALL(reboot, 1), CALL(syslog, 9999), CALL(acct, 1), CALL(quotactl, 0),
    CALL(clock_settime, 9999), CALL(settimeofday, 1), CALL(adjtimex, 0), CALL(sethostname, 0, 65),
    CALL(setdomainname, 0, 65), CALL(personality, 0xffffffff),
    /* Its place in it. */
    CALL(mount, 0), CALL(umount2, 0), CALL(pivot_root, 0), CALL(chroot, 0), CALL(unshare, 0), CALL(setns, -1),
    CALL(fsopen, 0), CALL(open_tree, -1), CALL(move_mount, -1), CALL(mount_setattr, -1), CALL(fanotify_init, 0xffff),
    CALL(name_to_handle_at, -1), CALL(open_by_handle_at, -1),
    /* What it is. */
    CALL(setuid, -1), CALL(setgid, -1), CALL(setresuid, -1, -1, -1), CALL(setresgid, -1, -1, -1),
    CALL(setgroups, 1 << 20), CALL(capset, 0), CALL(setpgid, -1, -1), CALL(setpriority, 9999),
    CALL(sched_setaffinity, -1), CALL(sched_setscheduler, -1), CALL(mlockall, 0xffff),
    /* Files. */
    CALL(mkdirat, -1, (long)"x"), CALL(unlinkat, -1, (long)"x"), CALL(renameat2, -1, (long)"x", -1, (long)"y"),
    CALL(linkat, -1, (long)"x", -1, (long)"y"), CALL(symlinkat, (long)"x", -1, (long)"y"),
    CALL(mknodat, -1, (long)"x"), CALL(fchmodat, -1, (long)"x"), CALL(fchownat, -1, (long)"x"), CALL(fchmod, -1),
    CALL(fchown, -1), CALL(truncate, 0), CALL(utimensat, -1, (long)"x"), CALL(setxattr, 0), CALL(fsetxattr, -1),
    /* What others share. */
    CALL(shmget, 0, 0, 0), CALL(msgget, 9999), CALL(semget, 9999), CALL(mq_open, 0),
    /* By their arguments. */
    AS("openat to write", openat, AT_FDCWD, (long)"/dev/null", O_WRONLY),
    AS("openat to read and write", openat, AT_FDCWD, (long)"/dev/null", O_RDWR),
    AS("openat to make", openat, -1, (long)"x", O_CREAT),
    AS("socket of packets", socket, AF_PACKET, SOCK_DGRAM, 0), AS("socket of ciphers", socket, AF_ALG, SOCK_SEQPACKET),
    AS("socket of another protocol", socket, AF_INET, SOCK_STREAM, 132),
    AS("socket of netfilter", socket, AF_NETLINK, SOCK_RAW, 12),
    AS("socketpair of another family", socketpair, AF_INET, SOCK_STREAM),
    AS("clone into a user namespace", clone, CLONE_NEWUSER | CLONE_FS),
    AS("clone of a sibling", clone, CLONE_PARENT | CLONE_SIGHAND),
    AS("ioctl that types", ioctl, -1, TIOCSTI), AS("ioctl of a terminal", ioctl, -1, TIOCSCTTY),
    AS("prctl of a reaper", prctl, PR_SET_CHILD_SUBREAPER, 0), AS("prctl of capabilities", prctl, PR_SET_KEEPCAPS, 0),
    AS("prctl of speculation", prctl, PR_SET_SPECULATION_CTRL, 9999),
    AS("prlimit of another", prlimit64, 1, 9999),
};

void try_refused(void)
{
    for (size_t index = 0; index < sizeof calls / sizeof *calls; index++) {
        const struct call *call = &calls[index];
        const long *a = call->arguments;
        long answer = syscall(call->number, a[0], a[1], a[2], a[3], a[4]);
        print_result(call->name, answer < 0 ? errno : 0);
    }
    /* Younger than the list, or with arguments that it cannot see: as if the kernel did not have them. */
    print_result("clone3", syscall(SYS_clone3, 0, 0) < 0 ? errno : 0);
    print_result("unknown", syscall(1000) < 0 ? errno : 0);
}

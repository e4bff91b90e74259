#define _GNU_SOURCE
#include "baton_spawn.h"
#include "raw_call.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

/* Linux until August 2024 took over, of a table that was left so, which words of higher numbers were full (CVE-2024-45025).
 * Seen where the low numbers are all taken and 64 is free: what is opened next must be 64, not 128. */
enum { KEPT = BATON_KEPT_NUMBERS, FILLED = 2 * KEPT, STACK = 16 * 1024 };

enum { GOOD, BAD, NOT_TRIED };

static int leave(void *nothing)
{
    (void)nothing;
    long left = raw_call3(SYS_close_range, KEPT, ~0u, 2 /* CLOSE_RANGE_UNSHARE */);
    long next = raw_call3(SYS_fcntl, 0, F_DUPFD, 0);
    _exit(left == 0 && next == KEPT ? GOOD : BAD);
}

/* One that died, of a filter of system calls say, has answered as well. */
static int exit_status(int pid)
{
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return NOT_TRIED;
    return WIFEXITED(status) ? WEXITSTATUS(status) : BAD;
}

/* In a process and with a table of its own, which the child of this one shares. */
static int fill_and_leave(void *nothing)
{
    alignas(16) char stack[STACK];
    /* Whoever takes over goes back to the program before when it crashes; this one is not to. */
    baton_signals_reset(baton_signals_not_default());
    int filler = eventfd(0, EFD_CLOEXEC), last = filler;
    while (last >= 0 && last < FILLED - 1) last = fcntl(filler, F_DUPFD_CLOEXEC, 0);
    if (last < 0) _exit(NOT_TRIED);
    _exit(exit_status(clone(leave, stack + STACK, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, nothing)));
}

int baton_shared_table_can_be_left(void)
{
    alignas(16) char stack[2 * STACK];
    int status = exit_status(clone(fill_and_leave, stack + 2 * STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
    return status == NOT_TRIED ? -1 : status == GOOD;
}

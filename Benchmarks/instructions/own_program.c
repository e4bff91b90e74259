/* For `LD_PRELOAD` under valgrind.
 *
 * /proc/self/exe is valgrind's own program there: whoever executes that gets what BATON_OWN_PROGRAM names instead.
 *
 * And valgrind knows no child that runs in its parent's memory beside it. Here such a child is a fork, and the parent
 * waits until it has executed its program or ended; what it writes for its parent stands in memory that both share.
 * Nor does it know a vforked child that shares the descriptors, which is not measured: that one gets a copy. */
#define _GNU_SOURCE
#include "spawn_child.h"

#include <dlfcn.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Looked up before anybody is between clone and exec. */
static const char *own_program;

__attribute__((constructor)) static void look_up(void) { own_program = getenv("BATON_OWN_PROGRAM"); }

int execve(const char *path, char *const *arguments, char *const *environment)
{
    if (own_program && strcmp(path, "/proc/self/exe") == 0)
        path = own_program;
    return (int)syscall(SYS_execve, path, arguments, environment);
}

/* Whether it is a program of its own, or no more. */
static int has_left(int child)
{
    char path[32], program[2][PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/exe", child);
    /* Written so, valgrind does not answer in the kernel's place. */
    ssize_t mine = readlink("/proc//self/exe", program[0], PATH_MAX), its = readlink(path, program[1], PATH_MAX);
    return mine != its || memcmp(program[0], program[1], (size_t)mine) != 0;
}

static int fork_and_wait(int (*run)(void *), void *argument, int *pid, int *is_under_way)
{
    int child = (int)syscall(SYS_fork);
    if (child == 0) {
        *pid = (int)syscall(SYS_getpid);
        /* Let it call the execve above. */
        ((struct child *)argument)->parent_waits = 1;
        _exit(run(argument));
    }
    while (child > 0 && !has_left(child))
        usleep(100);
    *is_under_way = 0;
    return child;
}

int clone(int (*run)(void *), void *stack, int flags, void *argument, ...)
{
    va_list rest;
    va_start(rest, argument);
    int *pid = va_arg(rest, int *);
    void *storage = va_arg(rest, void *);
    int *is_under_way = va_arg(rest, int *);
    va_end(rest);
    if ((flags & (CLONE_VM | CLONE_VFORK | CLONE_PARENT)) == CLONE_VM && flags & CLONE_CHILD_CLEARTID)
        return fork_and_wait(run, argument, pid, is_under_way);
    if (flags & CLONE_VFORK)
        flags &= ~CLONE_FILES;
    int (*next)(int (*)(void *), void *, int, void *, ...) = dlsym(RTLD_NEXT, "clone");
    return next(run, stack, flags, argument, pid, storage, is_under_way);
}

#define _GNU_SOURCE
#include "baton_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As fork: memory is copied, for the child may outlive any stack that we could lend it. */
static int fork_with(unsigned long flags) { return (int)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL); }

/* Until nobody has the other end any more. */
static void read_to_end(int end)
{
    char byte;
    while (syscall(SYS_read, end, &byte, 1) > 0) {}
}

int32_t baton_close_by_exit(const int *sockets, size_t count, int gate, int as_sibling)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    int pid = fork_with(as_sibling ? CLONE_PARENT : 0);
    if (pid == 0) {
        syscall(SYS_close, ends[1]);
        read_to_end(ends[0]); /* the parent has closed its copy */
        if (gate >= 0) read_to_end(gate);
        syscall(SYS_exit_group, 0);
    }
    int error = errno;
    for (size_t i = 0; pid > 0 && i < count; i++) close(sockets[i]);
    close(ends[0]);
    close(ends[1]);
    errno = error;
    return pid;
}

int32_t baton_close_in_child(const int *files, size_t count)
{
    int pid = fork_with(CLONE_FILES);
    if (pid == 0) {
        for (size_t i = 0; i < count; i++) syscall(SYS_close, files[i]);
        syscall(SYS_exit_group, 0);
    }
    return pid;
}

#define _GNU_SOURCE
#include "baton_spawn.h"
#include "spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
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

/* Each in the place of its index, which none behind it has, for they ascend. */
static void keep_only(const int *ends, int count)
{
    for (int i = 0; i < count; i++)
        if (ends[i] != i) dup3(ends[i], i, 0);
    close_range((unsigned)count, ~0u, 0);
}

/* Whether there may be more. */
static int read_some(int end)
{
    char bytes[4096];
    ssize_t count = read(end, bytes, sizeof bytes);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

static void read_all(struct pollfd *ends, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) ends[i] = (struct pollfd){.fd = (int)i, .events = POLLIN};
    for (nfds_t left = count; left > 0;) {
        if (poll(ends, count, -1) < 0 && errno != EINTR) return;
        for (nfds_t i = 0; i < count; i++) {
            if (ends[i].fd < 0 || !ends[i].revents || read_some(ends[i].fd)) continue;
            ends[i].fd = -1;
            left--;
        }
    }
}

int32_t baton_read_on(const int *ends, size_t count)
{
    struct pollfd *set = calloc(count, sizeof *set);
    if (!set) return -1;
    int pid = fork_with(0);
    if (pid == 0) {
        baton_set_name("baton-stderr");
        baton_signals_reset(baton_signals_not_default());
        baton_set_signal_mask(0, NULL);
        setsid();
        keep_only(ends, (int)count);
        read_all(set, count);
        syscall(SYS_exit_group, 0);
    }
    free(set);
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

/* Preloaded into batond: lets a program that takes over fail, in the way that FAILING_START names. One that has come
 * back, or was started in another way, is left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A worker of a monitor, whenever it is started. */
static int fails_as_worker(void)
{
    const char *wanted = getenv("FAILING_START");
    if (!wanted || strcmp(wanted, "worker") != 0) return 0;
    char line[64] = {0};
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(file, line, sizeof line - 1);
    close(file);
    return length > 0 && strcmp(line + strlen(line) + 1, "worker") == 0;
}

/* `option` is that of the program that takes over. */
static int fails_after(const char *option, const char *way)
{
    const char *wanted = getenv("FAILING_START");
    if (!wanted || strcmp(wanted, way) != 0) return 0;
    char line[1024] = {0};
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(file, line, sizeof line - 1);
    close(file);
    int takes_over = 0, is_back = 0;
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(line + at) + 1) {
        takes_over |= strcmp(line + at, option) == 0;
        is_back |= strcmp(line + at, "--back-because") == 0;
    }
    return takes_over && !is_back;
}

static int fails(const char *way) { return fails_after("--take-over", way); }

int epoll_create1(int flags)
{
    if (fails("crash") || fails_as_worker() || fails_after("--keep-rights", "monitor")) __builtin_trap();
    if (fails("abort")) abort();
    if (fails("early")) {
        errno = EMFILE;
        return -1;
    }
    int (*next)(int) = dlsym(RTLD_NEXT, "epoll_create1");
    return next(flags);
}

/* When some sockets have been adopted. */
int epoll_ctl(int instance, int operation, int descriptor, struct epoll_event *event)
{
    static int calls;
    if (++calls > 5 && fails("late")) {
        errno = ENOMEM;
        return -1;
    }
    int (*next)(int, int, int, struct epoll_event *) = dlsym(RTLD_NEXT, "epoll_ctl");
    return next(instance, operation, descriptor, event);
}

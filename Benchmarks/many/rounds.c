/* How long the loop of a program is held in one round: preloaded into it (LD_PRELOAD), measures the time from each
 * return of epoll_wait to its next call. The file that BATON_ROUNDS names, made before, holds one number, the longest
 * in nanoseconds; whoever reads it sets it back to 0. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t *longest;
static int (*wait_for_events)(int, struct epoll_event *, int, int);
static uint64_t returned;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("BATON_ROUNDS");
    void *symbol = dlsym(RTLD_NEXT, "epoll_wait");
    memcpy(&wait_for_events, &symbol, sizeof symbol);
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof *longest, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page != MAP_FAILED)
        longest = page;
    close(file);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    if (longest && returned) {
        uint64_t held = now() - returned;
        if (held > *longest)
            *longest = held;
    }
    int count = wait_for_events(epoll, events, most, timeout);
    returned = longest ? now() : 0;
    return count;
}

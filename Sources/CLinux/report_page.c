#define _GNU_SOURCE
#include "baton_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct baton_spawn_report baton_report_read(const struct baton_spawn_report *shared)
{
    struct baton_spawn_report copy;
    int tries = 3;
    do {
        copy.job = __atomic_load_n(&shared->job, __ATOMIC_ACQUIRE);
        /* First: what is read behind an end is final. */
        copy.is_under_way = __atomic_load_n(&shared->is_under_way, __ATOMIC_ACQUIRE);
        copy.pid = __atomic_load_n(&shared->pid, __ATOMIC_ACQUIRE);
        copy.stage = __atomic_load_n(&shared->stage, __ATOMIC_ACQUIRE);
        copy.error = __atomic_load_n(&shared->error, __ATOMIC_ACQUIRE);
    } while (copy.job != __atomic_load_n(&shared->job, __ATOMIC_ACQUIRE) && --tries > 0);
    return copy;
}

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

int baton_report_create(size_t count)
{
    /* From Linux 6.3 on the kernel complains about a memfd that does not say whether it may be executed. */
    int descriptor = memfd_create("baton-report", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (descriptor < 0 && errno == EINVAL) descriptor = memfd_create("baton-report", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0) return -1;
    if (ftruncate(descriptor, (off_t)(count * sizeof(struct baton_spawn_report))) == 0 &&
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int baton_report_map(int descriptor, size_t count, struct baton_spawn_report **page)
{
    size_t size = count * sizeof(struct baton_spawn_report);
    struct stat status = {.st_size = (off_t)size};
    if (descriptor >= 0 && fstat(descriptor, &status) < 0) return -1;
    if (status.st_size < (off_t)size) {
        errno = EINVAL; /* reading past its end would raise SIGBUS */
        return -1;
    }
    int flags = MAP_SHARED | (descriptor < 0 ? MAP_ANONYMOUS : 0);
    void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, descriptor, 0);
    if (mapped == MAP_FAILED) return -1;
    *page = mapped;
    return 0;
}

void baton_report_unmap(struct baton_spawn_report *page, size_t count) { munmap(page, count * sizeof *page); }

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t size_of(size_t count) { return BATON_ROSTER_HEAD + count * BATON_ROSTER_ENTRY; }

int baton_roster_create(size_t count)
{
    int descriptor = baton_sealable_file("baton-roster");
    if (descriptor < 0) return -1;
    struct baton_roster_head head = {
        .magic = BATON_ROSTER_MAGIC, .version = BATON_ROSTER_VERSION, .entry_size = BATON_ROSTER_ENTRY};
    /* Sparse: what is never written to takes no memory. */
    if (ftruncate(descriptor, (off_t)size_of(count)) == 0 && pwrite(descriptor, &head, sizeof head, 0) == sizeof head &&
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int baton_roster_map(int descriptor, void **mapped, size_t *count)
{
    struct stat status;
    if (fstat(descriptor, &status) < 0) return -1;
    if (status.st_size < (off_t)size_of(1)) {
        errno = EINVAL; /* reading past its end would raise SIGBUS */
        return -1;
    }
    *count = ((size_t)status.st_size - BATON_ROSTER_HEAD) / BATON_ROSTER_ENTRY;
    *mapped = mmap(NULL, size_of(*count), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return *mapped == MAP_FAILED ? -1 : 0;
}

void baton_roster_unmap(void *mapped, size_t count) { munmap(mapped, size_of(count)); }

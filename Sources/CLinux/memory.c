#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

int baton_memory_file(const char *name)
{
    /* From Linux 6.3 on the kernel complains about a memfd that does not say whether it may be executed. */
    int descriptor = memfd_create(name, MFD_NOEXEC_SEAL);
    return descriptor < 0 && errno == EINVAL ? memfd_create(name, 0) : descriptor;
}

int baton_sealed_file(const char *name, const void *bytes, size_t length)
{
    int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    ssize_t written = write(file, bytes, length);
    if (written == (ssize_t)length &&
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return file;
    int error = written >= 0 && written < (ssize_t)length ? ENOSPC : errno;
    close(file);
    errno = error;
    return -1;
}

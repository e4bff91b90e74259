#define _GNU_SOURCE
#include "baton_confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the headers of older distributions do not name (linux/landlock.h), and the version that has it. */
#define REFER (UINT64_C(1) << 13)     /* 2 */
#define TRUNCATE (UINT64_C(1) << 14)  /* 3 */
#define BIND_TCP (UINT64_C(1) << 0)   /* 4, of handled_access_net */
#define IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define SIGNAL (UINT64_C(1) << 1)     /* 6, of scoped */

/* Reading and executing stay as the permissions of the file system say. */
#define CHANGES                                                                                                      \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                 \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                       \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                    \
     LANDLOCK_ACCESS_FS_MAKE_SYM)

/* struct landlock_ruleset_attr as of version 6. A kernel takes what it does not know as long as it is zero. */
struct ruleset {
    uint64_t files;
    uint64_t net;
    uint64_t scoped;
};

/* Answers whether this kernel's landlock is so recent; sets errno where not. */
static int has_version(int wanted)
{
    int version = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version >= 0 && version < wanted) errno = EOPNOTSUPP;
    return version >= wanted;
}

/* Refuses all of it, anywhere: nothing is added to the rules. */
static int refuse(const struct ruleset *rules)
{
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, rules, sizeof *rules, 0);
    if (ruleset < 0) return -1;
    int answer = (int)syscall(SYS_landlock_restrict_self, ruleset, 0);
    int error = errno;
    close(ruleset);
    errno = error;
    return answer;
}

int baton_refuse_file_changes(void)
{
    struct ruleset rules = {.files = CHANGES};
    if (!has_version(1)) return -1;
    if (has_version(2)) rules.files |= REFER;
    if (has_version(3)) rules.files |= TRUNCATE;
    if (has_version(5)) rules.files |= IOCTL_DEV;
    return refuse(&rules);
}

int baton_refuse_tcp_ports(void)
{
    const struct ruleset rules = {.net = BIND_TCP};
    return has_version(4) ? refuse(&rules) : -1;
}

int baton_refuse_foreign_signals(void)
{
    const struct ruleset rules = {.scoped = SIGNAL};
    return has_version(6) ? refuse(&rules) : -1;
}

#define _GNU_SOURCE
#include "raw_call.h"
#include "spawn_steps.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* Of 32-bit machines the plain names are calls with 16-bit ids. */
#ifdef SYS_setresuid32
#define SET_RESUID SYS_setresuid32
#define SET_RESGID SYS_setresgid32
#define SET_GROUPS SYS_setgroups32
#define GET_RESUID SYS_getresuid32
#define GET_RESGID SYS_getresgid32
#define GET_GROUPS SYS_getgroups32
#else
#define SET_RESUID SYS_setresuid
#define SET_RESGID SYS_setresgid
#define SET_GROUPS SYS_setgroups
#define GET_RESUID SYS_getresuid
#define GET_RESGID SYS_getresgid
#define GET_GROUPS SYS_getgroups
#endif

static long write_file(int directory, const char *name, const char *text, size_t length)
{
    long file = raw_call3(SYS_openat, directory, (long)name, O_WRONLY | O_CLOEXEC);
    if (file < 0) return file;
    long written = raw_call3(SYS_write, file, (long)text, (long)length);
    raw_call1(SYS_close, file);
    return written < 0 ? written : 0;
}

int baton_open_cgroup(char *path)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    int directory = open(path, flags);
    if (directory >= 0 || errno != ENOENT) return directory;
    for (char *end = path; *end != 0;) {
        end += 1 + strcspn(end + 1, "/");
        char after = *end;
        *end = 0;
        int made = mkdir(path, 0755);
        *end = after;
        if (made < 0 && errno != EEXIST) return -1;
    }
    return open(path, flags);
}

/* 0 stands for the process that writes it. */
long baton_enter_cgroup(int cgroup) { return write_file(cgroup, "cgroup.procs", "0", 1); }

#if defined(__x86_64__) && defined(SYS_clone3) && defined(CLONE_INTO_CGROUP)
/* The C library keeps its own clone3 to itself, and syscall(2) would return on the child's empty stack. */
int baton_clone_into(int cgroup, int (*run)(void *), void *stack, size_t stack_size, int flags, void *argument,
                     int *parent_tid, int *child_tid)
{
    struct clone_args arguments = {
        .flags = (uint64_t)flags | CLONE_INTO_CGROUP,
        .parent_tid = (uint64_t)(uintptr_t)parent_tid,
        .child_tid = (uint64_t)(uintptr_t)child_tid,
        /* A sibling's is its parent's, and must not be given. */
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
        .stack = (uint64_t)(uintptr_t)stack,
        .stack_size = stack_size,
        .cgroup = (uint64_t)cgroup,
    };
    long answer;
    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "movq %[argument], %%rdi\n\t"
                     "callq *%[run]\n\t"
                     "ud2\n\t"
                     "1:"
                     : "=a"(answer)
                     : "0"((long)SYS_clone3), "D"(&arguments), "S"(sizeof arguments), [run] "r"(run),
                       [argument] "r"(argument)
                     : "rcx", "r11", "memory", "cc");
    if (answer >= 0) return (int)answer;
    errno = (int)-answer;
    return -1;
}
#else
int baton_clone_into(int cgroup, int (*run)(void *), void *stack, size_t stack_size, int flags, void *argument,
                     int *parent_tid, int *child_tid)
{
    (void)cgroup, (void)run, (void)stack, (void)stack_size, (void)flags, (void)argument;
    (void)parent_tid, (void)child_tid;
    errno = ENOSYS;
    return -1;
}
#endif

long baton_set_oom_score_adjust(int value)
{
    char text[12];
    char *place = text + sizeof text;
    unsigned left = value < 0 ? -(unsigned)value : (unsigned)value;
    do {
        *--place = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    if (value < 0) *--place = '-';
    return write_file(AT_FDCWD, "/proc/self/oom_score_adj", place, (size_t)(text + sizeof text - place));
}

long baton_set_processors(const uint32_t *words, uint32_t count)
{
    /* The kernel's mask is one of longs; on a big-endian machine their halves are the other way round. */
    unsigned long mask[4096 / (8 * sizeof(unsigned long))] = {0};
    const uint32_t bits = 8 * sizeof(unsigned long);
    for (uint32_t i = 0; i < count && i < 4096 / 32; i++)
        mask[i * 32 / bits] |= (unsigned long)words[i] << (i * 32 % bits);
    long answer = raw_call3(SYS_sched_setaffinity, 0, sizeof mask, (long)mask);
    return answer < 0 ? answer : 0;
}

long baton_bound_capabilities(uint64_t kept)
{
    for (int capability = 0; capability < 64; capability++) {
        if (kept >> capability & 1) continue;
        long held = raw_call(SYS_prctl, PR_CAPBSET_READ, capability, 0, 0, 0);
        if (held < 0) break; /* past the last one that the kernel knows */
        /* Who may not drop any has nothing to do where none is left to drop. */
        long dropped = held > 0 ? raw_call(SYS_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0) : 0;
        if (dropped < 0) return dropped;
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
    long answer = raw_call3(SYS_capget, (long)&header, (long)sets, 0);
    if (answer < 0) return answer;
    /* Ambient capabilities go with the inheritable ones (capabilities(7)). */
    sets[0].inheritable &= (uint32_t)kept;
    sets[1].inheritable &= (uint32_t)(kept >> 32);
    return raw_call3(SYS_capset, (long)&header, (long)sets, 0);
}

static int holds(const gid_t *groups, uint32_t count, gid_t group)
{
    for (uint32_t i = 0; i < count; i++)
        if (groups[i] == group) return 1;
    return 0;
}

/* Whether the two are the same groups, in whatever order; `gid` is had in any case. */
static int are_same(const gid_t *some, uint32_t some_count, const gid_t *others, uint32_t other_count, gid_t gid)
{
    for (uint32_t i = 0; i < some_count; i++)
        if (some[i] != gid && !holds(others, other_count, some[i])) return 0;
    for (uint32_t i = 0; i < other_count; i++)
        if (others[i] != gid && !holds(some, some_count, others[i])) return 0;
    return 1;
}

long baton_set_groups(const uint32_t *groups, uint32_t count, uint32_t gid)
{
    long answer = raw_call3(SET_GROUPS, count, (long)groups, 0);
    if (answer != -EPERM) return answer;
    /* Who may set none needs none set. */
    enum { MOST = 1024 };
    gid_t now[MOST] = {0};
    long had = raw_call3(GET_GROUPS, MOST, (long)now, 0);
    return had >= 0 && are_same(now, (uint32_t)had, groups, count, gid) ? 0 : answer;
}

/* To setresgid and setresuid -1 means "leave as it is", which nobody asks for. */
static long set_id(long set, long get, uint32_t id)
{
    uint32_t real = (uint32_t)-1, effective = real, saved = real;
    if (id == (uint32_t)-1) return -EINVAL;
    long answer = raw_call3(set, id, id, id);
    if (answer == 0) return 0;
    long got = raw_call3(get, (long)&real, (long)&effective, (long)&saved);
    if (got < 0) return got;
    return real == id && effective == id && saved == id ? 0 : answer;
}

long baton_set_group(uint32_t gid) { return set_id(SET_RESGID, GET_RESGID, gid); }

long baton_set_user(uint32_t uid) { return set_id(SET_RESUID, GET_RESUID, uid); }

#define _GNU_SOURCE
#include "baton_spawn.h"
#include "spawn_steps.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc's set*id calls act on all threads of a process by signals; a child that shares its parent's memory
 * must not. 32-bit machines have 16-bit calls under the plain names. */
#ifdef SYS_setresuid32
#define SET_RESUID SYS_setresuid32
#define SET_RESGID SYS_setresgid32
#define SET_GROUPS SYS_setgroups32
#else
#define SET_RESUID SYS_setresuid
#define SET_RESGID SYS_setresgid
#define SET_GROUPS SYS_setgroups
#endif

/* The kernel's signal set. glibc's calls leave out the two signals it keeps for itself. */
static void set_mask(uint64_t mask, uint64_t *old) { syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, old, sizeof mask); }

/* Begins with the handler wherever Linux runs Swift, and zeros are SIG_DFL; the layout behind it varies. */
union disposition {
    void *handler;
    char bytes[64];
};

uint64_t baton_signals_not_default(void)
{
    uint64_t found = 0;
    for (int signal = 1; signal <= 64; signal++) {
        union disposition now = {.bytes = {0}};
        if (syscall(SYS_rt_sigaction, signal, NULL, &now, sizeof(uint64_t)) == 0 && now.handler != NULL)
            found |= UINT64_C(1) << (signal - 1);
    }
    return found;
}

void baton_signals_reset(uint64_t signals)
{
    const union disposition standard = {.bytes = {0}};
    for (int signal = 1; signals != 0; signal++, signals >>= 1)
        if (signals & 1) syscall(SYS_rt_sigaction, signal, &standard, NULL, sizeof(uint64_t));
}

void baton_signals_block(void) { set_mask(~UINT64_C(0), NULL); }

/* Between clone and exec. The child shares its parent's memory: nothing here may allocate, lock or return. */

struct child {
    const struct baton_spawn_plan *plan;
    char *bytes, **arguments, **environment;
    struct baton_spawn_descriptor *descriptors;
    const struct baton_spawn_limit *limits;
    const uint32_t *groups, *processors;
    struct baton_spawn_report *report;
    int cgroup; /* the directory of the cgroup that the child has yet to enter, or -1 */
};

static void enter(const struct child *child, uint32_t stage)
{
    __atomic_store_n(&child->report->stage, stage, __ATOMIC_RELEASE);
}

static _Noreturn void fail(const struct child *child, int error)
{
    __atomic_store_n(&child->report->error, error, __ATOMIC_RELEASE);
    _exit(127);
}

static void open_files(const struct child *child)
{
    for (uint32_t i = 0; i < child->plan->descriptor_count; i++) {
        struct baton_spawn_descriptor *wanted = &child->descriptors[i];
        if (wanted->source != BATON_SOURCE_FILE) continue;
        int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC;
        wanted->source = open(child->bytes + wanted->file, flags, 0600);
        if (wanted->source < 0) fail(child, errno);
    }
}

/* Numbers below the count are all targets. A source among them, unless it is in its place already, moves
 * up before the first target is written, so any permutation works. */
static void lay_out_descriptors(const struct child *child)
{
    int count = (int)child->plan->descriptor_count;
    struct baton_spawn_descriptor *wanted = child->descriptors;
    for (int i = 0; i < count; i++) {
        if (wanted[i].source == BATON_SOURCE_NULL) wanted[i].source = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (wanted[i].source < 0) fail(child, errno);
    }
    for (int i = 0; i < count; i++) {
        if (wanted[i].source == i || wanted[i].source >= count) continue;
        wanted[i].source = fcntl(wanted[i].source, F_DUPFD_CLOEXEC, count);
        if (wanted[i].source < 0) fail(child, errno);
    }
    for (int i = 0; i < count; i++) {
        int result = wanted[i].source == i ? fcntl(i, F_SETFD, 0) : dup2(wanted[i].source, i);
        if (result < 0) fail(child, errno);
    }
    if (syscall(SYS_close_range, count, ~0u, 0) < 0) fail(child, errno);
}

static void set_limits(const struct child *child)
{
    for (uint32_t i = 0; i < child->plan->limit_count; i++) {
        /* struct rlimit64 of the kernel */
        uint64_t limit[2] = {child->limits[i].soft, child->limits[i].hard};
        if (syscall(SYS_prlimit64, 0, child->limits[i].resource, limit, NULL) < 0) fail(child, errno);
    }
}

/* Who may not set the groups may keep them: the list is the same one, in the kernel's order. */
static int has_groups(const struct child *child)
{
    enum { MOST = 1024 };
    gid_t now[MOST];
    int count = getgroups(MOST, now);
    if (count < 0 || (uint32_t)count != child->plan->group_count) return 0;
    for (int i = 0; i < count; i++)
        if (now[i] != child->groups[i]) return 0;
    return 1;
}

/* To setresgid and setresuid -1 means "leave as it is", which nobody asks for. */
static void set_groups(const struct child *child)
{
    enter(child, BATON_STAGE_GROUPS);
    if (syscall(SET_GROUPS, (size_t)child->plan->group_count, child->groups) < 0) {
        int error = errno;
        if (error != EPERM || !has_groups(child)) fail(child, error);
    }
    enter(child, BATON_STAGE_GID);
    gid_t gid = child->plan->gid, real, effective, saved;
    if (gid == (gid_t)-1) fail(child, EINVAL);
    if (syscall(SET_RESGID, gid, gid, gid) < 0) {
        int error = errno;
        getresgid(&real, &effective, &saved);
        if (real != gid || effective != gid || saved != gid) fail(child, error);
    }
}

static void set_user(const struct child *child)
{
    enter(child, BATON_STAGE_UID);
    uid_t uid = child->plan->uid, real, effective, saved;
    if (uid == (uid_t)-1) fail(child, EINVAL);
    if (syscall(SET_RESUID, uid, uid, uid) < 0) {
        int error = errno;
        getresuid(&real, &effective, &saved);
        if (real != uid || effective != uid || saved != uid) fail(child, error);
    }
}

static void write_decimal(char *to, uint32_t number)
{
    char digits[10];
    int count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count > 0) *to++ = digits[--count];
    *to = 0;
}

/* What the kernel gives a process by. */
static void set_schedule(const struct child *child)
{
    const struct baton_spawn_plan *plan = child->plan;
    if (child->cgroup >= 0) {
        enter(child, BATON_STAGE_CGROUP);
        if (baton_enter_cgroup(child->cgroup) < 0) fail(child, errno);
    }
    if (plan->flags & BATON_SPAWN_OOM_SCORE_ADJUST) {
        enter(child, BATON_STAGE_OOM_SCORE_ADJUST);
        if (baton_set_oom_score_adjust(plan->oom_score_adjust) < 0) fail(child, errno);
    }
    if (plan->flags & BATON_SPAWN_NICE) {
        enter(child, BATON_STAGE_NICE);
        if (setpriority(PRIO_PROCESS, 0, plan->nice) < 0) fail(child, errno);
    }
    if (plan->flags & BATON_SPAWN_CPU_AFFINITY) {
        enter(child, BATON_STAGE_CPU_AFFINITY);
        if (baton_set_processors(child->processors, plan->processor_words) < 0) fail(child, errno);
    }
}

static void set_place(const struct child *child)
{
    const struct baton_spawn_plan *plan = child->plan;
    if (plan->flags & BATON_SPAWN_CHROOT) {
        enter(child, BATON_STAGE_CHROOT);
        if (chroot(child->bytes + plan->chroot) < 0) fail(child, errno);
    }
    enter(child, BATON_STAGE_DIRECTORY);
    if (chdir(child->bytes + plan->directory) < 0) fail(child, errno);
}

static void set_privileges(const struct child *child)
{
    const struct baton_spawn_plan *plan = child->plan;
    if (plan->flags & BATON_SPAWN_CAPABILITIES) {
        enter(child, BATON_STAGE_CAPABILITIES);
        if (baton_bound_capabilities(plan->capabilities) < 0) fail(child, errno);
    }
    if (plan->flags & BATON_SPAWN_GROUPS) set_groups(child);
    if (plan->flags & BATON_SPAWN_USER) set_user(child);
    umask(plan->umask);
    if (plan->flags & BATON_SPAWN_NO_NEW_PRIVILEGES) {
        enter(child, BATON_STAGE_NO_NEW_PRIVILEGES);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail(child, errno);
    }
}

static int run_child(void *argument)
{
    const struct child *child = argument;
    const struct baton_spawn_plan *plan = child->plan;
    /* Every signal is blocked until the exec: no handler runs in memory that is not ours alone. */
    baton_signals_reset(plan->reset_signals);
    enter(child, BATON_STAGE_SETSID);
    if (setsid() < 0) fail(child, errno);
    set_schedule(child);
    enter(child, BATON_STAGE_STDERR);
    open_files(child);
    enter(child, BATON_STAGE_DESCRIPTORS);
    lay_out_descriptors(child);
    enter(child, BATON_STAGE_RLIMITS);
    set_limits(child);
    set_place(child);
    set_privileges(child);
    if (plan->flags & BATON_SPAWN_LISTEN_PID)
        write_decimal(child->bytes + plan->listen_pid, (uint32_t)syscall(SYS_getpid));
    enter(child, BATON_STAGE_EXEC);
    set_mask(0, NULL);
    execve(child->bytes + plan->path, child->arguments, child->environment);
    fail(child, errno);
}

static void begin(struct baton_spawn_report *report, uint64_t job)
{
    __atomic_store_n(&report->pid, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&report->error, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&report->stage, BATON_STAGE_CLONE, __ATOMIC_RELAXED);
    __atomic_store_n(&report->job, job, __ATOMIC_RELEASE);
}

/* Turns places in `bytes` into a vector as execve takes it; answers where the next one begins. */
static char **fill(char **vector, char *bytes, const uint32_t *strings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) vector[i] = bytes + strings[i];
    vector[count] = NULL;
    return vector + count + 1;
}

/* The child runs on this frame, which stays as it is while CLONE_VFORK holds the parent: no mapping to make
 * and unmake, and any thread may spawn. Its steps need less than 6 KiB. */
static int start(struct child *child)
{
    alignas(16) char stack[32 * 1024];
    int flags = CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID;
    if (child->plan->flags & BATON_SPAWN_SIBLING) flags |= CLONE_PARENT;
    int *pid_place = &child->report->pid;
    if (child->cgroup >= 0) {
        int cgroup = child->cgroup;
        child->cgroup = -1;
        int pid = baton_clone_into(cgroup, run_child, stack, sizeof stack, flags, child, pid_place);
        if (pid >= 0 || errno == EAGAIN || errno == ENOMEM) return pid;
        /* Whatever the kernel has against it, the child's own attempt tells. */
        child->cgroup = cgroup;
    }
    return clone(run_child, stack + sizeof stack, flags | SIGCHLD, child, pid_place);
}

void baton_spawn(const struct baton_spawn_plan *plan, char *bytes, const uint32_t *strings, char **vectors,
                 struct baton_spawn_descriptor *descriptors, const struct baton_spawn_limit *limits,
                 const uint32_t *groups, const uint32_t *processors, struct baton_spawn_report *report)
{
    char **environment = fill(vectors, bytes, strings, plan->argument_count);
    fill(environment, bytes, strings + plan->argument_count, plan->environment_count);
    struct child child = {plan, bytes, vectors, environment, descriptors, limits, groups, processors, report, -1};

    begin(report, plan->job);
    int cgroup = -1;
    if (plan->flags & BATON_SPAWN_CGROUP) {
        enter(&child, BATON_STAGE_CGROUP);
        child.cgroup = cgroup = baton_open_cgroup(bytes + plan->cgroup);
        if (cgroup < 0) {
            __atomic_store_n(&report->error, errno, __ATOMIC_RELEASE);
            return;
        }
        enter(&child, BATON_STAGE_CLONE);
    }
    uint64_t mask;
    set_mask(~UINT64_C(0), &mask);
    int pid = start(&child);
    int error = pid < 0 ? errno : 0;
    set_mask(mask, NULL);
    if (cgroup >= 0) close(cgroup);
    if (pid < 0) {
        __atomic_store_n(&report->error, error, __ATOMIC_RELEASE);
        return;
    }
    /* Somebody killed the child on its way. */
    if (report->error == 0 && report->stage != BATON_STAGE_EXEC)
        __atomic_store_n(&report->error, ECANCELED, __ATOMIC_RELEASE);
    if (report->error != 0 && !(plan->flags & BATON_SPAWN_SIBLING)) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
        __atomic_store_n(&report->pid, 0, __ATOMIC_RELEASE);
    }
}

/* As fork: memory is copied, for the child may outlive any stack that we could lend it. */
static int fork_with(unsigned long flags) { return (int)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL); }

int32_t baton_close_by_exit(int socket)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) return -1;
    int pid = fork_with(CLONE_PARENT);
    if (pid == 0) {
        char byte;
        syscall(SYS_close, ends[1]);
        syscall(SYS_read, ends[0], &byte, 1); /* until the parent has closed the other end */
        syscall(SYS_exit_group, 0);
    }
    int error = errno;
    if (pid > 0) close(socket);
    close(ends[0]);
    close(ends[1]);
    errno = error;
    return pid;
}

int32_t baton_close_in_child(int file)
{
    int pid = fork_with(CLONE_FILES);
    if (pid == 0) {
        syscall(SYS_close, file);
        syscall(SYS_exit_group, 0);
    }
    return pid;
}

void baton_set_name(const char *name) { prctl(PR_SET_NAME, name); }

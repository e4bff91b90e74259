#define _GNU_SOURCE
#include "baton_spawn.h"
#include "spawn_child.h"
#include "spawn_steps.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A child's steps need less than 6 KiB. */
enum { STACK = 32 * 1024 };

/* The parent waits where the child would have its errno, and for one that sets its oom_score_adj: the kernel gives that to
 * all who share the memory, unless they do so by vfork (__set_oom_adj). */
static int beside(const struct baton_spawn_plan *plan)
{
    return BATON_HAS_RAW_CALLS && !(plan->flags & BATON_SPAWN_OOM_SCORE_ADJUST) ? 0 : CLONE_VFORK;
}

static void begin_report(struct baton_spawn_report *report, uint64_t job)
{
    __atomic_store_n(&report->pid, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&report->error, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&report->stage, BATON_STAGE_CLONE, __ATOMIC_RELAXED);
    __atomic_store_n(&report->is_under_way, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&report->job, job, __ATOMIC_RELEASE);
}

static void begin(const struct child *child, uint64_t job)
{
    begin_report(child->report, job);
    if (child->shown != child->report) begin_report(child->shown, job);
}

static void fail_report(struct baton_spawn_report *report, int error)
{
    __atomic_store_n(&report->error, error, __ATOMIC_RELEASE);
    __atomic_store_n(&report->is_under_way, 0, __ATOMIC_RELEASE);
}

static void fail(const struct child *child, int error)
{
    fail_report(child->report, error);
    if (child->shown != child->report) fail_report(child->shown, error);
}

/* Turns places in `bytes` into a vector as execve takes it; answers where the next one begins. */
static char **fill(char **vector, char *bytes, const uint32_t *strings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) vector[i] = bytes + strings[i];
    vector[count] = NULL;
    return vector + count + 1;
}

/* The same of strings that lie one behind the other. */
static void fill_more(char **vector, char *bytes, uint32_t count)
{
    for (; count > 0; count--, bytes += strlen(bytes) + 1) *vector++ = bytes;
    *vector = NULL;
}

/* The kernel clears is_under_way when the child leaves this memory: at its exec, or with its end. */
static int start(struct child *child, char *stack, int flags)
{
    flags |= CLONE_VM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;
    if (child->plan->flags & BATON_SPAWN_SIBLING) flags |= CLONE_PARENT;
    if (child->plan->flags & BATON_SPAWN_SHARES_DESCRIPTORS) flags |= CLONE_FILES;
    int *pid = &child->report->pid, *under_way = &child->report->is_under_way;
    if (child->cgroup >= 0) {
        int cgroup = child->cgroup;
        child->cgroup = -1;
        int answer = baton_clone_into(cgroup, baton_run_child, stack, STACK, flags, child, pid, under_way);
        if (answer >= 0 || errno == EAGAIN || errno == ENOMEM) return answer;
        /* Whatever the kernel has against it, the child's own attempt tells. */
        child->cgroup = cgroup;
    }
    return clone(baton_run_child, stack + STACK, flags | SIGCHLD, child, pid, NULL, under_way);
}

/* Answers whether there is a child. */
static int spawn(struct child *child, char *stack, int flags)
{
    const struct baton_spawn_plan *plan = child->plan;
    begin(child, plan->job);
    int cgroup = -1;
    if (plan->flags & BATON_SPAWN_CGROUP) {
        baton_enter_stage(child, BATON_STAGE_CGROUP);
        child->cgroup = cgroup = baton_open_cgroup(child->bytes + plan->cgroup);
        if (cgroup < 0) {
            fail(child, errno);
            return 0;
        }
        baton_enter_stage(child, BATON_STAGE_CLONE);
    }
    uint64_t mask;
    int blocks = !(plan->flags & BATON_SPAWN_KEEPS_SIGNAL_MASK);
    if (blocks) baton_set_signal_mask(~UINT64_C(0), &mask);
    int pid = start(child, stack, flags);
    int error = errno;
    if (blocks) baton_set_signal_mask(mask, NULL);
    if (cgroup >= 0) close(cgroup);
    if (pid < 0) fail(child, error);
    return pid > 0;
}

void baton_spawn(const struct baton_spawn_plan *plan, char *bytes, const uint32_t *strings, char **vectors,
                 struct baton_spawn_descriptor *descriptors, const struct baton_spawn_limit *limits,
                 const uint32_t *groups, const uint32_t *processors, struct baton_spawn_report *report)
{
    /* This frame stays as it is while CLONE_VFORK holds the caller. */
    alignas(16) char stack[STACK];
    char **environment = fill(vectors, bytes, strings, plan->argument_count);
    fill(environment, bytes, strings + plan->argument_count, plan->environment_count);
    struct child child = {plan, bytes, vectors, environment, descriptors, limits, groups, processors,
                          report, report, -1, 1};
    if (!spawn(&child, stack, CLONE_VFORK)) return;
    int runs = report->error == 0 && report->stage == BATON_STAGE_EXEC;
    if (runs || plan->flags & BATON_SPAWN_SIBLING) return;
    while (waitpid(report->pid, NULL, 0) < 0 && errno == EINTR) {}
    __atomic_store_n(&report->pid, 0, __ATOMIC_RELEASE);
}

/* Children that run beside their parent. */

/* The stack grows down from what the child is told, so that little of it all is ever touched. */
struct baton_spawn_slot {
    alignas(16) char stack[STACK];
    struct baton_spawn_plan plan;
    struct child child;
    char *memory; /* what the child is told, behind one another */
    size_t room;
};

int baton_spawn_runs_beside(void) { return BATON_HAS_RAW_CALLS; }

struct baton_spawn_slot *baton_spawn_slot_create(void)
{
    /* Not from the heap, which would touch it. */
    void *slot = mmap(NULL, sizeof(struct baton_spawn_slot), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return slot == MAP_FAILED ? NULL : slot;
}

/* Copies to `*place`, and moves that on; what follows is aligned for anything. */
static void *put(char **place, const void *from, size_t size)
{
    char *to = *place;
    if (size > 0) memcpy(to, from, size);
    *place = to + (size + 15) / 16 * 16;
    return to;
}

static int make_room(struct baton_spawn_slot *slot, size_t size)
{
    if (size <= slot->room) return 1;
    free(slot->memory);
    slot->memory = malloc(size);
    slot->room = slot->memory ? size : 0;
    return slot->memory != NULL;
}

void baton_spawn_begin(struct baton_spawn_slot *slot, struct baton_spawn_report *report,
                       struct baton_spawn_report *shown, const struct baton_spawn_plan *plan, const char *bytes,
                       size_t length, const uint32_t *strings, const struct baton_spawn_descriptor *descriptors,
                       const struct baton_spawn_limit *limits, const uint32_t *groups, const uint32_t *processors,
                       struct baton_spawn_more more)
{
    struct child *child = &slot->child;
    child->report = report;
    child->shown = shown;
    size_t vectors = ((size_t)plan->argument_count + plan->environment_count + 2) * sizeof(char *);
    size_t descriptor_bytes = plan->descriptor_count * sizeof *descriptors;
    size_t limit_bytes = plan->limit_count * sizeof *limits;
    size_t group_bytes = plan->group_count * sizeof *groups, processor_bytes = plan->processor_words * sizeof *processors;
    /* Each of the six parts may have a gap behind it. */
    size_t text_bytes = length + more.length, rest_bytes = descriptor_bytes + limit_bytes + group_bytes + processor_bytes;
    if (!make_room(slot, text_bytes + vectors + rest_bytes + 6 * 16)) {
        begin(child, plan->job);
        return fail(child, ENOMEM);
    }
    slot->plan = *plan;
    char *place = slot->memory;
    child->plan = &slot->plan;
    child->bytes = put(&place, bytes, length);
    if (more.length > 0) memcpy(child->bytes + length, more.bytes, more.length);
    place = child->bytes + (text_bytes + 15) / 16 * 16;
    child->descriptors = put(&place, descriptors, descriptor_bytes);
    child->limits = put(&place, limits, limit_bytes);
    child->groups = put(&place, groups, group_bytes);
    child->processors = put(&place, processors, processor_bytes);
    child->arguments = (char **)(void *)place;
    child->environment = fill(child->arguments, child->bytes, strings, plan->argument_count);
    uint32_t known = plan->environment_count - more.count;
    fill(child->environment, child->bytes, strings + plan->argument_count, known);
    fill_more(child->environment + known, child->bytes + length, more.count);
    child->cgroup = -1;
    spawn(child, slot->stack, beside(plan));
}

void baton_spawn_show_end(struct baton_spawn_report *shown)
{
    __atomic_store_n(&shown->is_under_way, 0, __ATOMIC_RELEASE);
}

int baton_spawn_is_under_way(const struct baton_spawn_report *report)
{
    return __atomic_load_n(&report->is_under_way, __ATOMIC_ACQUIRE) != 0;
}

void baton_spawn_wait(const struct baton_spawn_report *report, long nanoseconds)
{
    struct timespec most = {.tv_sec = 0, .tv_nsec = nanoseconds};
    /* CLONE_CHILD_CLEARTID wakes waiters that share memory with the child, or a page of a file (futex(2)). */
    raw_call(SYS_futex, (long)&report->is_under_way, FUTEX_WAIT, 1, (long)&most, 0);
}

#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

int baton_current_program(void) { return open("/proc/self/exe", O_PATH | O_CLOEXEC); }

void baton_name_process(const char *name) { prctl(PR_SET_NAME, name); }

int baton_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1); }

int baton_become(int program, char *const arguments[])
{
    return (int)syscall(SYS_execveat, program, "", arguments, environ, AT_EMPTY_PATH);
}

/* What the handler needs; written before it is installed, and not changed while it is. */
static struct {
    int program;
    char **arguments;
    int *kept;     /* rising */
    char *closed;  /* as many: closed in this program, if it stays */
    size_t count;
} way_back = {.program = -1};

static int compare(const void *left, const void *right)
{
    int a = *(const int *)left, b = *(const int *)right;
    return (a > b) - (a < b);
}

int baton_close(int descriptor)
{
    int *found = way_back.count == 0
                     ? NULL
                     : bsearch(&descriptor, way_back.kept, way_back.count, sizeof *way_back.kept, compare);
    if (!found) return close(descriptor);
    way_back.closed[found - way_back.kept] = 1;
    return 0;
}

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT, SIGSYS, SIGALRM};
#define CRASHES (sizeof crashes / sizeof *crashes)

static void go_back(int signal)
{
    (void)signal;
    for (size_t index = 0; index < way_back.count; index++) fcntl(way_back.kept[index], F_SETFD, 0);
    /* There is no other way: what the kernel is short of for an exec is waited for. */
    do
        baton_become(way_back.program, way_back.arguments);
    while ((errno == ENOMEM || errno == EAGAIN || errno == EMFILE || errno == ENFILE) && sleep(1) == 0);
    _exit(70);
}

static char stack[64 * 1024];

int baton_go_back_on_crash(int program, char *const arguments[], const int *kept, size_t count, unsigned seconds)
{
    size_t words = 0;
    while (arguments[words]) words++;
    way_back.arguments = calloc(words + 1, sizeof *way_back.arguments);
    way_back.kept = calloc(count + 1, sizeof *way_back.kept);
    way_back.closed = calloc(count + 1, sizeof *way_back.closed);
    if (!way_back.arguments || !way_back.kept || !way_back.closed) return -1;
    for (size_t index = 0; index < words; index++) {
        way_back.arguments[index] = strdup(arguments[index]);
        if (!way_back.arguments[index]) return -1;
    }
    memcpy(way_back.kept, kept, count * sizeof *kept);
    qsort(way_back.kept, count, sizeof *kept, compare);
    way_back.program = program;
    way_back.count = count;

    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    if (sigaltstack(&other, NULL) < 0) return -1;
    struct sigaction action = {.sa_handler = go_back, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < CRASHES; index++) {
        sigaddset(&set, crashes[index]);
        if (sigaction(crashes[index], &action, NULL) < 0) return -1;
    }
    /* Blocked in the program before when this one was entered from its handler. */
    if (sigprocmask(SIG_UNBLOCK, &set, NULL) < 0) return -1;
    alarm(seconds);
    return 0;
}

void baton_stay(void)
{
    alarm(0);
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t set;
    sigemptyset(&set);
    for (size_t index = 0; index < CRASHES; index++) {
        sigaddset(&set, crashes[index]);
        sigaction(crashes[index], &action, NULL);
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    if (way_back.arguments)
        for (char **word = way_back.arguments; *word; word++) free(*word);
    for (size_t index = 0; index < way_back.count; index++)
        if (way_back.closed[index]) close(way_back.kept[index]);
    free(way_back.arguments);
    free(way_back.kept);
    free(way_back.closed);
    memset(&way_back, 0, sizeof way_back);
    way_back.program = -1;
}

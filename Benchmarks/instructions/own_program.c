/* For `LD_PRELOAD` under valgrind, where /proc/self/exe is valgrind's own program: whoever executes that gets what
 * BATON_OWN_PROGRAM names instead. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Looked up before anybody is between clone and exec. */
static const char *own_program;

__attribute__((constructor)) static void look_up(void) { own_program = getenv("BATON_OWN_PROGRAM"); }

int execve(const char *path, char *const *arguments, char *const *environment)
{
    if (own_program && strcmp(path, "/proc/self/exe") == 0)
        path = own_program;
    return (int)syscall(SYS_execve, path, arguments, environment);
}

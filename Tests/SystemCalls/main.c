/* Makes system calls, and tells how they end:
 *
 *     baton-system-calls refused | needed | changes | others | stay
 */
#define _GNU_SOURCE
#include "calls.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void print_result(const char *name, int error)
{
    if (error == 0)
        printf("%s: ok\n", name);
    else
        printf("%s: %s\n", name, strerrorname_np(error));
}

/* To be looked at, once a byte is written, until its input ends. */
static void stay(void)
{
    char byte = 0;
    if (write(1, &byte, 1) != 1) return;
    while (read(0, &byte, 1) > 0) {}
}

int main(int count, char **arguments)
{
    const char *what = count == 2 ? arguments[1] : "";
    if (strcmp(what, "refused") == 0) try_refused();
    else if (strcmp(what, "needed") == 0) try_needed(arguments[0]);
    else if (strcmp(what, "changes") == 0) try_changes();
    else if (strcmp(what, "others") == 0) try_others();
    else if (strcmp(what, "stay") == 0) stay();
    else return 64;
    /* Before what a sanitizer does at the end, and may not do here. */
    return fflush(stdout) == 0 ? 0 : 1;
}

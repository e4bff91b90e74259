/* Becomes a program whose system calls are the test's to fail.
 *
 *     FAULTS_SOCKET=PATH FAULTS_PROGRAM=PROGRAM FAULTS_CALLS=NUMBER,… baton-faulted ARGUMENTS…
 *
 * The descriptor at which they are answered goes to the socket. */

#define _GNU_SOURCE
#include "system_call_faults.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Far from the numbers that a program has; close-on-exec. */
enum { RESERVED = 1000, MOST = 256 };

static int fail(const char *what)
{
    perror(what);
    return 125;
}

static int connected(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof name.sun_path) return -1;
    strcpy(name.sun_path, path);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0) return -1;
    if (connect(made, (struct sockaddr *)&name, sizeof name) == 0 && dup3(made, RESERVED, O_CLOEXEC) >= 0)
        return RESERVED;
    close(made);
    return -1;
}

int main(int count, char **arguments)
{
    (void)count;
    const char *path = getenv("FAULTS_SOCKET"), *program = getenv("FAULTS_PROGRAM");
    char *calls = getenv("FAULTS_CALLS");
    if (!path || !program || !calls) return fail("FAULTS_SOCKET, FAULTS_PROGRAM, FAULTS_CALLS");
    char *words = strdup(calls);
    int numbers[MOST];
    size_t length = 0;
    for (char *word = strtok(words, ","); word && length < MOST; word = strtok(NULL, ","))
        numbers[length++] = atoi(word);
    free(words);
    int socket = connected(path);
    if (socket < 0) return fail(path);
    int listener = faults_watch(numbers, length, socket);
    if (listener < 0) return fail("seccomp");
    if (faults_pass(socket, listener) < 0) return fail(path);
    /* The listener is close-on-exec from birth. */
    arguments[0] = (char *)program;
    execv(program, arguments);
    return fail(program);
}

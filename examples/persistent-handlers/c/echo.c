/* An echo handler: reads a line, answers "c pid=PID connection=N LINE", closes. "pass SERVICE" passes the
 * connection on, with what follows that line.
 *
 *     services:
 *       echo: {listen: 7000, handoff: {exec: [/path/to/echo]}}
 *
 * Run by hand it registers with a supervisor that runs already: echo SERVICE. */
#include "baton_handler.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void answer(struct baton_connection *connection, const char *line, size_t length) {
    char reply[4200];
    int prefix = snprintf(reply, sizeof reply, "c pid=%d connection=%" PRIu64 " ", (int)getpid(), connection->number);
    memcpy(reply + prefix, line, length);
    reply[(size_t)prefix + length] = '\n';
    baton_write(connection, reply, (size_t)prefix + length + 1);
}

/* After 0 somebody else has the connection. */
static void pass(struct baton_connection *connection, const char *service, const char *rest, size_t length) {
    if (baton_unread(connection, rest, length) == 0 && baton_pass(connection, service) != 0)
        answer(connection, connection->refusal, strlen(connection->refusal));
}

static void serve(struct baton_connection *connection, void *context) {
    (void)context;
    char line[4096];
    size_t count = 0;
    char *end = NULL;
    while (!end && count < sizeof line) {
        ssize_t got = baton_read(connection, line + count, sizeof line - count);
        if (got <= 0)
            break;
        end = memchr(line + count, '\n', (size_t)got);
        count += (size_t)got;
    }
    size_t length = end ? (size_t)(end - line) : count;
    if (!end && length == 0)
        return;
    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (end && strncmp(line, "pass ", 5) == 0) {
        line[length] = 0;
        pass(connection, line + 5, end + 1, (size_t)(line + count - end - 1));
    } else {
        answer(connection, line, length);
    }
}

int main(int count, char **arguments) {
    struct baton_options options = {.service = count > 1 ? arguments[1] : NULL, .threads = 64, .status = "echoing"};
    return baton_serve(&options, serve, NULL) == 0 ? 0 : 1;
}

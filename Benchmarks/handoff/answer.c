/* One handler, compiled twice: as an inetd program, whose connection is descriptors 0 and 1, and (PERSISTENT) as a
 * handler that runs already and gets its connections from Baton.
 *
 * Reads a question of 32 bytes and answers it twice. */
#include <unistd.h>

enum { QUESTION = 32 };

/* How a connection is read and written. */
struct stream {
    ssize_t (*read)(void *connection, void *bytes, size_t size);
    int (*write)(void *connection, const void *bytes, size_t size);
    void *connection;
};

static void answer(const struct stream *stream)
{
    char text[2 * QUESTION];
    size_t count = 0;
    while (count < QUESTION) {
        ssize_t got = stream->read(stream->connection, text + count, QUESTION - count);
        if (got <= 0)
            return;
        count += (size_t)got;
    }
    for (size_t index = 0; index < QUESTION; index++)
        text[QUESTION + index] = text[index];
    stream->write(stream->connection, text, sizeof text);
}

#ifdef PERSISTENT

#include "baton_handler.h"

#include <stdlib.h>

static ssize_t read_baton(void *connection, void *bytes, size_t size) { return baton_read(connection, bytes, size); }

static int write_baton(void *connection, const void *bytes, size_t size)
{
    return baton_write(connection, bytes, size);
}

static void serve(struct baton_connection *connection, void *context)
{
    (void)context;
    answer(&(struct stream){.read = read_baton, .write = write_baton, .connection = connection});
}

/* answer THREADS; 0 serves one connection after the other. */
int main(int count, char **arguments)
{
    struct baton_options options = {.threads = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 0};
    return baton_serve(&options, serve, NULL) == 0 ? 0 : 1;
}

#else

static ssize_t read_input(void *connection, void *bytes, size_t size)
{
    (void)connection;
    return read(STDIN_FILENO, bytes, size);
}

static int write_output(void *connection, const void *bytes, size_t size)
{
    (void)connection;
    return write(STDOUT_FILENO, bytes, size) == (ssize_t)size ? 0 : -1;
}

int main(void)
{
    answer(&(struct stream){.read = read_input, .write = write_output});
    return 0;
}

#endif

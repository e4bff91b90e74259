/* The same program as inetd would start it, once for each call: the connection is descriptor 0 and 1. */
#include "programs.h"

#include <unistd.h>

static ssize_t read_input(void *context, void *buffer, size_t size) {
    (void)context;
    return read(STDIN_FILENO, buffer, size);
}

static int write_output(void *context, const void *bytes, size_t size) {
    (void)context;
    for (size_t count = 0; count < size;) {
        ssize_t written = write(STDOUT_FILENO, (const char *)bytes + count, size - count);
        if (written < 0)
            return -1;
        count += (size_t)written;
    }
    return 0;
}

int main(void) {
    struct courier stream = {.read = read_input, .write = write_output};
    struct courier_call call;
    unsigned char head[COURIER_CALL_BYTES];
    if (courier_greet(&stream) < 0 || courier_next(&stream, &call, head) != 1)
        return 1;
    enum courier_rejection why;
    uint16_t version;
    const struct program *program = program_of(&call, &why, &version);
    if (!program || program->number != program_number) {
        courier_reject(&stream, &call, program ? NO_SUCH_PROGRAM : why, version, version);
        return 1;
    }
    return program_answer(&stream, &call) < 0;
}

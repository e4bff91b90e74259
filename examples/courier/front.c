/* The front: exchanges versions, reads the first call, and passes the connection to the handler of its program, together with what it
 * has drained. */
#include "programs.h"
#include "stream.h"

static void serve(struct baton_connection *connection, void *context) {
    (void)context;
    struct courier stream = stream_of(connection);
    struct courier_call call;
    unsigned char head[COURIER_CALL_BYTES];
    if (courier_greet(&stream) < 0 || courier_next(&stream, &call, head) != 1)
        return;
    enum courier_rejection why;
    uint16_t version;
    const struct program *program = program_of(&call, &why, &version);
    if (program)
        stream_pass(connection, &call, program->service, head);
    else
        courier_reject(&stream, &call, why, version, version);
}

int main(void) {
    struct baton_options options = {.threads = 64, .status = "reading calls"};
    return baton_serve(&options, serve, NULL) == 0 ? 0 : 1;
}

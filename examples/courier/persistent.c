/* A program as a persistent handler: answers its calls on a connection, looks at each next one, and passes the connection on when
 * that is for another program. */
#include "programs.h"
#include "stream.h"

static void serve(struct baton_connection *connection, void *context) {
    (void)context;
    struct courier stream = stream_of(connection);
    struct courier_call call;
    unsigned char head[COURIER_CALL_BYTES];
    while (courier_next(&stream, &call, head) == 1) {
        enum courier_rejection why;
        uint16_t version;
        const struct program *program = program_of(&call, &why, &version);
        if (!program) {
            courier_reject(&stream, &call, why, version, version);
            return;
        }
        if (program->number != program_number) {
            stream_pass(connection, &call, program->service, head);
            return;
        }
        if (program_answer(&stream, &call) < 0)
            return;
    }
}

int main(void) {
    struct baton_options options = {.threads = 64, .status = "answering calls"};
    return baton_serve(&options, serve, NULL) == 0 ? 0 : 1;
}

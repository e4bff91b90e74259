/* Program 2, a very small Clearinghouse: procedure 1 looks a name up and returns what is known of it, both STRINGs. */
#include "programs.h"

#include <string.h>

const uint32_t program_number = 2;

static const struct {
    const char *name, *address;
} entries[] = {
    {"dorado", "2273#2.852.31"},
    {"dandelion", "2273#2.852.144"},
    {"dolphin", "2273#2.852.7"},
};

int program_answer(struct courier *stream, const struct courier_call *call) {
    char name[COURIER_LONGEST_STRING + 1];
    if (call->procedure != 1) {
        courier_reject(stream, call, NO_SUCH_PROCEDURE, 0, 0);
        return -1; /* where its arguments end only they know who wrote them */
    }
    if (courier_string(stream, name) < 0)
        return -1;
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        if (strcmp(entries[i].name, name) != 0)
            continue;
        unsigned char results[2 + COURIER_LONGEST_STRING + 1] = {0};
        size_t length = strlen(entries[i].address);
        courier_put(results, (uint16_t)length);
        memcpy(results + 2, entries[i].address, length);
        return courier_return(stream, call, results, 2 + length + length % 2);
    }
    return courier_reject(stream, call, INVALID_ARGUMENTS, 0, 0);
}

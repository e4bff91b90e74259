/* Program 15: procedure 0 returns the time, a LONG CARDINAL of seconds since 1968, as Xerox counts them. */
#include "programs.h"

#include <time.h>

const uint32_t program_number = 15;

/* 1968-01-01 to 1970-01-01: 731 days, one of them the leap day of 1968. */
static const uint32_t to_1970 = 731u * 86400u;

int program_answer(struct courier *stream, const struct courier_call *call) {
    if (call->procedure != 0) {
        courier_reject(stream, call, NO_SUCH_PROCEDURE, 0, 0);
        return -1;
    }
    uint32_t now = (uint32_t)time(NULL) + to_1970;
    unsigned char results[4];
    courier_put(results, (uint16_t)(now >> 16));
    courier_put(results + 2, (uint16_t)now);
    return courier_return(stream, call, results, sizeof results);
}

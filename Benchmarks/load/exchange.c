#include "exchange.h"

#include <string.h>

static void put_hexadecimal(uint64_t value, char text[16])
{
    for (int digit = 15; digit >= 0; digit--, value >>= 4)
        text[digit] = "0123456789abcdef"[value & 15];
}

void exchange_ask(uint64_t run, uint64_t number, char question[QUESTION])
{
    put_hexadecimal(number, question);
    put_hexadecimal(run, question + 16);
    question[QUESTION - 1] = '\n';
}

int exchange_is_right(const char question[QUESTION], size_t at, const char *bytes, size_t count)
{
    if (at + count > ANSWER)
        return 0;
    for (size_t index = 0; index < count; index++)
        if (bytes[index] != question[(at + index) % QUESTION])
            return 0;
    return 1;
}

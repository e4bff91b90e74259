#ifndef LOAD_EXCHANGE_H
#define LOAD_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>

/* What is asked and what the answer must be: a question that no other connection asks, and back it comes twice. */
enum { QUESTION = 32, ANSWER = 2 * QUESTION };

/* Writes the question of connection `number`, made different for each run by `run`. */
void exchange_ask(uint64_t run, uint64_t number, char question[QUESTION]);

/* Whether the `count` bytes of an answer that stand `at` bytes in are the right ones. */
int exchange_is_right(const char question[QUESTION], size_t at, const char *bytes, size_t count);

#endif

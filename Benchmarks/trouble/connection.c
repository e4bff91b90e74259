#define _GNU_SOURCE
#include "connection.h"
#include "random.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int records = -1;

void records_open(const char *directory, const char *service)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, service);
    records = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (records < 0)
        err(73, "%s", path);
}

void record(const char *what, const char *nonce, const char *format, ...)
{
    char line[256];
    int length = snprintf(line, sizeof line / 2, "%s %.16s %d ", what, nonce, (int)getpid());
    va_list arguments;
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line / 2, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    /* One write, so that a kill leaves a whole line or none, and nobody's comes between. */
    if (write(records, line, (size_t)length) != length)
        err(74, "record");
}

static void record_connection(const struct connection *connection, const char *what, uint64_t now)
{
    record(what, connection->request, "%" PRIu64 " id %" PRIu64 " kind %#x passes %d at %" PRIu64, connection->number,
           connection->id, connection->request[17], connection->passes, now);
}

static size_t payload_of(const struct connection *connection)
{
    size_t length = (size_t)atoi(connection->request + 19);
    return length < LONGEST_PAYLOAD ? length : LONGEST_PAYLOAD;
}

static enum kind kind_of(const struct connection *connection) { return (enum kind)connection->request[17]; }

/* A line that is none means that bytes of it went to somebody else. */
static int is_torn(const struct connection *connection)
{
    const char *line = connection->request;
    return line[16] != ' ' || line[18] != ' ' || line[25] != ' ' || line[30] != '.' || line[31] != '\n';
}

static uint64_t checksum(const char *bytes, size_t count)
{
    uint64_t sum = 0xcbf29ce484222325;
    for (size_t index = 0; index < count; index++)
        sum = (sum ^ (unsigned char)bytes[index]) * 0x100000001b3;
    return sum;
}

/* Of a client's payload the answer tells the checksum. */
static int is_whole(const struct connection *connection)
{
    const char *nonce = connection->request, *payload = nonce + LINE;
    size_t length = nonce[0] == FLOODED ? payload_of(connection) : 0;
    return length < NONCE || (memcmp(payload, nonce, NONCE) == 0 && memcmp(payload, payload + NONCE, length - NONCE) == 0);
}

static void begin_to_serve(struct connection *connection, uint64_t now)
{
    record_connection(connection, is_whole(connection) ? "served" : "wrong", now);
    connection->stage = WAITING;
    connection->due = now + (uint64_t)atoi(connection->request + 26);
    int length = snprintf(connection->short_answer, sizeof connection->short_answer, "%.16s %010d %016" PRIx64 "\n",
                          connection->request, (int)getpid(),
                          checksum(connection->request + LINE, payload_of(connection)));
    connection->answered = 0;
    connection->answer = (size_t)length + (kind_of(connection) == LONG ? LONG_ANSWER : 0);
}

/* Passed on with what has been read by then: always some of the line, seldom all of the payload. */
static int is_to_pass(const struct connection *connection)
{
    return kind_of(connection) == PASSED_ON &&
           (connection->passes == 0 || random_of(connection->number, connection->have) % 4 == 0) &&
           connection->passes < MOST_PASSES;
}

/* Reads what has come of the request; not 0 at the end of the stream, or when it broke. */
static int read_some(struct connection *connection)
{
    size_t whole = connection->have < LINE ? LINE : LINE + payload_of(connection);
    while (connection->have < whole) {
        ssize_t count = recv(connection->fd, connection->request + connection->have, whole - connection->have,
                             MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (count <= 0)
            return -1;
        connection->have += (size_t)count;
        if (connection->have >= LINE)
            whole = LINE + payload_of(connection);
    }
    return 0;
}

static enum outcome read_request(struct connection *connection, uint64_t now)
{
    int ended = read_some(connection);
    if (connection->have < LINE)
        return ended ? OVER : GOES_ON;
    if (is_torn(connection)) {
        record_connection(connection, "torn", now);
        return OVER;
    }
    if (connection->have == LINE + payload_of(connection)) {
        if (is_to_pass(connection) && !ended)
            return WANTS_TO_PASS;
        begin_to_serve(connection, now);
        return GOES_ON;
    }
    if (ended)
        return OVER;
    return is_to_pass(connection) && random_of(connection->number, connection->have) % 2 ? WANTS_TO_PASS : GOES_ON;
}

static enum outcome write_answer(struct connection *connection)
{
    static const char filler[65536] = {'\0'};
    size_t begin = strlen(connection->short_answer);
    while (connection->answered < connection->answer) {
        size_t left = connection->answer - connection->answered;
        int first = connection->answered < begin;
        const char *bytes = first ? connection->short_answer + connection->answered : filler;
        size_t size = first ? begin - connection->answered : left < sizeof filler ? left : sizeof filler;
        ssize_t count = send(connection->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0)
            return errno == EAGAIN || errno == EINTR ? GOES_ON : OVER;
        connection->answered += (size_t)count;
    }
    return OVER;
}

void connection_keep(struct connection *connection)
{
    connection->stage = READING;
    connection->passes = MOST_PASSES;
}

enum outcome connection_go_on(struct connection *connection, uint64_t now)
{
    if (connection->stage == UNTOUCHED && now >= connection->due)
        connection->stage = READING;
    if (connection->stage == READING) {
        enum outcome outcome = read_request(connection, now);
        if (outcome != GOES_ON)
            return outcome;
    }
    if (connection->stage == WAITING && now >= connection->due)
        connection->stage = WRITING;
    return connection->stage == WRITING ? write_answer(connection) : GOES_ON;
}

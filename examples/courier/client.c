/* Calls the two programs in turn and checks each answer:
 *
 *     client [-n CALLS] [-c CALLS] HOST PORT [PORT]
 *
 * -n: calls in all (8); -c: calls on one connection (8, the most that may be passed on as often as they alternate). With two ports
 * the programs are at one each. Prints each answer, or for more than 16 calls how fast they came. */
#include "courier.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char *const names[] = {"dorado", "dandelion", "dolphin"};

static ssize_t read_socket(void *context, void *buffer, size_t size) { return read(*(int *)context, buffer, size); }

static int write_socket(void *context, const void *bytes, size_t size) {
    return send(*(int *)context, bytes, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0)
        fail(host);
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, found->ai_addr, found->ai_addrlen) < 0)
        fail(port);
    freeaddrinfo(found);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return descriptor;
}

static void call(struct courier *stream, uint16_t transaction, bool clearinghouse, bool prints) {
    unsigned char message[COURIER_CALL_BYTES + 2 + COURIER_LONGEST_STRING + 1] = {0};
    const char *name = names[transaction % 3];
    size_t size = COURIER_CALL_BYTES;
    courier_put(message + 2, transaction);
    courier_put(message + 6, clearinghouse ? 2 : 15);
    courier_put(message + 8, clearinghouse ? 3 : 2);
    courier_put(message + 10, clearinghouse ? 1 : 0);
    if (clearinghouse) {
        size_t length = strlen(name);
        courier_put(message + size, (uint16_t)length);
        memcpy(message + size + 2, name, length);
        size += 2 + length + length % 2;
    }
    if (stream->write(stream->context, message, size) < 0)
        fail("call");
    unsigned char head[4], seconds[4];
    char address[COURIER_LONGEST_STRING + 1];
    for (size_t got = 0; got < sizeof head;) {
        ssize_t more = stream->read(stream->context, head + got, sizeof head - got);
        if (more <= 0)
            fail("no answer");
        got += (size_t)more;
    }
    if (courier_word(head) != COURIER_RETURN || courier_word(head + 2) != transaction) {
        fprintf(stderr, "call %u: message %u for %u\n", transaction, courier_word(head), courier_word(head + 2));
        exit(1);
    }
    if (clearinghouse) {
        if (courier_string(stream, address) < 0 || strncmp(address, "2273#2.852.", 11) != 0)
            fail("no address");
        if (prints)
            printf("clearinghouse: %s is at %s\n", name, address);
    } else {
        for (size_t got = 0; got < sizeof seconds; got += 1)
            if (stream->read(stream->context, seconds + got, 1) != 1)
                fail("no time");
        uint32_t now = (uint32_t)courier_word(seconds) << 16 | courier_word(seconds + 2);
        if (now < 731u * 86400u + 1600000000u)
            fail("that is not the time");
        if (prints)
            printf("time: %u seconds since 1968\n", now);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int by_size(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

int main(int count, char **arguments) {
    long calls = 8, each = 8;
    for (int option; (option = getopt(count, arguments, "n:c:")) != -1;) {
        if (option == 'n')
            calls = atol(optarg);
        else if (option == 'c')
            each = atol(optarg);
        else
            return 64;
    }
    int ports = count - optind - 1;
    if (ports < 1 || ports > 2 || calls < 1 || each < 1)
        return 64;
    double *times = calloc((size_t)calls, sizeof *times);
    if (!times)
        fail("calloc");
    double begin = now();
    int descriptor = -1;
    struct courier stream = {.read = read_socket, .write = write_socket, .context = &descriptor};
    for (long i = 0; i < calls; i++) {
        double start = now();
        bool clearinghouse = i % 2 == 0;
        if (descriptor < 0) {
            descriptor = connect_to(arguments[optind], arguments[optind + (ports == 2 && !clearinghouse ? 2 : 1)]);
            if (courier_greet(&stream) < 0)
                fail("no common version");
        }
        call(&stream, (uint16_t)i, clearinghouse, calls <= 16);
        if ((i + 1) % each == 0) {
            close(descriptor);
            descriptor = -1;
        }
        times[i] = now() - start;
    }
    double seconds = (now() - begin) / 1e6;
    qsort(times, (size_t)calls, sizeof *times, by_size);
    if (calls > 16)
        printf("%ld calls, %.0f/s, p50 %.0f us, p99 %.0f us\n", calls, (double)calls / seconds, times[calls / 2],
               times[calls - 1 - calls / 100]);
    free(times);
    return 0;
}

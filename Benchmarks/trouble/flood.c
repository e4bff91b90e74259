#define _GNU_SOURCE
#include "flood.h"
#include "random.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint64_t own = (uint64_t)1 << 63;

void flood_open(struct flood *flood, const char *service, const char *other, uint64_t start)
{
    flood->services[0] = service;
    flood->services[1] = other;
    flood->count = start;
    flood->listener = -1;
    for (int place = 0; place < MOST_FLOODING; place++)
        flood->passing[place].fd = -1;
    for (int place = 0; place < FLOOD_CLIENTS; place++)
        flood->clients[place] = -1;
}

/* ---- Making one ---- */

static int listener_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0)
        return fd;
    close(fd);
    return -1;
}

static int make_tcp(struct flood *flood, int ends[2])
{
    if (flood->listener < 0 && (flood->listener = listener_open()) < 0)
        return -1;
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ends[0] >= 0 && getsockname(flood->listener, (struct sockaddr *)&address, &size) == 0 &&
        connect(ends[0], (struct sockaddr *)&address, size) == 0 &&
        (ends[1] = accept4(flood->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        return 0;
    /* Without a descriptor to accept it, it would be the next one's. */
    close(ends[0]);
    close(flood->listener);
    flood->listener = -1;
    return -1;
}

static int make(struct flood *flood, int ends[2])
{
    if (random_of(flood->count, 2) % 4 == 0)
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    return make_tcp(flood, ends);
}

/* ---- Passing it on ---- */

static void write_request(char *request, const char *nonce, uint64_t count)
{
    /* No client of ours reads a long answer. */
    static const char kinds[] = {SHORT, SHORT, PASSED_ON};
    char line[LINE + 1];
    snprintf(line, sizeof line, "%s %c %06d %04d.\n", nonce, kinds[random_of(count, 3) % sizeof kinds], LONGEST_PAYLOAD,
             (int)(random_of(count, 4) % 100));
    memcpy(request, line, LINE);
    for (size_t index = 0; index < LONGEST_PAYLOAD; index += NONCE)
        memcpy(request + LINE + index, nonce, NONCE);
}

static void pass(struct flood *flood, struct channel *channel, int place)
{
    static char body[sizeof(struct pass_body) + 255 + LINE + LONGEST_PAYLOAD];
    const char *service = flood->services[random_of(flood->count, 5) % 2];
    size_t name = strnlen(service, 255);
    struct pass_body fields = {.service = (uint16_t)name, .drained = LINE + LONGEST_PAYLOAD};
    memcpy(body, &fields, sizeof fields);
    memcpy(body + sizeof fields, service, name);
    write_request(body + sizeof fields + name, flood->passing[place].nonce, flood->count);
    size_t size = sizeof fields + name + LINE + LONGEST_PAYLOAD;
    struct header header = {.length = (uint32_t)(sizeof header + size), .type = PASS, .id = own | (uint64_t)place};
    record("flood", flood->passing[place].nonce, "to %s", service);
    channel_send(channel, &header, body, size, flood->passing[place].fd);
}

void flood_go_on(struct flood *flood, struct channel *channel)
{
    for (int place = 0; place < MOST_FLOODING && flood->left > 0; place++) {
        if (flood->passing[place].fd >= 0)
            continue;
        int ends[2];
        if (make(flood, ends) != 0) {
            flood->left = 0;
            return;
        }
        flood->left--;
        uint64_t number = flood->count++;
        int *client = &flood->clients[number % FLOOD_CLIENTS];
        close(*client);
        *client = ends[0];
        flood->passing[place].fd = ends[1];
        snprintf(flood->passing[place].nonce, NONCE + 1, "%c%05x%010" PRIx64, FLOODED, (unsigned)getpid() & 0xfffff,
                 number & 0xffffffffff);
        pass(flood, channel, place);
    }
}

int flood_has(uint64_t id) { return (id & own) != 0; }

void flood_answered(struct flood *flood, const struct header *header)
{
    uint64_t place = header->id & ~own;
    if (place >= MOST_FLOODING || flood->passing[place].fd < 0)
        return;
    if (!header->flags)
        record("taken", flood->passing[place].nonce, "place %d", (int)place);
    close(flood->passing[place].fd);
    flood->passing[place].fd = -1;
}

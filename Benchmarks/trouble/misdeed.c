#include "misdeed.h"
#include "random.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void say(struct channel *channel, struct header header, const void *body, size_t size, int descriptor)
{
    if (header.length == 0)
        header.length = (uint32_t)(sizeof header + size);
    channel_send(channel, &header, body, size, descriptor);
}

static void send_garbage(struct channel *channel, uint64_t last)
{
    uint64_t bytes[9];
    for (unsigned index = 0; index < 9; index++)
        bytes[index] = random_of(last, index);
    channel_send_bytes(channel, bytes, sizeof bytes, -1);
}

static void send_too_long(struct channel *channel)
{
    static char body[LONGEST_MESSAGE + 1 - sizeof(struct header)];
    say(channel, (struct header){.type = STATUS}, body, sizeof body, -1);
}

/* Three bytes of a header, or none: what there is is a whole packet, and on a stream its length is too short. */
static void send_empty(struct channel *channel)
{
    if (channel->transport == STREAM)
        say(channel, (struct header){.length = 3, .type = STATUS}, NULL, 0, -1);
    else
        channel_send_bytes(channel, "", 0, -1);
}

static void send_cut_short(struct channel *channel)
{
    struct header header = {.length = 4096, .type = STATUS};
    channel_send_bytes(channel, &header, 12, -1);
    if (channel->transport == STREAM)
        shutdown(channel->fd, SHUT_WR);
}

void misdeed_send(struct channel *channel, enum misdeed misdeed, const char *service, uint64_t last)
{
    const uint64_t future = last + 1000;
    struct registration registration = {.version = 1};
    char body[sizeof registration + 256];
    memcpy(body, &registration, sizeof registration);
    size_t length = strnlen(service, 255);
    memcpy(body + sizeof registration, service, length);
    struct pass_body pass = {0};
    switch (misdeed) {
    case GARBAGE: return send_garbage(channel, last);
    case WRONG_LENGTH: return say(channel, (struct header){.length = 15, .type = ACK}, NULL, 0, -1);
    case UNKNOWN_TYPE: return say(channel, (struct header){.type = 77}, NULL, 0, -1);
    case ACK_OF_WHAT_WAS_NOT_SENT: return say(channel, (struct header){.type = ACK, .id = future}, NULL, 0, -1);
    case DONE_OF_WHAT_WAS_NOT_SENT: return say(channel, (struct header){.type = DONE}, &future, sizeof future, -1);
    case NACK_OF_WHAT_IS_ACKNOWLEDGED: return say(channel, (struct header){.type = NACK, .id = last}, "no", 2, -1);
    case SECOND_REGISTER: return say(channel, (struct header){.type = REGISTER}, body, sizeof registration + length, -1);
    case EMPTY_MESSAGE: return send_empty(channel);
    case SURPLUS_DESCRIPTOR: return say(channel, (struct header){.type = ACK, .id = last}, NULL, 0, STDIN_FILENO);
    case UNKNOWN_FLAGS: return say(channel, (struct header){.type = ACK, .flags = 0x8000, .id = last}, NULL, 0, -1);
    case TOO_LONG: return send_too_long(channel);
    case SHUTDOWN: shutdown(channel->fd, SHUT_WR); return;
    case PASS_OF_WHAT_WAS_NOT_SENT:
        return say(channel, (struct header){.type = PASS, .id = future}, &pass, sizeof pass, STDIN_FILENO);
    case NO_UTF8: return say(channel, (struct header){.type = STATUS}, "\xff\xfe", 2, -1);
    case CUT_SHORT: return send_cut_short(channel);
    default: return;
    }
}

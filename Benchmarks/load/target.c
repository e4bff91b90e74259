#include "target.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static int parse_unix(const char *path, struct target *target)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&target->address;
    if (strlen(path) >= sizeof address->sun_path)
        return -1;
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    target->length = sizeof *address;
    return 0;
}

int target_parse(const char *text, struct target *target)
{
    memset(target, 0, sizeof *target);
    if (*text == '/')
        return parse_unix(text, target);
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2], *end;
    if (!colon || (size_t)(colon - text) >= sizeof host)
        return -1;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (end == colon + 1 || *end || port == 0 || port > 65535)
        return -1;
    size_t length = (size_t)(colon - text);
    int bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
    memcpy(host, text + bracketed, length);
    host[length - (bracketed ? 2 : 0)] = 0;
    if (bracketed) {
        struct sockaddr_in6 *address = (struct sockaddr_in6 *)&target->address;
        *address = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        target->length = sizeof *address;
        return inet_pton(AF_INET6, host, &address->sin6_addr) == 1 ? 0 : -1;
    }
    struct sockaddr_in *address = (struct sockaddr_in *)&target->address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    target->length = sizeof *address;
    return inet_pton(AF_INET, host, &address->sin_addr) == 1 ? 0 : -1;
}

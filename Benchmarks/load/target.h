#ifndef LOAD_TARGET_H
#define LOAD_TARGET_H

#include <sys/socket.h>

/* Where to connect to. */
struct target {
    struct sockaddr_storage address;
    socklen_t length;
};

/* "127.0.0.1:7000", "[::1]:7000" or the path of a Unix socket. 0, or -1 when the text is none of these. */
int target_parse(const char *text, struct target *target);

#endif

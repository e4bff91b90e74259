/* A handler with a listener of its own: passes what it accepts there to the service of its second argument, in
 * the thread that reads the channel, and says the port and each outcome on standard output. */
#define _GNU_SOURCE
#include "baton_handler.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

static int listen_anywhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        return -1;
    printf("%d\n", ntohs(address.sin_port));
    return listener;
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct baton_options options = {.service = count > 1 ? arguments[1] : NULL};
    struct baton_handler *handler = baton_open(&options);
    int listener = listen_anywhere();
    if (!handler || listener < 0 || count < 3)
        return 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        struct baton_connection *connection = baton_adopt(handler, fd);
        baton_unread(connection, "drained ", 8);
        printf("%s\n", baton_pass(connection, arguments[2]) == 0 ? "taken" : connection->refusal);
        baton_end(connection);
    }
    baton_close(handler);
    return 0;
}

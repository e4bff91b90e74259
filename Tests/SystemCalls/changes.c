#define _GNU_SOURCE
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The working directory has `file` and `directory`, and lets this process do what it will. */
void try_changes(void)
{
#define TRY(name, call) print_result(name, (call) < 0 ? errno : 0)
    TRY("read", open("file", O_RDONLY | O_CLOEXEC));
    TRY("list", open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    TRY("write", open("file", O_WRONLY | O_CLOEXEC));
    TRY("append", open("file", O_WRONLY | O_APPEND | O_CLOEXEC));
    TRY("truncate", truncate("file", 0));
    TRY("make", open("new", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    TRY("mkdir", mkdir("new directory", 0700));
    TRY("mkfifo", mkfifo("fifo", 0600));
    TRY("symlink", symlink("file", "link"));
    TRY("link", link("file", "directory/file"));
    TRY("rename", rename("file", "renamed"));
    TRY("unlink", unlink("file"));
    TRY("rmdir", rmdir("directory"));
    int socket_file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    if (socket_file < 0) abort();
    TRY("bind", bind(socket_file, (struct sockaddr *)&address, sizeof address));
}

void try_others(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0) abort();
    TRY("bind", bind(listener, (struct sockaddr *)&address, sizeof address));
    TRY("signal parent", kill(getppid(), 0));
    TRY("signal self", kill(getpid(), 0));
    TRY("write memory, then execute it",
        mprotect(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096,
                 PROT_READ | PROT_EXEC));
}

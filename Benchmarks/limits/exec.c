/* The limit of starting a program for each connection: limit-exec [OPTION]… LISTENER PROGRAM [ARGUMENT…]
 *
 *   -t COUNT   threads that spawn
 *   -s         the child shares the table of descriptors and unshares its lowest part, instead of copying it whole
 *   -S         each child has a session of its own, as inetd's have
 *   -l COUNT   idle listening sockets beside the one that is its descriptor LISTENER
 *   -d COUNT   other open descriptors
 *   -m COUNT   megabytes of memory, all touched
 *
 * Accepts, starts and reaps; it can do nothing else. The child stays in its parent's memory, and the parent waits,
 * until it has executed its program. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What lives long stands above FIRST_LASTING, so that a child has only connections to copy. Accepting until there is
 * no more would leave the dead unburied. */
enum { FIRST_LASTING = 64, BUDGET = 16, STACK = 16384, EVENTS = 16 };

struct limit {
    int shares_table, own_sessions;
    int listener, children; /* `children`: a signalfd */
    int *idle; /* listeners */
    long idle_count;
    char **program;
};

struct child {
    const struct limit *limit;
    int connection;
};

static int lasting(int fd)
{
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_LASTING);
    if (fd < 0 || moved < 0)
        err(71, "descriptor");
    close(fd);
    return moved;
}

static int become(void *argument)
{
    const struct child *child = argument;
    if (child->limit->shares_table && syscall(SYS_close_range, FIRST_LASTING, ~0u, 2 /* CLOSE_RANGE_UNSHARE */) != 0)
        _exit(127);
    if (child->limit->own_sessions)
        setsid();
    sigset_t none;
    sigemptyset(&none);
    for (int fd = 0; fd < 3; fd++)
        dup2(child->connection, fd);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(child->limit->program[0], child->limit->program, (char *[]){NULL});
    _exit(127);
}

static void spawn(const struct limit *limit, int connection, char *stack)
{
    struct child child = {limit, connection};
    int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (limit->shares_table ? CLONE_FILES : 0);
    if (clone(become, stack + STACK, flags, &child) < 0)
        err(71, "clone");
    close(connection);
}

static void reap(const struct limit *limit)
{
    struct signalfd_siginfo news;
    if (read(limit->children, &news, sizeof news) < 0 && errno != EAGAIN)
        err(71, "signalfd");
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

/* Any idle listener would be served likewise. */
static void accept_some(const struct limit *limit, int listener, char *stack)
{
    for (int count = 0; count < BUDGET; count++) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
            return;
        if (fd < 0)
            err(71, "accept4");
        spawn(limit, fd, stack);
    }
}

/* The dead come first, for they hold what the living need. */
static void go_on(const struct limit *limit, int epoll, char *stack)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(epoll, events, EVENTS, -1);
    for (int index = 0; index < count; index++)
        if (events[index].data.fd == limit->children)
            reap(limit);
    for (int index = 0; index < count; index++)
        if (events[index].data.fd != limit->children)
            accept_some(limit, events[index].data.fd, stack);
}

/* News wakes one thread only. */
static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        err(71, "epoll_ctl");
}

static int listen_idly(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = lasting(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0)
        err(71, "listen");
    return fd;
}

/* One of the threads. */
static void *serve(void *argument)
{
    const struct limit *limit = argument;
    int epoll = lasting(epoll_create1(0));
    watch(epoll, limit->children);
    watch(epoll, limit->listener);
    for (long index = 0; index < limit->idle_count; index++)
        watch(epoll, limit->idle[index]);
    char *stack = aligned_alloc(16, STACK);
    while (stack)
        go_on(limit, epoll, stack);
    return NULL;
}

static void touch(size_t megabytes)
{
    size_t size = megabytes << 20;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED)
        err(71, "mmap");
    madvise(bytes, size, MADV_NOHUGEPAGE); /* as what grew little by little */
    for (size_t at = 0; at < size; at += 4096)
        bytes[at] = 1;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void prepare(struct limit *limit)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    raise_descriptor_limit();
    limit->children = lasting(signalfd(-1, &child, SFD_NONBLOCK));
    limit->listener = lasting(limit->listener);
    if (fcntl(limit->listener, F_SETFL, O_NONBLOCK) != 0)
        err(71, "listener");
    limit->idle = calloc((size_t)limit->idle_count, sizeof *limit->idle);
    for (long index = 0; index < limit->idle_count; index++)
        limit->idle[index] = listen_idly();
}

int main(int count, char **arguments)
{
    static struct limit limit;
    long threads = 1, descriptors = 0, megabytes = 0;
    for (int option; (option = getopt(count, arguments, "+t:sSl:d:m:")) != -1;) {
        switch (option) {
        case 't': threads = atol(optarg); break;
        case 's': limit.shares_table = 1; break;
        case 'S': limit.own_sessions = 1; break;
        case 'l': limit.idle_count = atol(optarg); break;
        case 'd': descriptors = atol(optarg); break;
        case 'm': megabytes = atol(optarg); break;
        default: errx(64, "usage: limit-exec [-t N] [-sS] [-l N] [-d N] [-m N] LISTENER PROGRAM [ARGUMENT...]");
        }
    }
    if (count - optind < 2)
        errx(64, "LISTENER or PROGRAM is missing");
    limit.listener = atoi(arguments[optind]);
    limit.program = arguments + optind + 1;
    prepare(&limit);
    for (long index = 0; index < descriptors; index++)
        lasting(open("/dev/null", O_RDONLY));
    if (megabytes > 0)
        touch((size_t)megabytes);
    for (pthread_t thread; threads > 1; threads--)
        if ((errno = pthread_create(&thread, NULL, serve, &limit)) != 0)
            err(71, "pthread_create");
    serve(&limit);
    return 71;
}

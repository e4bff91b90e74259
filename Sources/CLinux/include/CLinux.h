#ifndef CLINUX_H
#define CLINUX_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <termios.h>

#include <linux/vm_sockets.h> /* needs sys/socket.h before it in older headers */

#include "baton_confine.h"
#include "baton_roster.h"
#include "baton_spawn.h"

/* What Swift cannot import: variadic calls, macros with arguments, and everything between clone and
 * exec. Answers are those of the system call underneath: -1 and errno on failure. */

int baton_open_at(int directory, const char *path, int flags, mode_t mode); /* openat(2) */

/* An entry of a directory, a symbolic link itself, held without opening it (O_PATH); and chown(2) of what is held. */
int baton_hold_at(int directory, const char *name);
int baton_change_owner(int held, uid_t owner, gid_t group);

int baton_placeholder(void); /* eventfd(2), close-on-exec */

/* fcntl */
int baton_duplicate(int descriptor); /* F_DUPFD_CLOEXEC */
/* `number` becomes another descriptor (close-on-exec) of what `descriptor` is one of (dup3(2)). */
int baton_replace(int number, int descriptor);
int baton_set_nonblocking(int descriptor, int on);
int baton_set_close_on_exec(int descriptor, int on);

/* accept4(2), close-on-exec; the connection is in blocking mode. */
int baton_accept(int listener, struct sockaddr_storage *peer, socklen_t *length);

/* sendmsg(2) of one message with `count` descriptors; MSG_NOSIGNAL is added to `flags`. */
ssize_t baton_send(int socket, const void *bytes, size_t length, const int *descriptors, size_t count, int flags);

struct baton_received {
    size_t descriptors; /* in: room in the array; out: how many it holds */
    int flags;          /* msg_flags: MSG_TRUNC, MSG_CTRUNC */
    pid_t pid;          /* the writer, where SO_PASSCRED is set; else 0 */
    int process;        /* the same as a pidfd, where SO_PASSPIDFD is set (Linux 6.5); else -1 */
    socklen_t name;     /* in: room for the sender's address, or 0; out: its length */
};

/* recvmsg(2), MSG_CMSG_CLOEXEC. With no room for descriptors there is no room for any: the kernel drops
 * them. At most BATON_MOST_DESCRIPTORS (SCM_MAX_FD) come with a message. */
#define BATON_MOST_DESCRIPTORS 253
ssize_t baton_receive(int socket, void *bytes, size_t length, int *descriptors, struct sockaddr_storage *name,
                      struct baton_received *received, int flags);

/* pipe2(2), both ends close-on-exec and nonblocking. */
int baton_pipe(int ends[2]);

/* splice(2) of up to `most` bytes. SPLICE_F_NONBLOCK keeps it from waiting for the pipe only: the socket at
 * the other end must be nonblocking itself. */
ssize_t baton_splice(int from, int to, size_t most);

/* ioctl: bytes that lie in a socket's receive and send queue. */
int baton_input_queue(int socket, int *bytes);
int baton_output_queue(int socket, int *bytes);

/* The file that a Unix-domain socket is bound to, held as by O_PATH (SIOCUNIXFILE; CAP_NET_ADMIN); -1 and errno. */
int baton_socket_file(int socket);

/* What TCP has moved so far (tcp(7), TCP_INFO); -1 and errno elsewhere. */
struct baton_tcp_counts {
    uint64_t received;      /* payload, and one for a FIN */
    uint64_t sent;          /* payload, retransmissions included */
    uint64_t retransmitted;
    uint32_t unsent;        /* written by the application, not yet sent */
    uint8_t state;          /* TCP_ESTABLISHED … */
};
int baton_tcp_counts(int socket, struct baton_tcp_counts *counts);

/* Clients in the backlog of a listening TCP socket (TCP_INFO); -1 and errno elsewhere. */
int baton_backlog(int socket);

/* Unmaps the pages of the program and its libraries that are as they are in their files, and gives back free memory.
 * What is needed again comes back by itself. Nobody else may write to this memory meanwhile: no thread, no child. */
void baton_let_code_go(void);

/* Gives free memory back to the kernel, also between what is in use (malloc_trim(3)). */
void baton_let_memory_go(void);
long baton_load_average(void); /* of the last minute, in hundredths; sysinfo(2) */

/* A nonblocking socket on which the kernel tells of addresses that come and go (rtnetlink(7)). */
int baton_address_news(void);

/* The type of the first message of a packet, RTM_NEWADDR and so on; 0 where there is none. The rest of the packet is
 * dropped. */
int baton_next_address_news(int socket);
int baton_is_new_address(int type);

/* SO_PEERCRED */
int baton_peer_credentials(int socket, int32_t *pid, uint32_t *uid, uint32_t *gid);

int baton_pidfd_signal(int pidfd, int signal);
int baton_pidfd_open(pid_t pid); /* close-on-exec */

/* RLIMIT_NOFILE of any process (prlimit(2)). */
int baton_get_open_files(pid_t pid, uint64_t *soft, uint64_t *hard);
int baton_set_open_files(pid_t pid, uint64_t soft, uint64_t hard);

/* wait(2) macros */
int baton_exited(int status);
int baton_exit_status(int status);
int baton_term_signal(int status);
int baton_dumped_core(int status);

/* memfd_create(2): a file in memory, not executable; it stays open across exec. */
int baton_memory_file(const char *name);

/* The same, close-on-exec, and to be sealed once it is written (F_ADD_SEALS): nobody changes it any more. */
int baton_sealable_file(const char *name);
int baton_seal(int descriptor);

int baton_current_program(void); /* O_PATH of /proc/self/exe, close-on-exec */
/* prctl(2), PR_SET_CHILD_SUBREAPER. */
int baton_adopt_orphans(void);
void baton_name_process(const char *name); /* PR_SET_NAME */

/* execveat(2) of an opened program, the environment kept. Answers on failure only. */
int baton_become(int program, char *const arguments[]);

/* Until `baton_stay` a crash of this program, and its not having got there in so many seconds, makes the process the
 * opened `program` again, with `kept` open: `baton_close` closes none of those before. It copies what it is given. */
int baton_go_back_on_crash(int program, char *const arguments[], const int *kept, size_t count, unsigned seconds);
void baton_stay(void);
int baton_close(int descriptor); /* close(2) */
/* write(2) that never waits: EAGAIN where it would, on a descriptor of any mode. Only a regular file may take its time. */
ssize_t baton_write_now(int descriptor, const void *bytes, size_t length);
int baton_window_size(int terminal, unsigned short *rows, unsigned short *columns); /* TIOCGWINSZ */

/* Keys come one by one, without echo; ^C and ^Z still make signals. `before` is what to go back to. */
int baton_read_keys(int terminal, struct termios *before);

/* Does what SIGTSTP does by itself, though it is blocked or handled; returns when the process goes on. */
int baton_suspend(void);

#endif

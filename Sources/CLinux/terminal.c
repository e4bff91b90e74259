#define _GNU_SOURCE
#include "CLinux.h"

#include <signal.h>
#include <sys/ioctl.h>

int baton_window_size(int terminal, unsigned short *rows, unsigned short *columns)
{
    struct winsize size;
    if (ioctl(terminal, TIOCGWINSZ, &size) < 0) return -1;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}

int baton_read_keys(int terminal, struct termios *before)
{
    if (tcgetattr(terminal, before) < 0) return -1;
    struct termios mode = *before;
    mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
    mode.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return tcsetattr(terminal, TCSADRAIN, &mode);
}

int baton_suspend(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, before;
    sigset_t stop, mask;
    if (sigaction(SIGTSTP, &standard, &before) < 0) return -1;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, &mask); /* stops here, until SIGCONT */
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return sigaction(SIGTSTP, &before, NULL);
}

#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int signal_pipe[2] = {-1, -1};

static void note_signal(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    if (write(signal_pipe[1], &byte, 1) < 0) { /* If the pipe is full, the reader wakes up anyway. */ }
    errno = saved;
}

int cl_signal_descriptor(void) {
    static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    if (signal_pipe[0] < 0 && pipe2(signal_pipe, O_NONBLOCK | O_CLOEXEC) != 0) return -1;
    struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
    sigset_t caught;
    sigemptyset(&action.sa_mask);
    sigemptyset(&caught);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (sigaction(wanted[i], &action, NULL) != 0 || sigaddset(&caught, wanted[i]) != 0) return -1;
    /* The parent process may have blocked them. */
    if (sigprocmask(SIG_UNBLOCK, &caught, NULL) != 0) return -1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGIO, SIG_IGN); /* see cl_is_being_written */
    return signal_pipe[0];
}

int cl_next_signal(int descriptor) {
    unsigned char byte;
    return read(descriptor, &byte, 1) == 1 ? byte : 0;
}

static void leave(int status, void *unused) {
    (void)unused;
    int is_lost = fflush(stdout) != 0 || ferror(stdout);
    fflush(NULL);
    /* A reader that has gone, or one that closed the output, misses nothing. */
    struct pollfd output = {.fd = STDOUT_FILENO};
    int is_unread = poll(&output, 1, 0) > 0 && (output.revents & (POLLERR | POLLHUP | POLLNVAL));
    if (status == 0 && is_lost && !is_unread) {
        fputs("error: the output could not be written whole\nFree some space where it goes.\n", stderr);
        fflush(stderr);
        status = 74; /* EX_IOERR of sysexits(3) */
    }
    _exit(status);
}

void cl_set_up_process(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    on_exit(leave, NULL);
}

/* The caller's environment with `variable` (NAME=VALUE) in it, for free(3); NULL and errno. */
static char **environment_with(const char *variable) {
    size_t count = 0, length = (size_t)(strchr(variable, '=') - variable) + 1;
    while (environ[count]) count++;
    char **all = malloc((count + 2) * sizeof *all), **end = all;
    if (!all) return NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], variable, length) != 0) *end++ = environ[i];
    *end++ = (char *)variable;
    *end = NULL;
    return all;
}

int cl_spawn(
    const char *program, char *const argv[], const char *variable, const char *input, int output, int errors) {
    char **environment = variable ? environment_with(variable) : NULL;
    if (variable && !environment) return -1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, standard;
    pid_t pid;
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (errors) posix_spawn_file_actions_adddup2(&actions, errors, 2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &standard);
    posix_spawnattr_setpgroup(&attributes, 0);
    int failed = posix_spawn(&pid, program, &actions, &attributes, argv, environment ? environment : environ);
    free(environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (failed) {
        errno = failed;
        return -1;
    }
    return pid;
}

/* Does not return: becomes the program, or writes the errno of the failed call to `report`. */
static void become(const char *program, char *const argv[], char *const environment[], int output, int errors, int report) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (input >= 0 && dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && (!errors || dup2(errors, 2) >= 0))
        execve(program, argv, environment);
    int failed = errno;
    if (write(report, &failed, sizeof failed) < 0) { /* the parent is gone */ }
    _exit(127);
}

int cl_spawn_bound(const char *program, char *const argv[], char *const environment[], int output, int errors) {
    int report[2], failed = 0;
    if (pipe2(report, O_CLOEXEC) != 0) return -1;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(127);
        become(program, argv, environment ? environment : environ, output, errors, report[1]);
    }
    if (pid < 0) failed = errno;
    close(report[1]);
    while (pid > 0 && read(report[0], &failed, sizeof failed) < 0 && errno == EINTR) {}
    close(report[0]);
    if (!failed) return pid;
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    errno = failed;
    return -1;
}

int cl_folder_access(const char *path, int isBound, uint32_t user, uint32_t group, const uint32_t *groups, int count) {
    enum { UNKNOWN = 255 };
    pid_t pid = fork();
    if (pid == 0) {
        if (isBound && chdir(path) != 0) _exit(UNKNOWN);
        /* Bare system calls: the C library's functions would signal threads that this process does not have. */
        if (syscall(SYS_setgroups, count, groups) != 0 || syscall(SYS_setresgid, group, group, group) != 0 ||
            syscall(SYS_setresuid, user, user, user) != 0)
            _exit(UNKNOWN);
        _exit(access(isBound ? "." : path, R_OK | W_OK | X_OK) == 0 ? 0 : errno);
    }
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) != UNKNOWN ? WEXITSTATUS(status) : -1;
}

int cl_limit_data(int pid, uint64_t bytes) {
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = bytes};
    return prlimit(pid, RLIMIT_DATA, &limit, NULL);
}

int cl_send(const char *path, const uint8_t *bytes, size_t size) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) return -1;
    memcpy(address.sun_path, path, length);
    if (address.sun_path[0] == '@') address.sun_path[0] = 0;
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    ssize_t sent = sendto(descriptor, bytes, size, MSG_NOSIGNAL, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    close(descriptor);
    return sent < 0 ? -1 : 0;
}

ptrdiff_t cl_ask(const char *path, const uint8_t *bytes, size_t size, uint8_t *answer, size_t room) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path), got = 0;
    if (length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, length);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    int failed = connect(descriptor, (struct sockaddr *)&address, sizeof address);
    while (!failed && size > 0) {
        ssize_t count = send(descriptor, bytes, size, MSG_NOSIGNAL);
        failed = count < 0 && errno != EINTR;
        if (count > 0) {
            bytes += count;
            size -= (size_t)count;
        }
    }
    failed = failed || shutdown(descriptor, SHUT_WR);
    while (!failed && got < room) {
        ssize_t count = recv(descriptor, answer + got, room - got, 0);
        if (count == 0) break;
        failed = count < 0 && errno != EINTR;
        if (count > 0) got += (size_t)count;
    }
    int saved = errno;
    close(descriptor);
    errno = saved;
    return failed ? -1 : (ptrdiff_t)got;
}

int cl_notify(const char *path, const char *message) { return cl_send(path, (const uint8_t *)message, strlen(message)); }

/* Runs a program and injects a fault into some of its system calls of one number:
 *
 *     inject FILE CALL PATH FIRST LAST (KILL | ERROR) MILLISECONDS PROGRAM ARGUMENT...
 *
 * It counts the calls of that number in the program's first thread from its start; with a PATH, only those whose second
 * argument is that path. The FIRSTth to the LASTth fail with the error after that time and are not executed, or KILL ends
 * the program just before them. FILE gets a letter for each injected fault. Children of the program run without faults.
 * inject exits as the program does. strace can do the same at several times the cost: it stops at every call, while
 * seccomp's notifications come only for calls of one number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void die(const char *what) {
    fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
    exit(99);
}

static void run(char **words, int number, volatile int *shared) {
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof lines / sizeof lines[0], lines};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
    if (listener < 0) die("seccomp");
    shared[0] = listener;
    while (!shared[1]) sched_yield();
    execv(words[0], words);
    die(words[0]);
}

struct fault {
    const char *path;
    long first, last;
    int error;
    useconds_t delay;
    int log;
};

static int concerns(const struct seccomp_notif *call, const char *path) {
    char found[4096];
    size_t size = strlen(path) + 1;
    struct iovec to = {found, size}, from = {(void *)call->data.args[1], size};
    if (size == 1) return 1;
    return size <= sizeof found && process_vm_readv((pid_t)call->pid, &to, 1, &from, 1, 0) == (ssize_t)size && !memcmp(found, path, size);
}

/* Answers the calls until `process` ends (or, without one, until no one is left who makes any). Of those of `child`, some
 * meet the fault. */
static void serve(int listener, int process, pid_t child, struct fault fault) {
    struct pollfd sources[] = {{listener, POLLIN, 0}, {process, POLLIN, 0}};
    long count = 0;
    while (poll(sources, 2, -1) >= 0 || errno == EINTR) {
        if (sources[0].revents & POLLIN) {
            struct seccomp_notif call;
            memset(&call, 0, sizeof call);
            if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;  // its caller has died
            struct seccomp_notif_resp answer = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
            if ((pid_t)call.pid == child && concerns(&call, fault.path) && ++count >= fault.first && count <= fault.last) {
                if (write(fault.log, "x", 1) != 1) die("log");
                usleep(fault.delay);
                if (fault.error == 0) kill(child, SIGKILL);
                answer.flags = 0;
                answer.error = -(fault.error ? fault.error : EIO);  // a killed one sees no answer
            }
            ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
        } else if (sources[0].revents & POLLHUP) {
            if (process < 0) return;
            sources[0].fd = -1;
        } else if (sources[1].revents & POLLIN) {
            return;
        }
    }
}

int main(int argc, char **argv) {
    if (argc < 9) return 64;
    struct fault fault = {.path = argv[3], .first = atol(argv[4]), .last = atol(argv[5])};
    fault.error = !strcmp(argv[6], "KILL") ? 0 : atoi(argv[6]);
    fault.delay = (useconds_t)atoi(argv[7]) * 1000;
    fault.log = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) die("mmap");

    pid_t child = fork();
    if (child == 0) run(argv + 8, atoi(argv[2]), shared);
    int process = (int)syscall(SYS_pidfd_open, child, 0), status = 0;
    while (!shared[0]) {
        if (waitpid(child, &status, WNOHANG) == child) return 99;
        usleep(100);
    }
    int listener = (int)syscall(SYS_pidfd_getfd, process, shared[0], 0);
    if (listener < 0) die("pidfd_getfd");
    shared[1] = 1;
    serve(listener, process, child, fault);
    waitpid(child, &status, 0);
    if (fork() == 0) {
        // What the program started may still want answers to its calls.
        for (int i = 0; i < 3; i++) close(i);
        serve(listener, -1, 0, fault);
        return 0;
    }
    if (WIFSIGNALED(status)) raise(WTERMSIG(status));
    return WEXITSTATUS(status);
}

/* What a process denies to itself permanently: files by Landlock, sockets by a seccomp filter. The constants are the kernel's.
 * They stand here because the headers of Debian 12 know only the first version of Landlock. */
#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers on every architecture. */
enum { LANDLOCK_CREATE_RULESET = 444, LANDLOCK_ADD_RULE = 445, LANDLOCK_RESTRICT_SELF = 446, IO_URING_SETUP = 425 };

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_DIR = 1 << 4,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_DIR = 1 << 7,
    FS_MAKE_REG = 1 << 8,
    FS_FIRST_VERSION = (1 << 13) - 1,
    FS_REFER = 1 << 13,     /* from version 2 */
    FS_TRUNCATE = 1 << 14,  /* 3 */
    FS_IOCTL_DEV = 1 << 15, /* 5 */
    NET_BIND_AND_CONNECT_TCP = 3, /* 4 */
    SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 3, /* 6 */
};

struct ruleset {
    uint64_t files, network, scope;
};

struct beneath {
    uint64_t access;
    int32_t parent;
} __attribute__((packed));

int cl_landlock_version(void) { return (int)syscall(LANDLOCK_CREATE_RULESET, NULL, 0, 1u); }

static struct ruleset handled(int version) {
    struct ruleset all = {.files = FS_FIRST_VERSION};
    if (version >= 2) all.files |= FS_REFER;
    if (version >= 3) all.files |= FS_TRUNCATE;
    if (version >= 4) all.network = NET_BIND_AND_CONNECT_TCP;
    if (version >= 5) all.files |= FS_IOCTL_DEV;
    if (version >= 6) all.scope = SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS;
    return all;
}

static uint64_t rights(cl_access access) {
    switch (access) {
    case CL_READ: return FS_READ_FILE | FS_READ_DIR;
    case CL_EXECUTE: return FS_READ_FILE | FS_READ_DIR | FS_EXECUTE;
    case CL_WRITE:
        return FS_READ_FILE | FS_READ_DIR | FS_WRITE_FILE | FS_TRUNCATE | FS_MAKE_REG | FS_MAKE_DIR | FS_REMOVE_FILE |
               FS_REMOVE_DIR | FS_REFER;
    }
    return 0;
}

int cl_landlock(const cl_path_access *allowed, int count) {
    int version = cl_landlock_version();
    if (version < 0) return -1;
    struct ruleset all = handled(version);
    /* Older kernels take a shorter struct; they refuse a longer one only if its tail is not zero. */
    int ruleset = (int)syscall(LANDLOCK_CREATE_RULESET, &all, sizeof all, 0u);
    if (ruleset < 0) return -1;
    for (int i = 0; i < count; i++) {
        int path = open(allowed[i].path, O_PATH | O_CLOEXEC);
        if (path < 0) {
            if (errno == ENOENT || errno == ENOTDIR || errno == EACCES) continue; /* a path that does not exist needs no right */
            goto failed;
        }
        struct stat found;
        struct beneath rule = {.access = rights(allowed[i].access) & all.files, .parent = path};
        if (fstat(path, &found) == 0 && !S_ISDIR(found.st_mode))
            rule.access &= FS_READ_FILE | FS_WRITE_FILE | FS_EXECUTE | FS_TRUNCATE;
        int added = (int)syscall(LANDLOCK_ADD_RULE, ruleset, 1, &rule, 0u);
        int number = errno;
        close(path);
        errno = number;
        if (added != 0) goto failed;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0u) != 0) goto failed;
    close(ruleset);
    return 0;
failed:;
    int number = errno;
    close(ruleset);
    errno = number;
    return -1;
}

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "name the architecture for the socket filter"
#endif

#define DENY(call)                                                                                                     \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)

int cl_deny_sockets(void) {
    struct sock_filter program[] = {
        /* The filter could not see calls by another architecture's numbers, so these end the process. */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        /* x32 */
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        /* Pairs of connected sockets stay allowed: they lead nowhere, and starting a program needs them. */
        DENY(__NR_socket),
        DENY(IO_URING_SETUP), /* can open sockets without socket(2) */
        DENY(__NR_ptrace),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof program / sizeof *program, .filter = program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}

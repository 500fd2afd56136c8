/* Linux calls that Swift's Glibc module lacks. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* rename(2) that fails with EEXIST where `to` is taken. Falls back to a check and rename(2) where the file system
 * has no RENAME_NOREPLACE. Returns 0, or -1 and errno. */
int cl_rename_no_replace(const char *from, const char *to);

/* The worker dies with its parent, whatever happens: PR_SET_PDEATHSIG, SIGKILL. */
int cl_die_with_parent(void);

/* inotify_init1(IN_NONBLOCK|IN_CLOEXEC); a watch for what can make a file ready, take it away, or make a folder vanish. */
int cl_inotify_open(void);
int cl_inotify_watch(int descriptor, const char *path);
/* Kinds of events: a file came by rename, a writer closed a file, a file was made, a file was removed or moved away, someone
 * set a file's permissions, owner or times; events were lost; the folder itself has gone. */
typedef enum { CL_MOVED_IN, CL_CLOSED, CL_CREATED, CL_LEFT, CL_ATTRIBUTES, CL_OVERFLOW, CL_GONE } cl_news;
/* Reads all waiting events and calls `receive` for each, in order. Returns 0, or -1 and errno. */
int cl_inotify_drain(int descriptor, void *context, void (*receive)(void *context, cl_news news, const char *name));

/* Whether a path lies on a file system that may change without an inotify event (by another machine, or below an overlay):
 * 0 for file systems that are known not to, else 1; or -1 and errno. */
int cl_may_be_silent(const char *path);

/* Locks an open file until it is closed: 0, or -1 (EWOULDBLOCK: another process holds the lock). */
int cl_lock(int descriptor);

/* Whether some process has a file open, or mapped, for writing: 1 or 0; -1 where the kernel does not say (a file of another
 * user and no CAP_LEASE, or a network file system). */
int cl_is_being_written(const char *path);

/* Returns freed memory to the system. */
void cl_trim_memory(void);

/* Makes standard output line-buffered, for a pipe too, and makes `exit` end the process at once when all is written. A status of 0
 * becomes 74, with a message, when something was not written.
 * OpenBLAS would join its threads first, and a thread without memory for its buffer (RLIMIT_DATA) waits for ever. */
void cl_set_up_process(void);

/* Catches SIGTERM, SIGINT, SIGHUP and SIGCHLD, ignores SIGPIPE, and returns a descriptor that delivers the signals. It does
 * not use signalfd(2): libraries start threads before main that have not blocked the signals, and these would kill them. */
int cl_signal_descriptor(void);
/* The next signal that waits on the descriptor, or 0. */
int cl_next_signal(int descriptor);

/* Starts a program in a process group of its own, signals unblocked, standard output to `output`, standard input from
 * the file `input`. `variable`: NAME=VALUE beside the caller's environment, or NULL; `errors`: standard error, 0 is the
 * caller's. Returns its pid, or -1 and errno. */
int cl_spawn(
    const char *program, char *const argv[], const char *variable, const char *input, int output, int errors);
/* Starts a program in the caller's own process group, without standard input. It dies with the calling thread.
 * `environment`: NULL is the caller's; `errors`: standard error, 0 is the caller's. Returns its pid, or -1 and errno. */
int cl_spawn_bound(const char *program, char *const argv[], char *const environment[], int output, int errors);

/* Checks, as a user with these groups, whether a folder may be read, written and entered. `isBound`: ignores the folders
 * above it. Returns 0, the errno that the user would get, or -1 where the check is not possible. Needs root. */
int cl_folder_access(const char *path, int isBound, uint32_t user, uint32_t group, const uint32_t *groups, int count);

/* Limits what a process can allocate (RLIMIT_DATA; mapped files do not count). Returns 0, or -1 and errno. */
int cl_limit_data(int pid, uint64_t bytes);

/* Sends a datagram to a socket by its path, or by its abstract name after `@`. Returns 0, or -1 and errno. */
int cl_send(const char *socket, const uint8_t *bytes, size_t size);
/* Connects to a stream socket by its path, sends some bytes, and reads the answer until the other side closes, at most `room`
 * bytes. Returns the number of bytes of the answer, or -1 and errno. */
ptrdiff_t cl_ask(const char *socket, const uint8_t *bytes, size_t size, uint8_t *answer, size_t room);
/* Sends a datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)); 0 when there is none. */
int cl_notify(const char *socket, const char *message);

/* The version of the kernel's Landlock, from 1; or -1 and errno: ENOSYS without it, EOPNOTSUPP where it is off. */
int cl_landlock_version(void);

/* Kinds of access beneath a path. */
typedef enum { CL_READ, CL_EXECUTE, CL_WRITE } cl_access;
typedef struct {
    const char *path;
    cl_access access;
} cl_path_access;

/* Denies this thread, and the programs that it starts or becomes, every access to files except the listed ones (EXECUTE and
 * WRITE include READ); also TCP and signals to others where the kernel can. It skips paths that do not exist. The denial is
 * permanent. Returns 0, or -1 and errno. */
int cl_landlock(const cl_path_access *allowed, int count);

/* Denies this thread, and the programs that it starts or becomes, socket(2), other ways to a socket, and ptrace(2). The
 * denial is permanent. */
int cl_deny_sockets(void);

/* Linux calls that Swift's Glibc module does not show. */
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
/* What an event says: a name came by rename, a file of that name was closed after writing, a name was made, a name was
 * removed or moved away, a file's permissions, owner or times were set; or events were lost, or the folder itself went. */
typedef enum { CL_MOVED_IN, CL_CLOSED, CL_CREATED, CL_LEFT, CL_ATTRIBUTES, CL_OVERFLOW, CL_GONE } cl_news;
/* Reads all waiting events and tells each, in order. Returns 0, or -1 and errno. */
int cl_inotify_drain(int descriptor, void *context, void (*tell)(void *context, cl_news news, const char *name));

/* Whether a path lies on a file system that may change without inotify telling (by another machine, or below an overlay):
 * 0 for those known not to, 1, or -1 and errno. */
int cl_may_be_silent(const char *path);

/* An exclusive lock on an open file, held until it is closed: 0, or -1 (EWOULDBLOCK: held by someone else). */
int cl_lock(int descriptor);

/* Whether some process has a file open for writing, or mapped so: 1 or 0; -1 where that cannot be told (a file of
 * someone else and no CAP_LEASE, or a network file system). */
int cl_is_being_written(const char *path);

/* Gives freed memory back to the system. */
void cl_trim_memory(void);

/* Standard output goes out line by line, into a pipe too; and `exit` leaves at once when all is written. OpenBLAS would
 * join its threads first, and one that finds no memory for its buffer (RLIMIT_DATA) looks for some for ever. */
void cl_set_up_process(void);

/* Catches SIGTERM, SIGINT, SIGHUP and SIGCHLD and gives a descriptor that delivers them; SIGPIPE is ignored. Not by
 * signalfd(2): threads that libraries start before main do not have the signals blocked, and would die of them. */
int cl_signal_descriptor(void);
/* The next signal that waits on the descriptor, or 0. */
int cl_next_signal(int descriptor);

/* Starts a program in a process group of its own, signals unblocked, standard output to `output`, standard input from
 * the file `input`. `errors`: standard error, 0 is the caller's. Returns its pid, or -1 and errno. */
int cl_spawn(const char *program, char *const argv[], const char *input, int output, int errors);
/* Starts a program in the caller's own process group, without any standard input; it dies with the calling thread. `environment`:
 * NULL is the caller's; `errors`: standard error, 0 is the caller's. Returns its pid, or -1 and errno. */
int cl_spawn_bound(const char *program, char *const argv[], char *const environment[], int output, int errors);

/* Asks, as a user with these groups, whether a folder may be read, written and entered; `isBound`: whatever the folders
 * above allow. Returns 0, the errno that the user would get, or -1 where that cannot be asked. Needs root. */
int cl_folder_access(const char *path, int isBound, uint32_t user, uint32_t group, const uint32_t *groups, int count);

/* Bounds what a process can allocate, RLIMIT_DATA: mapped files do not count. 0, or -1 and errno. */
int cl_limit_data(int pid, uint64_t bytes);

/* Sends a datagram to a socket by its path, or by its abstract name after `@`. Returns 0, or -1 and errno. */
int cl_send(const char *socket, const uint8_t *bytes, size_t size);
/* Connects to a stream socket by its path, gives it some bytes and reads what it answers until it hangs up, at most `room`
 * bytes. Returns how many those are, or -1 and errno. */
ptrdiff_t cl_ask(const char *socket, const uint8_t *bytes, size_t size, uint8_t *answer, size_t room);
/* Sends a datagram to the socket that NOTIFY_SOCKET names (sd_notify(3)); 0 when there is none. */
int cl_notify(const char *socket, const char *message);

/* The version of the kernel's Landlock, from 1; or -1 and errno: ENOSYS without it, EOPNOTSUPP where it is off. */
int cl_landlock_version(void);

/* What is allowed beneath a path. */
typedef enum { CL_READ, CL_EXECUTE, CL_WRITE } cl_access;
typedef struct {
    const char *path;
    cl_access access;
} cl_path_access;

/* Denies this thread, and what it starts or becomes, every access to files but those listed (EXECUTE and WRITE include
 * READ); also TCP and signals to others where the kernel can. Paths that are not there are left out. For good.
 * Returns 0, or -1 and errno. */
int cl_landlock(const cl_path_access *allowed, int count);

/* Denies this thread, and what it starts or becomes, socket(2) and the other ways to one, and ptrace(2). For good. */
int cl_deny_sockets(void);

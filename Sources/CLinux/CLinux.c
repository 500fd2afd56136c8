#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

int cl_rename_no_replace(const char *from, const char *to) {
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
    struct stat found;
    if (lstat(to, &found) == 0) {
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

int cl_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL); }

int cl_inotify_open(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

int cl_inotify_watch(int descriptor, const char *path) {
    return inotify_add_watch(descriptor, path,
                             IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_ONLYDIR);
}

int cl_inotify_drain(int descriptor) {
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    int result = 0;
    for (;;) {
        ssize_t size = read(descriptor, buffer, sizeof buffer);
        if (size <= 0) return result;
        for (char *p = buffer; p < buffer + size;) {
            const struct inotify_event *event = (const struct inotify_event *)p;
            if (event->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) result = 2;
            else if (result == 0) result = 1;
            p += sizeof *event + event->len;
        }
    }
}

int cl_is_remote(const char *path) {
    struct statfs found;
    if (statfs(path, &found) != 0) return -1;
    switch ((unsigned long)found.f_type) {
    case 0x6969:     /* NFS */
    case 0xff534d42: /* CIFS */
    case 0xfe534d42: /* SMB2 */
    case 0x65735546: /* FUSE */
    case 0x01021997: /* 9p */
    case 0x00c36400: /* Ceph */
        return 1;
    default:
        return 0;
    }
}

int cl_lock(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

int cl_is_being_written(const char *path) {
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return 0;
    /* A read lease is granted only while no one has the file open for writing; closing gives it back. Someone who
     * opens it in between waits for that, and we are sent SIGIO, which is ignored. */
    int busy = fcntl(descriptor, F_SETLEASE, F_RDLCK) == -1 && errno == EAGAIN;
    close(descriptor);
    return busy;
}

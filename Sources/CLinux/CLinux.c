#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
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
                             IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
                                 IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_ONLYDIR);
}

int cl_inotify_drain(int descriptor, void *context, void (*receive)(void *context, cl_news news, const char *name)) {
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    for (;;) {
        ssize_t size = read(descriptor, buffer, sizeof buffer);
        if (size <= 0) return size == 0 || errno == EAGAIN ? 0 : -1;
        for (char *p = buffer; p < buffer + size;) {
            const struct inotify_event *event = (const struct inotify_event *)p;
            cl_news news = event->mask & IN_Q_OVERFLOW                                             ? CL_OVERFLOW
                           : event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED) ? CL_GONE
                           : event->mask & IN_MOVED_TO                                             ? CL_MOVED_IN
                           : event->mask & IN_CLOSE_WRITE                                          ? CL_CLOSED
                           : event->mask & (IN_MOVED_FROM | IN_DELETE)                             ? CL_LEFT
                           : event->mask & IN_ATTRIB                                               ? CL_ATTRIBUTES
                                                                                                   : CL_CREATED;
            receive(context, news, event->len ? event->name : "");
            p += sizeof *event + event->len;
        }
    }
}

int cl_may_be_silent(const char *path) {
    struct statfs found;
    if (statfs(path, &found) != 0) return -1;
    switch ((unsigned long)found.f_type) {
    case 0xef53:     /* ext2, 3, 4 */
    case 0x58465342: /* XFS */
    case 0x9123683e: /* btrfs */
    case 0x01021994: /* tmpfs */
    case 0x858458f6: /* ramfs */
    case 0xf2f52010: /* F2FS */
    case 0x2fc12fc1: /* ZFS */
    case 0xca451a4e: /* bcachefs */
    case 0x3153464a: /* JFS */
    case 0x4d44:     /* FAT */
    case 0x2011bab0: /* exFAT */
    case 0x7366746e: /* NTFS */
        return 0;
    default: /* NFS, SMB, FUSE, 9p, Ceph, overlays, and unknown ones */
        return 1;
    }
}

int cl_lock(int descriptor) { return flock(descriptor, LOCK_EX | LOCK_NB); }

int cl_is_being_written(const char *path) {
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return -1;
    /* The kernel grants a read lease only while nobody has the file open for writing; closing the file returns it. A
     * program that opens the file in between waits for that. The kernel then sends SIGIO, which we ignore. */
    int answer = fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0 ? 0 : errno == EAGAIN ? 1 : -1;
    close(descriptor);
    return answer;
}

void cl_trim_memory(void) { malloc_trim(0); }

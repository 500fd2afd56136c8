/* A write(2) that accepts only SHORT_SIZE bytes at the SHORT_WRITE-th call of clipdragd on a regular file. SHORT_SIZE 0 means
 * that this call fails with EINTR. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t write(int descriptor, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    static int calls;
    if (!real) real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    struct stat found;
    const char *number = getenv("SHORT_WRITE"), *size = getenv("SHORT_SIZE");
    int is_file = number && size && !strcmp(program_invocation_short_name, "clipdragd") && fstat(descriptor, &found) == 0 &&
                  S_ISREG(found.st_mode);
    if (is_file && ++calls == atoi(number)) {
        if (atoi(size) == 0) {
            errno = EINTR;
            return -1;
        }
        if (count > (size_t)atoi(size)) count = (size_t)atoi(size);
    }
    return real(descriptor, bytes, count);
}

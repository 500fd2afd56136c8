/* A stand-in for the worker that costs almost nothing. Like the real one it dies with its daemon. It appends its start time to
 * TORTURE_STARTED, obeys words in the spec, and writes picture and spec as it read them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static const char *out = "";

/* Writes a file of the result. */
static void put(const char *name, const char *bytes, size_t count) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", out, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) exit(70);
    while (count > 0) {
        ssize_t done = write(file, bytes, count);
        if (done < 0) exit(70);
        bytes += done;
        count -= (size_t)done;
    }
    if (getenv("TORTURE_SYNC") && fsync(file) != 0) exit(70);
    close(file);
}

/* All bytes of a file, with a zero after them. */
static char *bytes_of(const char *path, size_t *count) {
    size_t room = 1 << 16;
    char *bytes = malloc(room);
    int file = open(path, O_RDONLY);
    if (file < 0 || !bytes) exit(70);
    *count = 0;
    for (ssize_t got; (got = read(file, bytes + *count, room - *count - 1)) != 0; *count += (size_t)got) {
        if (got < 0) exit(70);
        if (*count + (size_t)got + 1 == room && !(bytes = realloc(bytes, room *= 2))) exit(70);
    }
    close(file);
    bytes[*count] = 0;
    return bytes;
}

/* A name of any bytes in a word that needs no quotes: those that are not plain as %0A. */
static const char *plain(const char *name) {
    static char word[3 * 255 + 1];
    char *end = word;
    for (; *name && end < word + sizeof word - 3; name++) {
        unsigned char byte = (unsigned char)*name;
        if (byte > ' ' && byte < 0x7f && !strchr("%\"\\", byte)) *end++ = *name;
        else end += sprintf(end, "%%%02X", byte);
    }
    *end = 0;
    return word;
}

static void refuse(const char *kind, const char *code, const char *where) {
    printf("{\"schema\":\"clipdrag-failure/1\",\"failure\":{\"kind\":\"%s\",\"code\":\"%s\",\"message\":\"no\",\"hint\":\"do\","
           "\"place\":{\"file\":\"x\"%s},\"retryable\":false}}\n",
           kind, code, where);
    exit(65);
}

int main(int argc, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const char *daemon = getenv("CLIPDRAGD_DAEMON_PID");
    if (!daemon || atoi(daemon) != getppid()) return 75;
    const char *spec = "", *id = "", *image = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strncmp(argv[i], "--out=", 6)) out = argv[i] + 6;
        else if (!strncmp(argv[i], "--spec=", 7)) spec = argv[i] + 7;
        else if (!strncmp(argv[i], "--id=", 5)) id = argv[i] + 5;
        else if (!strncmp(argv[i], "--image=", 8)) image = argv[i] + 8;
    }
    const char *slash = strrchr(spec, '/'), *name = plain(slash ? slash + 1 : spec);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char line[4096];
    int size = snprintf(line, sizeof line, "%s %s %lld.%09ld\n", id, name, (long long)now.tv_sec, now.tv_nsec);
    const char *log = getenv("TORTURE_STARTED");
    int file = open(log ? log : "/dev/null", O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (write(file, line, (size_t)size) != size) return 70;
    close(file);

    size_t spec_size, image_size = 0;
    int is_there = image && access(image, F_OK) == 0;
    const char *text = bytes_of(spec, &spec_size), *picture = is_there ? bytes_of(image, &image_size) : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("{\"schema\":\"clipdrag-progress/1\",\"stage\":\"drag\",\"step\":1,\"total\":2}");
    const char *hold = getenv("TORTURE_HOLD"), *crashed = getenv("TORTURE_CRASHED");
    while (hold && access(hold, F_OK) == 0) usleep(20000);
    if (image && !is_there) refuse("badSpec", "spec.reference_missing", "");
    if (strstr(text, "REFUSED")) refuse("badSpec", "spec.test", ",\"line\":1,\"column\":2");
    if (strstr(text, "BROKEN")) refuse("badJob", "image.corrupt", "");
    if (strstr(text, "CRASHES") && crashed && access(crashed, F_OK) != 0) {
        close(open(crashed, O_WRONLY | O_CREAT, 0644));
        raise(SIGKILL);
    }
    put("result.png", picture, image_size);
    const char *pause = getenv("TORTURE_PAUSE");
    if (pause) usleep((useconds_t)atoi(pause));
    put("spec", text, spec_size);
    size = snprintf(line, sizeof line, "{\"job\":{\"id\":\"%s\"},\"spec\":\"%s\"}", id, name);
    put("trajectory.json", line, (size_t)size);
    int folder = open(out, O_RDONLY | O_DIRECTORY);
    if (getenv("TORTURE_SYNC") && fsync(folder) != 0) return 70;
    return 0;
}

#include "ccurl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Of curl/curl.h; the numbers are a part of libcurl.so.4's binary interface. */
enum {
    OPT_WRITEDATA = 10001, OPT_URL = 10002, OPT_RANGE = 10007, OPT_ERRORBUFFER = 10010, OPT_USERAGENT = 10018,
    OPT_LOW_SPEED_LIMIT = 19, OPT_LOW_SPEED_TIME = 20, OPT_HEADERDATA = 10029, OPT_FOLLOWLOCATION = 52,
    OPT_MAXREDIRS = 68, OPT_CONNECTTIMEOUT = 78, OPT_NOSIGNAL = 99, OPT_PROTOCOLS = 181, OPT_REDIR_PROTOCOLS = 182,
    OPT_WRITEFUNCTION = 20011, OPT_HEADERFUNCTION = 20079, INFO_RESPONSE_CODE = 0x200002, PROTO_HTTP_HTTPS = 3,
    ERROR_SIZE = 256,
};

typedef void CURL;

static struct {
    CURL *(*init)(void);
    int (*setopt)(CURL *, int, ...);
    int (*perform)(CURL *);
    int (*getinfo)(CURL *, int, ...);
    void (*cleanup)(CURL *);
    const char *(*strerror)(int);
} curl;

static int load(char *error, size_t size) {
    if (curl.strerror) return 0;
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(error, size, "%s", dlerror());
        return -1;
    }
    *(void **)&curl.init = dlsym(library, "curl_easy_init");
    *(void **)&curl.setopt = dlsym(library, "curl_easy_setopt");
    *(void **)&curl.perform = dlsym(library, "curl_easy_perform");
    *(void **)&curl.getinfo = dlsym(library, "curl_easy_getinfo");
    *(void **)&curl.cleanup = dlsym(library, "curl_easy_cleanup");
    if (curl.init && curl.setopt && curl.perform && curl.getinfo && curl.cleanup)
        *(void **)&curl.strerror = dlsym(library, "curl_easy_strerror");
    if (curl.strerror) return 0;
    snprintf(error, size, "libcurl lacks a function that is needed");
    return -1;
}

typedef struct {
    const cc_request *request;
    CURL *handle;
    int64_t first;
    int begun, ended;
} transfer;

static int begin(transfer *t) {
    if (t->begun) return t->ended;
    t->begun = 1;
    long status = 0;
    curl.getinfo(t->handle, INFO_RESPONSE_CODE, &status);
    t->ended = t->request->begin(t->request->context, status, t->first) != 0;
    return t->ended;
}

static size_t on_header(const char *line, size_t one, size_t count, void *context) {
    transfer *t = context;
    char text[128];
    size_t length = count * one < sizeof text ? count * one : sizeof text - 1;
    memcpy(text, line, length);
    text[length] = 0;
    long long first;
    if (!strncmp(text, "HTTP/", 5)) t->first = -1; /* each redirect has headers of its own */
    if (!strncasecmp(text, "content-range:", 14) && sscanf(text + 14, " bytes %lld-", &first) == 1) t->first = first;
    return count * one;
}

static size_t on_body(const char *bytes, size_t one, size_t count, void *context) {
    transfer *t = context;
    if (begin(t)) return 0;
    t->ended = t->request->receive(t->request->context, (const uint8_t *)bytes, count * one) != 0;
    return t->ended ? 0 : count * one;
}

int cc_get(const cc_request *request, char *error, size_t error_size) {
    if (load(error, error_size)) return CC_NO_LIBRARY;
    transfer t = {.request = request, .handle = curl.init(), .first = -1};
    if (!t.handle) {
        snprintf(error, error_size, "libcurl cannot begin");
        return CC_FAILED;
    }
    char range[32], detail[ERROR_SIZE] = "";
    snprintf(range, sizeof range, "%lld-", (long long)request->first);
    curl.setopt(t.handle, OPT_URL, request->url);
    curl.setopt(t.handle, OPT_PROTOCOLS, (long)PROTO_HTTP_HTTPS);
    curl.setopt(t.handle, OPT_REDIR_PROTOCOLS, (long)PROTO_HTTP_HTTPS);
    curl.setopt(t.handle, OPT_FOLLOWLOCATION, 1L);
    curl.setopt(t.handle, OPT_MAXREDIRS, 10L);
    curl.setopt(t.handle, OPT_NOSIGNAL, 1L);
    curl.setopt(t.handle, OPT_CONNECTTIMEOUT, 30L);
    curl.setopt(t.handle, OPT_LOW_SPEED_LIMIT, 1L);
    curl.setopt(t.handle, OPT_LOW_SPEED_TIME, 60L);
    curl.setopt(t.handle, OPT_USERAGENT, "clipdragd");
    curl.setopt(t.handle, OPT_ERRORBUFFER, detail);
    curl.setopt(t.handle, OPT_HEADERFUNCTION, on_header);
    curl.setopt(t.handle, OPT_HEADERDATA, &t);
    curl.setopt(t.handle, OPT_WRITEFUNCTION, on_body);
    curl.setopt(t.handle, OPT_WRITEDATA, &t);
    if (request->first > 0) curl.setopt(t.handle, OPT_RANGE, range);
    int code = curl.perform(t.handle);
    if (code == 0) begin(&t); /* an answer without a body */
    if (code != 0) snprintf(error, error_size, "%s", detail[0] ? detail : curl.strerror(code));
    curl.cleanup(t.handle);
    return t.ended ? CC_ENDED : code == 0 ? CC_OK : CC_FAILED;
}

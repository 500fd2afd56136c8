#pragma once
#include <stddef.h>
#include <stdint.h>

/* One GET request by libcurl, which is loaded when it is needed: only `models fetch` speaks HTTP, and the daemon and its
 * workers shall not carry twenty libraries for it. */

typedef struct {
    const char *url;
    /* First byte that is wanted. */
    int64_t first;
    /* Told of the answer once, before its first bytes: status, and first byte as Content-Range says it, else -1. Not 0 ends the
     * request. */
    int (*begin)(void *context, long status, int64_t first);
    /* Given bytes in order. Not 0 ends the request. */
    int (*receive)(void *context, const uint8_t *bytes, size_t count);
    void *context;
} cc_request;

enum { CC_OK = 0, CC_NO_LIBRARY, CC_FAILED, CC_ENDED };

/* Does a request to its end. CC_NO_LIBRARY and CC_FAILED leave a message in `error`. */
int cc_get(const cc_request *request, char *error, size_t error_size);

/* libyaml's parser for the editor page: the little of a C library that it needs, and its events as plain numbers.
   scripts/build-libyaml-wasm.sh builds it; reader.js calls it. */
#include <stddef.h>
#include <yaml.h>

#define EXPORT(name) __attribute__((export_name(name)))

/* Memory only grows while one text is read, and is free again for the next: begin() starts over. */
extern unsigned char __heap_base;
static unsigned char *next_free;

void *malloc(size_t size) {
    size_t whole = (size + 15) / 16 * 16 + 16;
    size_t end = (size_t)next_free + whole;
    size_t have = (size_t)__builtin_wasm_memory_size(0) << 16;
    if (end > have && __builtin_wasm_memory_grow(0, (end - have + 0xffff) >> 16) == (size_t)-1) return NULL;
    size_t *block = (size_t *)next_free;
    block[0] = size;
    next_free += whole;
    return (unsigned char *)block + 16;
}

void free(void *block) { (void)block; }

void *memcpy(void *to, const void *from, size_t count) {
    for (size_t i = 0; i < count; i++) ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
    return to;
}

void *realloc(void *block, size_t size) {
    unsigned char *to = malloc(size);
    if (!block || !to) return to;
    size_t old = ((size_t *)block)[-4];
    return memcpy(to, block, old < size ? old : size);
}

void *memmove(void *to, const void *from, size_t count) {
    unsigned char *a = to;
    const unsigned char *b = from;
    if (a < b) return memcpy(to, from, count);
    for (size_t i = count; i-- > 0;) a[i] = b[i];
    return to;
}

void *memset(void *to, int value, size_t count) {
    for (size_t i = 0; i < count; i++) ((unsigned char *)to)[i] = (unsigned char)value;
    return to;
}

int memcmp(const void *a, const void *b, size_t count) {
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < count; i++)
        if (x[i] != y[i]) return x[i] - y[i];
    return 0;
}

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

int strncmp(const char *a, const char *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (a[i] != b[i]) return (unsigned char)a[i] - (unsigned char)b[i];
        if (!a[i]) return 0;
    }
    return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }

char *strdup(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

static yaml_parser_t parser;
static unsigned char *input;
static size_t input_length;

/* What the page reads after next(), as 32-bit words. */
static struct {
    int type, start, end, text, length, is_plain, anchor;
    int problem, problem_index, context, context_index;
} found;

EXPORT("found") void *found_words(void) { return &found; }

/* Room for a text of so many bytes. */
EXPORT("begin") unsigned char *begin(size_t length) {
    next_free = (unsigned char *)(((size_t)&__heap_base + 15) / 16 * 16);
    input = malloc(length + 1);
    input_length = length;
    return input;
}

EXPORT("start") int start(void) {
    if (!yaml_parser_initialize(&parser)) return 0;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, input, input_length);
    return 1;
}

/* The next event: 1, or 0 where the text is not YAML. */
EXPORT("next") int next(void) {
    yaml_event_t event;
    memset(&found, 0, sizeof found);
    if (!yaml_parser_parse(&parser, &event)) {
        found.problem = (int)(size_t)parser.problem;
        found.problem_index = (int)parser.problem_mark.index;
        found.context = (int)(size_t)parser.context;
        found.context_index = (int)parser.context_mark.index;
        return 0;
    }
    found.type = event.type;
    found.start = (int)event.start_mark.index;
    found.end = (int)event.end_mark.index;
    switch (event.type) {
    case YAML_SCALAR_EVENT:
        found.text = (int)(size_t)event.data.scalar.value;
        found.length = (int)event.data.scalar.length;
        found.is_plain = event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        found.anchor = (int)(size_t)event.data.scalar.anchor;
        break;
    case YAML_SEQUENCE_START_EVENT: found.anchor = (int)(size_t)event.data.sequence_start.anchor; break;
    case YAML_MAPPING_START_EVENT: found.anchor = (int)(size_t)event.data.mapping_start.anchor; break;
    case YAML_ALIAS_EVENT: found.anchor = (int)(size_t)event.data.alias.anchor; break;
    default: break;
    }
    return 1;
}

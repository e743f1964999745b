/*
 * suffix.c - names under which anyone may register
 *
 * How this works. Libpsl would be linked for this one question, and with it libidn2 and
 * libunistring: 0.45 of the 8.6 ms of a run that does nothing. The distribution has its list as
 * a file too, made to be looked up where it lies (psl-make-dafsa(1)): a line that names the
 * format, the graph, and a byte that is 1 when international names stand in it in both forms.
 * Where that cannot be used libpsl is loaded.
 *
 * A graph begins with a list of nodes. An entry of a list is the distance from the node before,
 * or from the list's begin: 6 bits; 13, when the bits 0x60 are 0x40; 21, when they are 0x60.
 * Bit 0x80 is in the last entry. A node is characters of names: 0x80 is in the last, and behind
 * that is the list of the nodes that go on. In place of a last character may be 0x80 and flags:
 * a name ends here. No two nodes of a list begin with the same character.
 */
#include "profile/suffix.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libpsl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LIST_FILE "/usr/share/publicsuffix/public_suffix_list.dafsa"
#define LIST_MAX ((off_t)16 << 20)

static const char header[16] = ".DAFSA@PSL_0   \n";

/* What is opened stays so: one list for a process's life. */
static struct {
    pthread_once_t once;
    const uint8_t *graph; /* NULL: it cannot be used */
    size_t size;
} file = { .once = PTHREAD_ONCE_INIT };

static struct {
    pthread_once_t once;
    const psl_ctx_t *list; /* NULL: no library */
    __typeof__(&psl_is_public_suffix2) is_public;
} library = { .once = PTHREAD_ONCE_INIT };

static bool is_last(uint8_t byte)
{
    return byte & 0x80;
}

/* The entry of a list at *at, which moves on; false when it is cut off. */
static bool entry_read(const uint8_t *graph, size_t size, size_t *at, size_t *ret_distance)
{
    const uint8_t *bytes = graph + *at;
    size_t length;

    if (*at >= size)
        return false;
    length = (bytes[0] & 0x60) == 0x60 ? 3 : (bytes[0] & 0x60) == 0x40 ? 2 : 1;
    if (size - *at < length)
        return false;
    *ret_distance = bytes[0] & (length == 1 ? 0x3f : 0x1f);
    for (size_t i = 1; i < length; i++)
        *ret_distance = *ret_distance << 8 | bytes[i];
    *at += length;
    return true;
}

int cf_suffix_find(const uint8_t *graph, size_t size, const char *name)
{
    size_t at = 0, node = 0, distance;
    bool last = false;

    while (!last && at < size) {
        const char *rest = name;
        size_t i;

        last = is_last(graph[at]);
        if (!entry_read(graph, size, &at, &distance) || distance >= size - node)
            return -1;
        node += distance;
        for (i = node; i < size && *rest && graph[i] == (uint8_t)*rest; i++)
            rest++;
        if (i == size)
            return -1;
        if (*rest == '\0' && (graph[i] & 0xe0) == 0x80)
            return graph[i] & 0x0f;
        if (*rest != '\0' && graph[i] == ((uint8_t)*rest | 0x80)) {
            name = rest + 1;
            at = node = i + 1;
            last = false;
        } else if (rest != name) {
            return -1;
        }
    }
    return -1;
}

static void file_open(void)
{
    cf_auto_close int fd = open(LIST_FILE, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    const uint8_t *bytes;
    struct stat st;
    size_t size;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
        st.st_size <= (off_t)sizeof header || st.st_size > LIST_MAX)
        return;
    size = (size_t)st.st_size;
    bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return;
    if (memcmp(bytes, header, sizeof header) != 0 || bytes[size - 1] != 1) {
        munmap((void *)(uintptr_t)bytes, size);
        return;
    }
    file.graph = bytes + sizeof header;
    file.size = size - sizeof header - 1;
}

static void library_open(void)
{
    __typeof__(&psl_builtin) builtin;
    void *handle = dlopen("libpsl.so.5", RTLD_LAZY | RTLD_LOCAL), *symbol;

    if (!handle)
        return;
    symbol = dlsym(handle, "psl_builtin");
    memcpy(&builtin, &symbol, sizeof builtin);
    symbol = dlsym(handle, "psl_is_public_suffix2");
    memcpy(&library.is_public, &symbol, sizeof library.is_public);
    if (builtin && library.is_public)
        library.list = builtin();
}

static bool is_in_graph(const char *name)
{
    int flags = cf_suffix_find(file.graph, file.size, name);

    if (flags >= 0)
        return !(flags & CF_SUFFIX_EXCEPTION);
    name = strchr(name, '.');
    flags = name ? cf_suffix_find(file.graph, file.size, name + 1) : -1;
    return flags >= 0 && (flags & CF_SUFFIX_WILDCARD);
}

int cf_suffix_is_public_by_library(const char *name, struct cf_error *err)
{
    pthread_once(&library.once, library_open);
    if (!library.list)
        return cf_error_set(err, -ENOPKG,
                            "a pattern needs the list of public suffixes, and neither " LIST_FILE
                            " (publicsuffix) nor libpsl (libpsl5) can be read");
    /* Without the list's last resort, "*". */
    return library.is_public(library.list, name, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}

int cf_suffix_is_public(const char *name, struct cf_error *err)
{
    pthread_once(&file.once, file_open);
    return file.graph ? is_in_graph(name) : cf_suffix_is_public_by_library(name, err);
}

/*
 * orders.c - what PID 1 learns from the policy, in one memory file
 *
 * How this works. The file begins with a header, then comes room for the
 * pointers of the two lists, which PID 1 fills in its private mapping, then all
 * texts one behind the other, each with its NUL. Written by the engine and read
 * by a copy of it, so there is one layout.
 */
#include "sandbox/orders.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/fd.h"

struct header {
    size_t n_words, n_hidden, key_log_bytes;
    bool has_guard, has_guard_more, has_cwd, has_forget, one_table;
};

static size_t count(const char *const *list)
{
    size_t n = 0;

    while (list && list[n])
        n++;
    return n;
}

static void put(struct cf_buffer *bytes, const char *text)
{
    if (text)
        cf_buffer_append(bytes, text, strlen(text) + 1);
}

static void put_list(struct cf_buffer *bytes, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put(bytes, list[i]);
}

static void put_all(struct cf_buffer *bytes, const struct cf_sandbox_config *config)
{
    const char *const *words = (const char *const *)config->command;
    const struct header header = {
        .n_words = count(words),
        .n_hidden = count(config->hidden),
        .key_log_bytes = config->key_log_bytes,
        .has_guard = config->guard,
        .has_guard_more = config->guard_more,
        .has_cwd = config->cwd,
        .has_forget = config->forget,
        .one_table = config->one_table,
    };
    const char *const none = NULL;

    cf_buffer_append(bytes, &header, sizeof header);
    for (size_t i = 0; i < header.n_words + header.n_hidden + 2; i++)
        cf_buffer_append(bytes, &none, sizeof none);
    put(bytes, config->resolv_conf);
    put(bytes, config->hosts);
    put(bytes, config->nsswitch_conf);
    put(bytes, config->guard);
    put(bytes, config->guard_more);
    put(bytes, config->cwd);
    put(bytes, config->forget);
    put_list(bytes, words, header.n_words);
    put_list(bytes, config->hidden, header.n_hidden);
}

static void buffer_done(struct cf_buffer *bytes)
{
    cf_buffer_done(bytes);
}

int cf_orders_write(const struct cf_sandbox_config *config)
{
    CF_CLEANUP(buffer_done) struct cf_buffer bytes = { 0 };
    cf_auto_close int fd = -1;
    int r, ret;

    if (count(config->hidden) > CF_SANDBOX_HIDDEN_MAX)
        return -E2BIG;
    cf_buffer_init(&bytes, 0);
    put_all(&bytes, config);
    if (bytes.failed)
        return -ENOMEM;
    fd = memfd_create("orders", MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    r = cf_fd_write_all(fd, bytes.data, bytes.length);
    if (r < 0)
        return r;
    ret = fd;
    fd = -1;
    return ret;
}

/* The text at *at, behind which *at is then. */
static const char *take(const char **at)
{
    const char *text = *at;

    *at += strlen(text) + 1;
    return text;
}

static void take_all(void *map, struct cf_orders *orders)
{
    const struct header *header = map;
    const char **words = (const char **)(void *)((char *)map + sizeof *header);
    const char **hidden = words + header->n_words + 1;
    const char *at = (const char *)(hidden + header->n_hidden + 1);

    for (int i = 0; i < CF_ETC_COUNT; i++)
        orders->texts[i] = take(&at);
    orders->guard = header->has_guard ? take(&at) : NULL;
    orders->guard_more = header->has_guard_more ? take(&at) : NULL;
    orders->cwd = header->has_cwd ? take(&at) : NULL;
    orders->forget = header->has_forget ? take(&at) : NULL;
    orders->key_log_bytes = header->key_log_bytes;
    orders->one_table = header->one_table;
    for (size_t i = 0; i < header->n_words; i++)
        words[i] = take(&at);
    for (size_t i = 0; i < header->n_hidden; i++)
        hidden[i] = take(&at);
    orders->command = (char *const *)(void *)words;
    orders->hidden = hidden;
}

int cf_orders_open(int fd, struct cf_orders *ret_orders)
{
    struct stat st;
    void *map;

    if (fstat(fd, &st) < 0)
        return -errno;
    if ((size_t)st.st_size < sizeof(struct header))
        return -EBADMSG;
    map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    take_all(map, ret_orders);
    return 0;
}

/*
 * path.c - the placeholders of a path that a run writes to
 */
#include "audit/audit.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "audit/run_id.h"
#include "base/buffer.h"
#include "base/clock.h"

/* A path longer than this cannot be opened anyway (PATH_MAX, with room to say so). */
#define PATH_LIMIT ((size_t)16384)

struct values {
    const char *name, *run, *host;
};

/* One path component: a '/' would put the file into another folder. */
static void put_component(struct cf_buffer *buffer, const char *text)
{
    for (; *text; text++)
        cf_buffer_append(buffer, *text == '/' ? "_" : text, 1);
}

/*
 * Of 01939f2a-7c5e-7d41-9a7c-30c1d2e389ab, 01939f2a7c5e-d2e389ab: the time to a
 * millisecond, for the order, and 32 random bits, for runs that start together.
 */
static void put_run(struct cf_buffer *buffer, const char *run)
{
    size_t length = strlen(run);

    if (length != CF_RUN_ID_SIZE - 1) {
        put_component(buffer, run);
        return;
    }
    cf_buffer_append(buffer, run, 8);
    cf_buffer_append(buffer, run + 9, 4);
    cf_buffer_puts(buffer, "-");
    cf_buffer_puts(buffer, run + length - 8);
}

/* From the run's id, so that all paths of a run carry the same time. */
static int put_time(struct cf_buffer *buffer, const char *run, struct cf_error *err)
{
    int64_t us = cf_run_id_time_us(run);
    time_t seconds = (time_t)(us / CF_US_PER_S);
    char text[32];
    struct tm utc;

    if (us < 0 || !gmtime_r(&seconds, &utc) ||
        strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc) == 0)
        return cf_error_set(err, -EINVAL, "'%s' is no run id to take {time} from", run);
    cf_buffer_puts(buffer, text);
    return 0;
}

static int put_value(struct cf_buffer *buffer, const char *key, size_t length,
                     const struct values *values, struct cf_error *err)
{
    if (length == 4 && memcmp(key, "name", 4) == 0)
        put_component(buffer, values->name);
    else if (length == 4 && memcmp(key, "host", 4) == 0)
        put_component(buffer, values->host);
    else if (length == 3 && memcmp(key, "run", 3) == 0)
        put_run(buffer, values->run);
    else if (length == 4 && memcmp(key, "time", 4) == 0)
        return put_time(buffer, values->run, err);
    else
        return cf_error_set(err, -EINVAL,
                            "no placeholder is called '{%.*s}'; there are {name}, {run}, {time} "
                            "and {host}",
                            (int)(length < 64 ? length : 64), key);
    return 0;
}

static int put_pattern(struct cf_buffer *buffer, const char *pattern, const struct values *values,
                       struct cf_error *err)
{
    const char *open, *close;
    int r;

    for (; (open = strchr(pattern, '{')); pattern = close + 1) {
        close = strchr(open, '}');
        if (!close)
            return cf_error_set(err, -EINVAL, "the '{' in '%s' has no '}'", pattern);
        cf_buffer_append(buffer, pattern, (size_t)(open - pattern));
        r = put_value(buffer, open + 1, (size_t)(close - open - 1), values, err);
        if (r < 0)
            return r;
    }
    cf_buffer_puts(buffer, pattern);
    return 0;
}

int cf_audit_path_expand(const char *pattern, const char *name, const char *run, const char *host,
                         char **ret_path, struct cf_error *err)
{
    const struct values values = { .name = name, .run = run, .host = host };
    struct cf_buffer buffer;
    char *path;
    int r;

    cf_buffer_init(&buffer, PATH_LIMIT);
    r = put_pattern(&buffer, pattern, &values, err);
    if (r == 0 && buffer.failed)
        r = cf_error_set(err, -ENAMETOOLONG, "path '%.64s...' is too long", pattern);
    path = r == 0 ? cf_buffer_steal(&buffer) : NULL;
    cf_buffer_done(&buffer);
    if (r < 0)
        return r;
    if (!path)
        return cf_error_set(err, -ENOMEM, "out of memory");
    *ret_path = path;
    return 0;
}

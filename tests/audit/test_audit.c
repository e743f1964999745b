/*
 * test_audit.c - the log holds every event in order, whole lines only
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <jansson.h>

#include "audit/audit.h"
#include "base/cleanup.h"
#include "base/fd.h"

#define RUN "01939f2a-7c5b-7abc-8def-0123456789ab"

static char folder[] = "/tmp/cf-test-audit-XXXXXX";
static char path[sizeof folder + 32];

struct failure {
    int calls;
    int code;
    char text[CF_ERROR_TEXT_SIZE];
};

static void on_failed(void *data, const struct cf_error *err)
{
    struct failure *failure = data;

    failure->calls++;
    failure->code = err->code;
    snprintf(failure->text, sizeof failure->text, "%s", err->text);
}

static struct cf_audit *open_log(const char *at, struct failure *failure)
{
    struct cf_audit *audit = NULL;
    struct cf_error err = { 0 };

    if (cf_audit_open(at, RUN, on_failed, failure, &audit, &err) < 0)
        fail_msg("%s", err.text);
    return audit;
}

/* How many lines the file has: each a JSON object, whole, of this run, seq without a gap. */
static int check_lines(const char *at)
{
    cf_auto_free char *data = NULL;
    size_t length;
    int seq = 0;

    assert_int_equal(cf_fd_read_file(at, (size_t)16 << 20, &data, &length), 0);
    for (char *line = data, *end; line < data + length; line = end + 1, seq++) {
        json_t *event;

        end = strchr(line, '\n');
        assert_non_null(end);
        event = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(event);
        assert_int_equal(json_integer_value(json_object_get(event, "v")), 1);
        assert_int_equal(json_integer_value(json_object_get(event, "seq")), seq);
        assert_string_equal(json_string_value(json_object_get(event, "run")), RUN);
        assert_int_equal(strlen(json_string_value(json_object_get(event, "time"))), 27);
        json_decref(event);
    }
    return seq;
}

static void name_path(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
}

static void log_holds_each_event_once_and_in_order(void **state)
{
    struct failure failure = { 0 };
    struct cf_audit *audit;
    struct cf_error err;

    (void)state;
    name_path("a/b/log.jsonl");
    audit = open_log(path, &failure);
    assert_string_equal(cf_audit_path(audit), path);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(cf_audit_warn(audit, "test", "number %d", i), 0);
    assert_int_equal(cf_audit_close(audit, &err), 0);
    assert_int_equal(check_lines(path), 5000);
    assert_int_equal(failure.calls, 0);
}

static void lines_leave_at_a_flush_and_when_64_kib_wait(void **state)
{
    struct failure failure = { 0 };
    struct cf_audit *audit;
    struct stat st;
    int n = 0;

    (void)state;
    name_path("flush.jsonl");
    audit = open_log(path, &failure);
    cf_audit_warn(audit, "test", "one");
    assert_int_equal(check_lines(path), 0);
    assert_int_equal(cf_audit_flush(audit), 0);
    assert_int_equal(check_lines(path), 1);
    do {
        cf_audit_warn(audit, "test", "many");
        assert_int_equal(stat(path, &st), 0);
    } while (st.st_size < 60000 && n++ < 1000);
    assert_true(st.st_size >= 65536);
    assert_int_equal(cf_audit_close(audit, NULL), 0);
}

/* A small log is synced at once, a large one by a thread. */
static void settled_log_has_all_its_lines_and_closes_with_its_error(void **state)
{
    static const int lines[] = { 1, 2000 };
    struct failure failure = { 0 };
    struct cf_audit *audit;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        name_path(i == 0 ? "settled.jsonl" : "settled-large.jsonl");
        audit = open_log(path, &failure);
        for (int line = 0; line < lines[i]; line++)
            cf_audit_warn(audit, "test", "one");
        cf_audit_settle(audit);
        assert_int_equal(check_lines(path), lines[i]);
        cf_audit_settle(audit);
        assert_int_equal(cf_audit_close(audit, NULL), 0);
    }
    audit = open_log("/dev/full", &failure);
    cf_audit_warn(audit, "test", "one");
    cf_audit_settle(audit);
    assert_int_equal(failure.calls, 1);
    assert_int_equal(cf_audit_close(audit, NULL), -ENOSPC);
}

static void log_that_exists_is_refused(void **state)
{
    struct cf_audit *audit = NULL;
    struct cf_error err = { 0 };
    char expected[256];

    (void)state;
    name_path("old.jsonl");
    assert_int_equal(cf_audit_close(open_log(path, NULL), NULL), 0);
    assert_int_equal(cf_audit_open(path, RUN, NULL, NULL, &audit, &err), -EEXIST);
    snprintf(expected, sizeof expected,
             "the log '%s' exists, and a log is never appended to: name another file, or put "
             "{run} into its name",
             path);
    assert_string_equal(err.text, expected);
    assert_null(audit);
    assert_int_equal(cf_audit_open(folder, RUN, NULL, NULL, &audit, &err), -EEXIST);
}

static void dangling_link_is_refused_and_not_followed(void **state)
{
    struct cf_audit *audit = NULL;
    struct cf_error err = { 0 };

    (void)state;
    name_path("link.jsonl");
    assert_int_equal(symlink("elsewhere.jsonl", path), 0);
    assert_int_equal(cf_audit_open(path, RUN, NULL, NULL, &audit, &err), -EEXIST);
    name_path("elsewhere.jsonl");
    assert_int_equal(access(path, F_OK), -1);
}

static void folder_that_cannot_be_made_is_named(void **state)
{
    struct cf_audit *audit = NULL;
    struct cf_error err = { 0 };

    (void)state;
    assert_int_equal(cf_audit_open("/proc/childflow/x/log.jsonl", RUN, NULL, NULL, &audit, &err),
                     -ENOENT);
    assert_string_equal(err.text, "cannot make the folder '/proc/childflow' for the log: "
                                  "No such file or directory");
    assert_int_equal(cf_audit_open("", RUN, NULL, NULL, &audit, &err), -ENOENT);
}

static void log_is_closed_on_exec(void **state)
{
    struct failure failure = { 0 };
    struct cf_audit *audit;
    int highest = -1;

    (void)state;
    name_path("cloexec.jsonl");
    audit = open_log(path, &failure);
    for (int fd = 3; fd < 64; fd++) {
        char link[64], target[256];
        ssize_t n;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, target, sizeof target - 1);
        if (n > 0 && (target[n] = '\0', strcmp(target, path) == 0))
            highest = fd;
    }
    assert_true(highest >= 0);
    assert_true(fcntl(highest, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(highest, F_GETFL) & O_APPEND);
    cf_audit_close(audit, NULL);
}

static void full_device_fails_once_and_for_good(void **state)
{
    struct failure failure = { 0 };
    struct cf_audit *audit;
    struct cf_error err = { 0 };

    (void)state;
    audit = open_log("/dev/full", &failure);
    assert_int_equal(cf_audit_warn(audit, "test", "one"), 0);
    assert_int_equal(failure.calls, 0);
    assert_int_equal(cf_audit_flush(audit), -ENOSPC);
    assert_int_equal(cf_audit_flush(audit), -ENOSPC);
    assert_int_equal(cf_audit_warn(audit, "test", "two"), -ENOSPC);
    assert_int_equal(failure.calls, 1);
    assert_int_equal(failure.code, -ENOSPC);
    assert_string_equal(failure.text, "cannot write the log '/dev/full': No space left on device");
    assert_int_equal(cf_audit_close(audit, &err), -ENOSPC);
    assert_int_equal(failure.calls, 1);
}

/* In a child, so that the limit is its own. */
static int write_until_the_limit(void)
{
    const struct rlimit limit = { 10000, 10000 };
    struct failure failure = { 0 };
    struct cf_audit *audit = NULL;

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0 ||
        cf_audit_open(path, RUN, on_failed, &failure, &audit, NULL) < 0)
        return 1;
    cf_audit_warn(audit, "test", "first");
    if (cf_audit_flush(audit) < 0)
        return 2;
    for (int i = 0; i < 200; i++)
        cf_audit_warn(audit, "test", "number %d", i);
    if (cf_audit_flush(audit) != -EFBIG || failure.calls != 1)
        return 3;
    cf_audit_warn(audit, "test", "last");
    return cf_audit_close(audit, NULL) == -EFBIG ? 0 : 4;
}

static void write_that_is_cut_ends_at_a_whole_line(void **state)
{
    struct stat st;
    int status, n;
    pid_t pid;

    (void)state;
    name_path("cut.jsonl");
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(write_until_the_limit());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < 10000 && st.st_size > 9500);
    n = check_lines(path);
    assert_true(n > 10 && n < 200);
}

static void fifo_without_a_reader_does_not_hang(void **state)
{
    struct cf_audit *audit = NULL;
    struct cf_error err = { 0 };

    (void)state;
    name_path("fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(cf_audit_open(path, RUN, NULL, NULL, &audit, &err), -ENXIO);
}

static void fifo_gets_the_lines(void **state)
{
    struct failure failure = { 0 };
    cf_auto_close int reader = -1;
    struct cf_audit *audit;
    char got[4096];

    (void)state;
    name_path("fifo");
    reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    audit = open_log(path, &failure);
    cf_audit_warn(audit, "test", "one");
    assert_int_equal(cf_audit_close(audit, NULL), 0);
    assert_true(read(reader, got, sizeof got) > 0);
}

/* Another does this to the log while it is open. */
static void check_changed(const char *name, int (*change)(const char *at), const char *expected)
{
    struct cf_error err = { 0 };
    struct cf_audit *audit;

    name_path(name);
    audit = open_log(path, NULL);
    assert_int_equal(cf_audit_warn(audit, "test", "one"), 0);
    assert_int_equal(cf_audit_flush(audit), 0);
    assert_int_equal(change(path), 0);
    assert_int_equal(cf_audit_warn(audit, "test", "two"), 0);
    assert_int_equal(cf_audit_close(audit, &err), expected ? -ESTALE : 0);
    if (expected)
        assert_non_null(strstr(err.text, expected));
}

static int leave(const char *at)
{
    return access(at, F_OK);
}

static int empty(const char *at)
{
    return truncate(at, 0);
}

/* As long as it was, and written where it was. */
static int rewrite(const char *at)
{
    cf_auto_close int fd = open(at, O_WRONLY | O_CLOEXEC);

    return pwrite(fd, "X", 1, 40) == 1 ? 0 : -1;
}

static int link_and_remove(const char *at)
{
    char other[300];

    snprintf(other, sizeof other, "%s.linked", at);
    return link(at, other) < 0 ? -1 : unlink(at);
}

static int move(const char *at)
{
    char other[300];

    snprintf(other, sizeof other, "%s.moved", at);
    return rename(at, other);
}

static void log_that_another_changes_is_told(void **state)
{
    (void)state;
    check_changed("left.jsonl", leave, NULL);
    check_changed("emptied.jsonl", empty, "was changed by another");
    check_changed("rewritten.jsonl", rewrite, "was changed by another");
    check_changed("removed.jsonl", unlink, "removed.jsonl' was removed by another during the run");
    check_changed("linked.jsonl", link_and_remove, "a hard link to it is left");
    check_changed("moved.jsonl", move, "moved.jsonl.moved' now");
}

static void dropped_log_is_removed_only_when_it_was_made(void **state)
{
    cf_auto_close int reader = -1;

    (void)state;
    name_path("dropped/log.jsonl");
    cf_audit_drop(open_log(path, NULL));
    assert_int_equal(access(path, F_OK), -1);
    name_path("dropped.fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cf_audit_drop(open_log(path, NULL));
    assert_int_equal(access(path, F_OK), 0);
    cf_audit_drop(NULL);
}

struct tapped {
    int n;
    struct cf_event_totals totals;
};

static void on_event(void *data, const struct cf_event *event)
{
    struct tapped *tapped = data;

    tapped->n++;
    if (event->type == CF_EVENT_RUN_END)
        tapped->totals = event->run_end.totals;
}

static void emit_verdict(struct cf_audit *audit, enum cf_event_type type, enum cf_action action,
                         bool would_deny)
{
    const struct cf_verdict verdict = { .action = action, .would_deny = would_deny };
    struct cf_event event = { .type = type };

    if (type == CF_EVENT_DNS)
        event.dns = (struct cf_event_dns) { .name = "a.example", .verdict = verdict };
    else
        event.flow_open = (struct cf_event_flow_open) { .proto = CF_PROTO_TCP, .verdict = verdict };
    assert_int_equal(cf_audit_emit(audit, &event), 0);
}

static void emit_all_kinds(struct cf_audit *audit)
{
    struct cf_event event = { .type = CF_EVENT_FLOW_CLOSE,
                              .flow_close = { .bytes_out = 10, .bytes_in = 200 } };

    emit_verdict(audit, CF_EVENT_DNS, CF_ALLOW, false);
    emit_verdict(audit, CF_EVENT_DNS, CF_ALLOW, true);
    emit_verdict(audit, CF_EVENT_DNS, CF_DENY, false);
    emit_verdict(audit, CF_EVENT_FLOW_OPEN, CF_ALLOW, false);
    emit_verdict(audit, CF_EVENT_FLOW_OPEN, CF_ALLOW, true);
    emit_verdict(audit, CF_EVENT_FLOW_DENIED, CF_DENY, false);
    cf_audit_emit(audit, &event);
    cf_audit_emit(audit, &event);
    event = (struct cf_event) { .type = CF_EVENT_PACKETS_DENIED, .packets_denied = { .count = 4 } };
    cf_audit_emit(audit, &event);
    event = (struct cf_event) { .type = CF_EVENT_RUN_END };
    cf_audit_emit(audit, &event);
}

static void check_totals(const struct cf_event_totals *totals)
{
    assert_int_equal(totals->dns, 3);
    assert_int_equal(totals->dns_denied, 1);
    assert_int_equal(totals->flows, 2);
    assert_int_equal(totals->denied, 1);
    assert_int_equal(totals->would_deny, 2);
    assert_int_equal(totals->packets_denied, 4);
    assert_int_equal(totals->bytes_out, 20);
    assert_int_equal(totals->bytes_in, 400);
}

static void run_end_has_the_totals_with_and_without_a_log(void **state)
{
    const char *const paths[] = { NULL, path };

    (void)state;
    name_path("totals.jsonl");
    for (size_t i = 0; i < 2; i++) {
        struct failure failure = { 0 };
        struct tapped tapped = { 0 };
        struct cf_audit *audit = open_log(paths[i], &failure);

        cf_audit_tap(audit, on_event, &tapped);
        emit_all_kinds(audit);
        assert_int_equal(tapped.n, 10);
        check_totals(&tapped.totals);
        check_totals(cf_audit_totals(audit));
        assert_int_equal(cf_audit_close(audit, NULL), 0);
    }
    assert_int_equal(check_lines(path), 10);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    const char *const files[] = {
        "a/b/log.jsonl",     "a/b",          "a",           "flush.jsonl",
        "settled.jsonl", "settled-large.jsonl",
        "old.jsonl",         "link.jsonl",   "fifo",        "cloexec.jsonl",
        "cut.jsonl",         "totals.jsonl", "left.jsonl",  "emptied.jsonl",
        "moved.jsonl.moved", "dropped",      "dropped.fifo",
        "rewritten.jsonl",   "linked.jsonl.linked"
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        name_path(files[i]);
        remove(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_holds_each_event_once_and_in_order),
        cmocka_unit_test(lines_leave_at_a_flush_and_when_64_kib_wait),
        cmocka_unit_test(settled_log_has_all_its_lines_and_closes_with_its_error),
        cmocka_unit_test(log_that_exists_is_refused),
        cmocka_unit_test(dangling_link_is_refused_and_not_followed),
        cmocka_unit_test(folder_that_cannot_be_made_is_named),
        cmocka_unit_test(log_is_closed_on_exec),
        cmocka_unit_test(full_device_fails_once_and_for_good),
        cmocka_unit_test(write_that_is_cut_ends_at_a_whole_line),
        cmocka_unit_test(fifo_without_a_reader_does_not_hang),
        cmocka_unit_test(fifo_gets_the_lines),
        cmocka_unit_test(log_that_another_changes_is_told),
        cmocka_unit_test(dropped_log_is_removed_only_when_it_was_made),
        cmocka_unit_test(run_end_has_the_totals_with_and_without_a_log),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

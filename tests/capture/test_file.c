/*
 * test_file.c - files of whole blocks, one or many
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "capture/file.h"
#include "capture/pcapng.h"

static char folder[] = "/tmp/cf-capture-XXXXXX";

static const char *path_in(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static int folder_setup(void **state)
{
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
    return mkdtemp(folder) ? 0 : -1;
}

static void folder_empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    char name[600];

    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (unlink(name) < 0) {
            folder_empty(name);
            rmdir(name);
        }
    }
    if (dir)
        closedir(dir);
}

static int folder_teardown(void **state)
{
    (void)state;
    folder_empty(folder);
    return rmdir(folder);
}

static void begin(void *data, struct cf_buffer *blocks)
{
    const struct cf_pcapng_section section = { .application = "test" };

    (void)data;
    cf_pcapng_section_put(blocks, &section);
}

static void end(void *data, struct cf_buffer *blocks)
{
    const struct cf_pcapng_statistics statistics = { .received = 1 };

    (void)data;
    cf_pcapng_statistics_put(blocks, &statistics);
}

static struct cf_capture_file_config config_of(const char *name, uint64_t max_size, uint64_t keep)
{
    return (struct cf_capture_file_config) {
        .path = path_in(name), .max_size = max_size, .keep = keep, .begin = begin, .end = end
    };
}

static int packet_put(struct cf_capture_file *file, uint32_t size)
{
    static uint8_t data[65536];
    const struct cf_pcapng_packet packet = { .data = data, .captured = size, .length = size };
    int r = cf_capture_file_reserve(file, size + CF_CAPTURE_BLOCK_MAX);

    if (r < 0)
        return r;
    file->in_blocks.packets++;
    file->in_blocks.bytes += size;
    return file->classic ? cf_pcap_packet_put(&file->blocks, &packet)
                         : cf_pcapng_packet_put(&file->blocks, &packet);
}

static uint32_t word_at(const char *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof(word));
    return word;
}

/* How many blocks of packets a file of whole blocks has; it must begin with a section. */
static size_t packets_in(const char *path)
{
    char *data;
    size_t length, n = 0, at = 0;

    assert_int_equal(cf_fd_read_file(path, 64 << 20, &data, &length), 0);
    assert_int_equal(word_at(data), 0x0a0d0d0a);
    while (at < length) {
        assert_true(at + 12 <= length);
        n += word_at(data + at) == CF_PCAPNG_PACKET;
        at += word_at(data + at + 4);
    }
    assert_int_equal(at, length);
    free(data);
    return n;
}

static bool is_there(const char *name)
{
    return access(path_in(name), F_OK) == 0;
}

static void a_file_has_its_begin_its_packets_and_its_end(void **state)
{
    struct cf_capture_file_config config = config_of("new/a.pcapng", 0, 0);
    struct cf_capture_file file;
    struct cf_error err;

    (void)state;
    assert_int_equal(cf_capture_file_open(&config, &file, &err), 0);
    assert_string_equal(cf_capture_file_guard(&file), path_in("new/a.pcapng"));
    assert_int_equal(cf_capture_file_begin(&file), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(packet_put(&file, 60000), 0);
    assert_int_equal(cf_capture_file_flush(&file), 0);
    assert_int_equal(file.in_files.packets, 100);
    assert_int_equal(file.in_files.bytes, 6000000);
    assert_int_equal(cf_capture_file_close(&file, &err), 0);
    assert_int_equal(packets_in(path_in("new/a.pcapng")), 100);
}

static void what_exists_is_refused_and_kept(void **state)
{
    struct cf_capture_file_config config = config_of("a.pcapng", 0, 0);
    struct cf_capture_file file;
    struct cf_error err;

    (void)state;
    assert_int_equal(cf_capture_file_open(&config, &file, &err), 0);
    assert_int_equal(cf_capture_file_begin(&file), 0);
    assert_int_equal(cf_capture_file_close(&file, &err), 0);
    assert_int_equal(cf_capture_file_open(&config, &file, &err), -EEXIST);
    assert_non_null(strstr(err.text, "a capture file is never appended to"));
    assert_int_equal(packets_in(path_in("a.pcapng")), 0);
    assert_int_equal(mkdir(path_in("b"), 0777), 0);
    config = config_of("b.pcapng", 1 << 20, 0);
    assert_int_equal(cf_capture_file_open(&config, &file, &err), -EEXIST);
    assert_true(is_there("b"));
}

static void a_file_of_a_refused_run_is_taken_back(void **state)
{
    struct cf_capture_file_config config = config_of("a.pcapng", 0, 0);
    struct cf_capture_file file;
    struct cf_error err;

    (void)state;
    assert_int_equal(cf_capture_file_open(&config, &file, &err), 0);
    cf_capture_file_drop(&file);
    assert_false(is_there("a.pcapng"));
    config = config_of("b.pcapng", 1 << 20, 0);
    assert_int_equal(cf_capture_file_open(&config, &file, &err), 0);
    assert_true(is_there("b/000001.pcapng"));
    cf_capture_file_drop(&file);
    assert_false(is_there("b"));
}

static void check_rotation(uint64_t keep, uint64_t first_kept)
{
    struct cf_capture_file_config config = config_of("r.pcapng", 1 << 20, keep);
    struct cf_capture_file file;
    size_t packets = 0;
    struct cf_error err;
    struct stat st;
    char name[64];
    uint64_t last;

    assert_int_equal(cf_capture_file_open(&config, &file, &err), 0);
    assert_int_equal(cf_capture_file_begin(&file), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(packet_put(&file, 60000), 0);
    last = file.number;
    assert_int_equal(cf_capture_file_close(&file, &err), 0);
    assert_int_equal(last, 6); /* 17 packets go into a file */
    for (uint64_t number = 1; number <= last; number++) {
        snprintf(name, sizeof(name), "r/%06u.pcapng", (unsigned)number);
        assert_int_equal(is_there(name), number >= first_kept);
        if (number < first_kept)
            continue;
        packets += packets_in(path_in(name));
        assert_int_equal(stat(path_in(name), &st), 0);
        assert_true(st.st_size <= 1 << 20);
    }
    assert_int_equal(packets, 100 - (first_kept - 1) * 17);
}

static void files_of_a_size_have_every_packet_once(void **state)
{
    (void)state;
    check_rotation(0, 1);
}

static void the_newest_files_are_kept(void **state)
{
    (void)state;
    check_rotation(2, 5);
}

static void check_full(const char *name, rlim_t size)
{
    struct cf_capture_file_config config = config_of(name, 0, 0);
    struct rlimit before, limit;
    struct cf_capture_file file;
    struct cf_error err;
    struct stat st;
    int r = 0;

    config.end = NULL;
    if (cf_capture_path_is_classic(name))
        config.begin = NULL;
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit) { size, before.rlim_max };
    assert_int_equal(cf_capture_file_open(&config, &file, &err), 0);
    assert_int_equal(cf_capture_file_begin(&file), 0);
    if (file.classic)
        assert_int_equal(cf_pcap_header_put(&file.blocks, 1, 65535), 0);
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; r == 0 && i < 100; i++)
        r = packet_put(&file, 1000);
    if (r == 0)
        r = cf_capture_file_flush(&file);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(r, -EFBIG);
    assert_int_equal(cf_capture_file_flush(&file), -EFBIG);
    assert_int_equal(packet_put(&file, 1000), -EFBIG);
    assert_int_equal(stat(path_in(name), &st), 0);
    assert_true((rlim_t)st.st_size <= size);
    if (file.classic)
        assert_int_equal(st.st_size, size < 24 ? 0 : 24 + file.in_files.packets * 1016);
    else
        assert_int_equal(packets_in(path_in(name)), file.in_files.packets);
    assert_int_equal(cf_capture_file_close(&file, &err), -EFBIG);
    assert_non_null(strstr(err.text, "cannot write the capture file"));
    unlink(path_in(name));
}

static void what_finds_no_room_is_cut_back_to_the_last_whole_block(void **state)
{
    (void)state;
    for (rlim_t size = 200; size < 4400; size += 53)
        check_full("full.pcapng", size);
    for (rlim_t size = 1; size < 4400; size += 53)
        check_full("full.pcap", size);
}

static void a_file_that_another_took_away_is_an_error(void **state)
{
    struct cf_capture_file_config config = config_of("a.pcapng", 0, 0);
    struct cf_capture_file file;
    struct cf_error err;

    (void)state;
    assert_int_equal(cf_capture_file_open(&config, &file, &err), 0);
    assert_int_equal(cf_capture_file_begin(&file), 0);
    assert_int_equal(unlink(path_in("a.pcapng")), 0);
    assert_int_equal(cf_capture_file_close(&file, &err), -ESTALE);
}

/* Write the first byte again, until the kernel's clock says another time than before. */
static void touch(const char *path)
{
    struct stat before, after;
    char byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &before), 0);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    do {
        assert_int_equal(pwrite(fd, &byte, 1, 0), 1);
        assert_int_equal(fstat(fd, &after), 0);
    } while (after.st_ctim.tv_sec == before.st_ctim.tv_sec &&
             after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
    close(fd);
}

static void check_changed(struct cf_capture_file *file, const char *name)
{
    struct cf_error err = { 0 };

    assert_int_equal(cf_capture_file_end(file, &err), -ESTALE);
    assert_non_null(strstr(err.text, name));
    err = (struct cf_error) { 0 };
    assert_int_equal(cf_capture_file_close(file, &err), -ESTALE);
    assert_non_null(strstr(err.text, "was changed, moved or removed by another"));
}

/* Of as many packets as rotate twice. */
static void open_rotated(struct cf_capture_file *file, const char *name)
{
    struct cf_capture_file_config config = config_of(name, 1 << 20, 0);
    struct cf_error err;

    assert_int_equal(cf_capture_file_open(&config, file, &err), 0);
    assert_int_equal(cf_capture_file_begin(file), 0);
    for (int i = 0; i < 45; i++)
        assert_int_equal(packet_put(file, 60000), 0);
    assert_int_equal(file->number, 3);
}

static void a_file_that_another_wrote_to_is_an_error_in_the_end(void **state)
{
    struct cf_capture_file_config config = config_of("a.pcapng", 0, 0);
    struct cf_capture_file file;
    struct cf_error err;

    (void)state;
    assert_int_equal(cf_capture_file_open(&config, &file, &err), 0);
    assert_int_equal(cf_capture_file_begin(&file), 0);
    if (!file.timed) {
        cf_capture_file_drop(&file);
        skip();
    }
    touch(path_in("a.pcapng"));
    for (int i = 0; i < 3; i++) { /* packets go on into it */
        assert_int_equal(packet_put(&file, 100), 0);
        assert_int_equal(cf_capture_file_flush(&file), 0);
    }
    check_changed(&file, "a.pcapng");
    assert_int_equal(packets_in(path_in("a.pcapng")), 3);
    for (int number = 1; number <= 2; number++) { /* files that were closed, too */
        char name[32];

        open_rotated(&file, number == 1 ? "r.pcapng" : "s.pcapng");
        snprintf(name, sizeof(name), "%s/00000%d.pcapng", number == 1 ? "r" : "s", number);
        touch(path_in(name));
        check_changed(&file, name);
    }
}

/* As one does when the disk is full. */
static void the_file_that_could_not_be_written_is_told_where_another_was_removed(void **state)
{
    struct rlimit before, limit;
    struct cf_capture_file file;
    struct cf_error err;

    (void)state;
    open_rotated(&file, "r.pcapng");
    assert_int_equal(unlink(path_in("r/000001.pcapng")), 0);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit) { 1000, before.rlim_max };
    assert_int_equal(packet_put(&file, 60000), 0);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(cf_capture_file_flush(&file), -EFBIG);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(cf_capture_file_close(&file, &err), -EFBIG);
    assert_non_null(strstr(err.text, "r/000003.pcapng"));
}

static void a_folder_that_is_moved_leads_nowhere_else(void **state)
{
    struct cf_capture_file file;
    char moved[256];

    (void)state;
    open_rotated(&file, "r.pcapng");
    snprintf(moved, sizeof(moved), "%s", path_in("moved"));
    assert_int_equal(rename(path_in("r"), moved), 0);
    assert_int_equal(mkdir(path_in("r"), 0777), 0);
    for (int i = 0; i < 17; i++)
        assert_int_equal(packet_put(&file, 60000), 0);
    assert_int_equal(file.number, 4);
    assert_true(is_there("moved/000004.pcapng"));
    assert_int_equal(rmdir(path_in("r")), 0); /* it is empty */
    check_changed(&file, "/r'");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_file_has_its_begin_its_packets_and_its_end),
        IN_FOLDER(what_exists_is_refused_and_kept),
        IN_FOLDER(a_file_of_a_refused_run_is_taken_back),
        IN_FOLDER(files_of_a_size_have_every_packet_once),
        IN_FOLDER(the_newest_files_are_kept),
        IN_FOLDER(what_finds_no_room_is_cut_back_to_the_last_whole_block),
        IN_FOLDER(a_file_that_another_wrote_to_is_an_error_in_the_end),
        IN_FOLDER(the_file_that_could_not_be_written_is_told_where_another_was_removed),
        IN_FOLDER(a_folder_that_is_moved_leads_nowhere_else),
        IN_FOLDER(a_file_that_another_took_away_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * log_file.h - a file that a run writes, of whole lines or other whole pieces
 */
#ifndef CF_AUDIT_LOG_FILE_H
#define CF_AUDIT_LOG_FILE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/siphash.h"

/* Of a text that comes in pieces: SipHash-1-3 under this process's random key. */
struct cf_log_print {
    struct cf_siphash hash;
    uint64_t left; /* the bytes that are no word yet */
    uint64_t length;
};

struct cf_log_file {
    int fd;         /* -1 when closed */
    bool regular;   /* can be cut and synced; a pipe or a terminal cannot */
    uint64_t whole; /* bytes of whole pieces that this run wrote */
    struct cf_log_print print; /* of the same, when they are lines */
    bool syncing;   /* by the thread, until the end of it is waited for */
    bool synced;
    pthread_t thread;
    int sync_error; /* of the thread, positive */
    bool same;      /* what it read is what was written */
};

/*
 * Make the file, and its folders where they are missing. A regular file that
 * exists is -EEXIST: a log is never appended to or replaced. What exists and
 * is none (a pipe, a terminal, a device) is opened for writing; a FIFO that
 * no one reads is -ENXIO.
 *
 * what: the word for it in messages, "log"
 * mode: of a file that is made, less umask
 */
int cf_log_file_open(const char *path, const char *what, mode_t mode,
                     struct cf_log_file *ret_file, struct cf_error *err);

/*
 * The same of a file that is made in an open folder, of which path is but what messages call it;
 * whatever exists there is -EEXIST.
 */
int cf_log_file_open_at(int folder_fd, const char *name, const char *path, const char *what,
                        mode_t mode, struct cf_log_file *ret_file, struct cf_error *err);

/* Make the folders that path lies in, each with 0777 less umask. Returns 0 or -errno. */
int cf_log_file_make_folders(const char *path, const char *what, struct cf_error *err);

/*
 * Write whole lines. When not all of them could be written, a regular file is
 * cut back to the last whole one. Returns 0 or -errno.
 */
int cf_log_file_write(struct cf_log_file *file, const char *lines, size_t length);

/*
 * For pieces that are no lines: write what can be written, and say how much that is, 0 or
 * -errno; then tell how many of these bytes are whole pieces. What is behind them is cut
 * off again, where it can be.
 */
int cf_log_file_put(struct cf_log_file *file, const void *data, size_t length,
                    size_t *ret_written);
void cf_log_file_keep(struct cf_log_file *file, size_t length);

/*
 * Who is asked to wait while a file that is none (a FIFO, say) takes nothing: until fd can be
 * written to, or it is to be given up for -errno. One for all files, in the thread that writes;
 * NULL: it is waited for without end.
 */
void cf_log_file_wait_by(int (*wait)(void *data, int fd), void *data);

/* Is path still the file, with as much as was written? Of what cannot be told, true. */
bool cf_log_file_intact(const struct cf_log_file *file, const char *path);

/*
 * The same of a file of lines, once nothing is written any more, and byte by byte. Waits for cf_log_file_sync(), or
 * does what it does. Returns 0, or -ESTALE with a message of what has become of the file.
 */
int cf_log_file_check(struct cf_log_file *file, const char *path, struct cf_error *err);

/*
 * Put what was written on the disk, and read lines again: what is large beside what the caller does next.
 * Nothing may be written any more. The close tells of an error, and does it all
 * where there is no thread to be had.
 */
void cf_log_file_sync(struct cf_log_file *file);

/* Put what was written on the disk (a regular file), and close. 0 or -errno. */
int cf_log_file_close(struct cf_log_file *file);

#endif

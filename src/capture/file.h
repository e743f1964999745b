/*
 * file.h - the file, or the folder of files, that a capture goes to
 *
 * Made like the log: with its missing folders, 0666 (or 0600) less umask, never appended
 * to or replaced. It holds whole blocks only: what is put together in `blocks`
 * leaves by one write(2), and what a full disk cut is taken back to the last
 * whole block. A name that ends in ".pcap" is classic pcap, any other pcapng.
 *
 * With a size to rotate at, the path without its extension is a folder, made
 * by this run, that holds 000001.pcapng, 000002.pcapng and so on. Each begins
 * as the first did, and no packet is in none of them. The folder is kept open: who
 * renames it does not lead us elsewhere.
 *
 * A file has a stamp (stamp.h), by which a change of it by another is known in the end.
 */
#ifndef CF_CAPTURE_FILE_H
#define CF_CAPTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "audit/log_file.h"
#include "base/buffer.h"
#include "base/error.h"
#include "capture/stamp.h"

/*
 * More than the block of one packet needs beside its bytes and its comment, and the end of the
 * file behind it: two blocks of statistics.
 */
#define CF_CAPTURE_BLOCK_MAX 256

/* Files that are closed and looked at again in the end, the newest. */
#define CF_CAPTURE_STAMPS_MAX 16384

struct cf_capture_file_config {
    const char *path;
    uint64_t max_size; /* bytes of a file; 0: one file, however large */
    uint64_t keep;     /* files that are kept, the newest; 0: all */
    bool secret;       /* its owner alone may read it */
    /* Append what each file begins and ends with; either may be NULL. */
    void (*begin)(void *data, struct cf_buffer *blocks);
    void (*end)(void *data, struct cf_buffer *blocks);
    void *data;
};

/* Packets, and the bytes that they had. */
struct cf_capture_count {
    uint64_t packets, bytes;
};

struct cf_capture_file {
    struct cf_capture_file_config config; /* path is a copy */
    bool classic;
    char *folder;            /* NULL: one file */
    int folder_fd;           /* -1: likewise */
    char *path;              /* of the file that is written now */
    struct cf_log_file file; /* fd -1: closed */
    struct cf_buffer blocks; /* whole blocks that were not written yet */
    uint64_t number;         /* of this file, from 1 */
    uint64_t prologue;       /* bytes that this file began with */
    uint64_t written;        /* bytes, into all files */
    struct cf_capture_count in_blocks; /* the caller counts them here */
    struct cf_capture_count in_files;  /* and they are added here when they were written */
    bool timed;              /* times of files count */
    struct cf_stamp stamp;   /* of this file, after the last write */
    struct cf_stamp *stamps; /* of those before it, by number % CF_CAPTURE_STAMPS_MAX */
    size_t n_stamps;         /* that there is room for */
    bool ended;
    char *changed;           /* the first that another changed; NULL: none */
    int error;               /* the first; nothing is written after it */
};

/* Does the path name a file of classic pcap? */
static inline bool cf_capture_path_is_classic(const char *path)
{
    size_t length = strlen(path);

    return length >= 5 && strcmp(path + length - 5, ".pcap") == 0;
}

/*
 * Make the file, or the folder and its first file. Nothing is written yet.
 *
 * ret: initialised whatever is returned; cf_capture_file_close() or _drop()
 *
 * Returns 0 or -errno with a message; -EEXIST when there is such a file or folder.
 */
int cf_capture_file_open(const struct cf_capture_file_config *config, struct cf_capture_file *ret,
                         struct cf_error *err);

/* The file or folder that nobody else shall write to; borrowed. */
const char *cf_capture_file_guard(const struct cf_capture_file *file);

/* Write what the first file begins with. Returns 0 or -errno. */
int cf_capture_file_begin(struct cf_capture_file *file);

/*
 * Before blocks of so many bytes, at most, are appended to `blocks`: write what is there when
 * it is much, and go on to the next file where this one has no room. Returns 0 or -errno.
 */
int cf_capture_file_reserve(struct cf_capture_file *file, size_t length);

/* Write what is in `blocks`. Returns 0 or the first error of this capture. */
int cf_capture_file_flush(struct cf_capture_file *file);

/*
 * Append the end, flush, close, and look at all files again. Returns 0 or the first error with a
 * message, -ESTALE when a file is not what was written, or its path does not lead to it. Once:
 * after it there is but cf_capture_file_close(), which says the same.
 */
int cf_capture_file_end(struct cf_capture_file *file, struct cf_error *err);

/* That, where it was not done yet, and free what there is. */
int cf_capture_file_close(struct cf_capture_file *file, struct cf_error *err);

/* Close it and remove what was made, for a run that was refused. */
void cf_capture_file_drop(struct cf_capture_file *file);

#endif

/*
 * fd.h - descriptors: whole reads, whole writes
 */
#ifndef CF_BASE_FD_H
#define CF_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

/* Write all of data, whatever signals come. Returns 0 or -errno. */
int cf_fd_write_all(int fd, const void *data, size_t length);

/*
 * Read a whole file, with a NUL behind the last byte that *ret_length does
 * not count.
 *
 * limit:    bytes; a larger file is -EFBIG
 * ret_data: the caller's, free()
 *
 * Returns 0 or -errno.
 */
int cf_fd_read_file(const char *path, size_t limit, char **ret_data, size_t *ret_length);
int cf_fd_read_all(int fd, size_t limit, char **ret_data, size_t *ret_length);

/* Write text to an existing file such as /proc/sys/...; 0 or -errno. */
int cf_fd_write_file(const char *path, const char *text);

/* Close *fd when it is open and set it to -1; errno is kept. */
void cf_fd_close(int *fd);

#endif

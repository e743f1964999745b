/*
 * listing.h - go through a folder without memory
 *
 * Private to the room; async-signal-safe, allocates nothing (readdir(3) does).
 */
#ifndef CF_SANDBOX_LISTING_H
#define CF_SANDBOX_LISTING_H

/*
 * What is done with an entry. type: DT_DIR and so on, never DT_UNKNOWN. Other than 0
 * ends the listing.
 */
typedef int cf_listing_fn(void *data, const char *name, int type);

/*
 * Call fn for each entry but "." and "..".
 *
 * fd: a folder, open for reading and at its beginning; borrowed
 *
 * Returns 0, what fn returned, or -errno.
 */
int cf_listing_each(int fd, cf_listing_fn *fn, void *data);

#endif

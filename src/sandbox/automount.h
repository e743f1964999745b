/*
 * automount.h - folders in which the host mounts whatever host is named
 *
 * Private to the room.
 */
#ifndef CF_SANDBOX_AUTOMOUNT_H
#define CF_SANDBOX_AUTOMOUNT_H

/*
 * Whoever opens a path below the root of autofs(5)'s map -hosts has the automounter,
 * outside, look the next name up and ask that host for file systems.
 *
 * mountinfo: the text of /proc/self/mountinfo (proc(5)); it is changed
 * fn:        called with each such root, which is borrowed; other than 0 ends it
 *
 * Returns 0, or what fn returned.
 */
int cf_automount_hosts(char *mountinfo, int (*fn)(void *data, const char *path), void *data);

#endif

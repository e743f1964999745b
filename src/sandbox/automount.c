/*
 * automount.c - folders in which the host mounts whatever host is named
 *
 * The source of such a mount is the name of its map. Before autofs 5.1 it was the
 * process's, so what is mounted at the map's usual place counts too. Other maps are not
 * looked for: their names come from the host's administrator, and homes may lie below.
 */
#include "sandbox/automount.h"

#include <stdbool.h>
#include <string.h>

#define MAP "-hosts"
#define USUAL "/net"

/* The kernel writes a blank, a tab, a line end and a backslash as \ooo. */
static void decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
            *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 3;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

/* "36 35 0:41 / /net rw,relatime shared:1 - autofs -hosts rw,fd=5": *ret_path is in the line. */
static bool is_of_hosts(char *line, char **ret_path)
{
    const char *type, *source;
    char *word, *path = NULL;

    for (int i = 0; i < 5; i++) {
        path = strsep(&line, " ");
        if (!line)
            return false;
    }
    do {
        word = strsep(&line, " ");
    } while (line && strcmp(word, "-") != 0);
    type = strsep(&line, " ");
    source = strsep(&line, " ");
    if (!type || !source || strcmp(type, "autofs") != 0)
        return false;
    decode(path);
    *ret_path = path;
    return strcmp(source, MAP) == 0 || strcmp(path, USUAL) == 0;
}

int cf_automount_hosts(char *mountinfo, int (*fn)(void *data, const char *path), void *data)
{
    char *line, *path;
    int r = 0;

    while (r == 0 && (line = strsep(&mountinfo, "\n")) != NULL) {
        if (is_of_hosts(line, &path))
            r = fn(data, path);
    }
    return r;
}

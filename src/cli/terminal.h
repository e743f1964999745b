/*
 * terminal.h - standard error, and the line of --live that may stand on it
 *
 * One process has one standard error, so this has a state of its own. The
 * command may write to the same terminal, and nobody can know where it left
 * the cursor: the line is drawn where the cursor is, and taken away before
 * anything of ours is printed.
 */
#ifndef CF_CLI_TERMINAL_H
#define CF_CLI_TERMINAL_H

#include <stdbool.h>

/* NULL when a line can be drawn there, else why not. */
const char *cf_terminal_refusal(void);

/* Columns of the terminal now; 80 when it does not say. */
unsigned cf_terminal_width(void);

/*
 * Draw the line (printable, narrower than the terminal) in place of the last
 * one. Returns false, and draws nothing, while another process group has the
 * terminal, or it takes no bytes (^S): nobody waits for a status line.
 */
bool cf_terminal_draw(const char *line);

/* Take the line away; no-op when there is none. Before anything is printed. */
void cf_terminal_clear(void);
/* Whether the line stands there, as far as is known. */
bool cf_terminal_drawn(void);

/* Print text whole, also where the command made the stream, which it shares, non-blocking. */
void cf_terminal_print(const char *text);

#endif

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
#include <sys/types.h>

/* NULL when a line can be drawn there, else why not. */
const char *cf_terminal_refusal(void);

/* Columns of the terminal now; 80 when it does not say. */
unsigned cf_terminal_width(void);

/*
 * Draw the line (printable, narrower than the terminal) in place of the last
 * one. Returns false, and draws nothing, while another process group (but the one that
 * is shared with) has the terminal, or it takes no bytes (^S): nobody waits for a status line.
 */
bool cf_terminal_draw(const char *line);

/* The command's process group: what is in front of the terminal is not only our own. */
void cf_terminal_share(pid_t group);

/*
 * Take the line away, when there is one. Before anything is printed: output that the
 * command suspended (TCOOFF, tcflow(3)) goes on, or we would wait for it for good.
 */
void cf_terminal_clear(void);
/* Whether the line stands there, as far as is known. */
bool cf_terminal_drawn(void);

/* Print text whole, also where the command made the stream, which it shares, non-blocking. */
void cf_terminal_print(const char *text);

/* When nobody reads standard error now: say nothing there any more, so that nothing waits for it. */
void cf_terminal_give_up(void);

#endif

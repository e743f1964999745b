/*
 * account.h - do the packets that came from the sandbox and those that were logged agree?
 */
#ifndef CF_ENGINE_ACCOUNT_H
#define CF_ENGINE_ACCOUNT_H

struct cf_engine;

/*
 * Fill engine->accounting. The sandbox is still or dead, no UDP flow is left, all
 * relays are the loop's; TCP flows are still open, so that their sockets can be asked.
 */
void cf_account(struct cf_engine *engine);

#endif

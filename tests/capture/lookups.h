/* lookups.h - names that the program, or a library in it, asked the host to look up */
#ifndef CF_TEST_CAPTURE_LOOKUPS_H
#define CF_TEST_CAPTURE_LOOKUPS_H

/*
 * This file's getaddrinfo() and its like stand in for those of the C library:
 * numeric addresses and services go there, any other name is counted and not
 * found. Returns how many there were so far.
 */
unsigned cf_test_lookups(void);

#endif

/*
 * descriptors.h - descriptors run out
 */
#ifndef CF_TESTS_ENGINE_DESCRIPTORS_H
#define CF_TESTS_ENGINE_DESCRIPTORS_H

/*
 * This process gets n more descriptors, and then no other. The free numbers are
 * counted: what was opened and closed before leaves holes, not always the same.
 */
void descriptors_leave(int n);

/* As many as before descriptors_leave(). */
void descriptors_give_back(void);

#endif

/*
 * lifecycle.h
 *		The four states of a credential.
 */
#ifndef LC_LIFECYCLE_H
#define LC_LIFECYCLE_H

typedef enum LcStatus
{
	LC_GENERATING,
	LC_AVAILABLE,
	LC_ERROR,
	LC_INVALIDATED
} LcStatus;

/* The state that a value of the type credential_status stands for. */
extern LcStatus lc_status_of(Datum status);

#endif /* LC_LIFECYCLE_H */

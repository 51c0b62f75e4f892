/*
 * issue.c
 *		One credential, or a batch: snapshot, generate, store.
 */
#include "postgres.h"

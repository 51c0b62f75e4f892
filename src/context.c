/*
 * context.c
 *		Learning context keys, and what a source knows about contexts and users.
 */
#include "postgres.h"
